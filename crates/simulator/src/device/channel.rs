//! A device's push channel: what the nodes below `Push` tell (oma-dm.md §8.1, §9.1).

use std::{fmt, time::Duration};

use model::Timestamp;

/// How long a channel lives.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// When a device renews it.
const RENEWAL: Duration = Duration::from_hours(15 * 24);

/// `Push/Status` while there is no channel yet.
const NOT_ASSIGNED: u8 = 4;
/// `Push/Status` after the channel's end.
const EXPIRED: u8 = 5;

/// `Push/Status` after a push for which no session could be started.
const NO_SESSION: u8 = 7;

/// The channel of a device whose PFN is set.
#[derive(Clone)]
pub(super) struct PushChannel {
    pub(super) pfn: String,
    state: State,
    missed_push: bool,
}

#[derive(Clone)]
enum State {
    Wanted,
    Assigned { uri: String, since: Timestamp },
    Failed { push_status: u8 },
}

impl PushChannel {
    /// The PFN was written: a channel is wanted.
    pub(super) fn wanted(pfn: &str) -> Self {
        Self { pfn: pfn.to_owned(), state: State::Wanted, missed_push: false }
    }

    /// What WNS said to the device: a URI, or why not, as a value of `Push/Status`.
    pub(super) fn settle(&mut self, outcome: Result<String, u8>, now: Timestamp) {
        self.state = match outcome {
            Ok(uri) => State::Assigned { uri, since: now },
            Err(push_status) => State::Failed { push_status },
        };
    }

    pub(super) fn is_wanted(&self) -> bool {
        matches!(self.state, State::Wanted)
    }

    /// The URI, also an expired one: the device goes on showing it.
    pub(super) fn uri(&self) -> Option<&str> {
        match &self.state {
            State::Assigned { uri, .. } => Some(uri),
            State::Wanted | State::Failed { .. } => None,
        }
    }

    pub(super) fn push_status(&self, now: Timestamp) -> u8 {
        match self.state {
            State::Assigned { since, .. } if now - since >= LIFETIME => EXPIRED,
            State::Assigned { .. } if self.missed_push => NO_SESSION,
            State::Assigned { .. } => 0,
            State::Wanted => NOT_ASSIGNED,
            State::Failed { push_status } => push_status,
        }
    }

    /// A push came, and no session could be started.
    pub(super) fn miss_push(&mut self) {
        self.missed_push = true;
    }

    /// A session was held.
    pub(super) fn held_session(&mut self) {
        self.missed_push = false;
    }

    /// Whether it is time to renew it.
    pub(super) fn is_renewal_due(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Assigned { since, .. } if now - since >= RENEWAL)
    }
}

impl fmt::Debug for PushChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Wanted => "wanted".to_owned(),
            State::Assigned { since, .. } => format!("assigned {since}"),
            State::Failed { push_status } => format!("failed {push_status}"),
        };
        f.debug_struct("PushChannel").field("pfn", &self.pfn).field("state", &state).finish_non_exhaustive()
    }
}

//! A device's push channel: what the nodes below `Push` tell (oma-dm.md §8.1, §9.1).

use std::{fmt, time::Duration};

use model::Timestamp;

/// How long a channel lives.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// When a device renews it.
const RENEWAL: Duration = Duration::from_hours(15 * 24);

/// When a renewal that failed is tried again: at the earliest after the first, and within the second from then on: in 4 h, plus
/// or minus 1 h (oma-dm.md §9.1).
const RETRY: (Duration, Duration) = (Duration::from_hours(3), Duration::from_hours(2));
/// The same for a channel that has expired: in 1 day, plus or minus 4 h.
const RETRY_EXPIRED: (Duration, Duration) = (Duration::from_hours(20), Duration::from_hours(8));

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
    Assigned { uri: String, since: Timestamp, renew_at: Timestamp },
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
            Ok(uri) => State::Assigned { uri, since: now, renew_at: now + RENEWAL },
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

    /// When it is to be renewed; None without a channel.
    pub(super) fn renewal_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Assigned { renew_at, .. } => Some(renew_at),
            State::Wanted | State::Failed { .. } => None,
        }
    }

    /// The renewal failed. `chance` in 0..1 places the next try within its span.
    pub(super) fn renewal_failed(&mut self, now: Timestamp, chance: f64) {
        if let State::Assigned { since, renew_at, .. } = &mut self.state {
            let expired = now - *since >= LIFETIME;
            let (earliest, within) = if expired { RETRY_EXPIRED } else { RETRY };
            *renew_at = now + earliest + within.mul_f64(chance.clamp(0.0, 1.0));
        }
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

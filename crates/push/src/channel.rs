//! What is known of one device's push channel, and what may be done to it (DESIGN §4).

use std::time::Duration;

use model::{DeviceId, Pfn, PushId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ChannelUri, Mode, Settings, UriFingerprint, Verdict, pace::Pace, settings::doubled};

mod doubt;
mod hang;
mod import;
mod moving;
mod observe;
mod polling;
mod repair;

pub use doubt::PushedBy;
pub use import::ImportedChannel;
pub use observe::{Observation, Reading, Readings, WriteAnswer};
pub use polling::{PollObservation, PollWrite, Polling};
pub use repair::{WriteForm, WriteReason};

use repair::Repair;

/// A device's push channel: the PFN on the device, the `ChannelURI` and its generation, age and state.
///
/// Serialized without its `ChannelURI`, which is stored sealed and given back by [`Channel::restore`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Channel {
    state: ChannelState,
    /// Counts the device's `ChannelURI`s; 0 before the first.
    generation: u32,
    #[serde(skip)]
    uri: Option<ChannelUri>,
    /// The PFN under which `uri` was made, or which was last seen on or written to the device.
    pfn: Option<Pfn>,
    first_seen: Option<Timestamp>,
    /// What the age counts from.
    aged_from: Option<Timestamp>,
    /// Since when the channel is pending, stale or dead.
    since: Timestamp,
    push_status: Option<i32>,
    /// The last URIs that WNS called dead: they never come back.
    dead: Vec<UriFingerprint>,
    /// The URI under the app that the device came from: not ours, as long as it is reported.
    #[serde(default)]
    former: Option<UriFingerprint>,
    /// The device itself told of its channel: no other system's word counts any more.
    #[serde(default)]
    told: bool,
    gate: Gate,
    pace: Pace,
    /// The last push that may have reached the device, while no session has answered it: whichever summons it was for, the
    /// next one keeps its distance.
    #[serde(default)]
    unanswered: Option<(PushId, Timestamp)>,
    repair: Repair,
    /// The device refuses `Sequence`: writes go in a message of their own.
    plain_writes: bool,
    #[serde(default)]
    polling: Polling,
}

/// What a channel is good for (the table of DESIGN §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelState {
    /// Our PFN is not on the device yet: it has none, or another's.
    #[default]
    Unset,
    /// The device's push app was changed: the old URI still works under the old app.
    Moving,
    /// Our PFN is set, but there is no `ChannelURI` yet.
    Pending,
    /// A valid `ChannelURI` made under our PFN. Besides [`Self::Moving`], the only state that is pushed to.
    Live,
    /// Unchanged for longer than a channel lives.
    Stale,
    /// WNS answered 404 or 410 for this generation, or Push/Status said 5.
    Dead,
    /// Something that only the device or an operator can mend.
    Refused(Refusal),
}

/// Why a channel is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Push/Status said so: 1, or 8 and unknown values without a valid `ChannelURI` (oma-dm.md §8.1).
    PushStatus(i32),
    /// The device reported a `ChannelURI` that is not WNS's.
    InvalidUri,
    /// The device has no `DMClient` provider of our id: a write would create a bogus subtree.
    Provider,
    /// The device refused the PFN with this Status code (0: it never answered).
    Write(u16),
}

/// Why nothing is pushed to a channel for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Gate {
    until: Option<Timestamp>,
    /// Gates in a row, for doubling.
    step: u32,
    /// WNS answered 403: shut until the device's next session.
    until_session: bool,
}

impl ChannelState {
    /// The name in records, metrics and the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Moving => "moving",
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Dead => "dead",
            Self::Refused(_) => "refused",
        }
    }
}

impl Channel {
    /// The channel as it was stored, with its unsealed URI.
    #[must_use]
    pub fn restore(mut self, uri: Option<ChannelUri>) -> Self {
        self.uri = uri;
        self
    }

    /// The state, as of the last event; see [`Channel::expire`] for what time alone does.
    pub fn state(&self) -> ChannelState {
        self.state
    }

    /// The URI, whatever the state. [`Channel::pushable`] says whether it may be used.
    pub fn uri(&self) -> Option<&ChannelUri> {
        self.uri.as_ref()
    }

    /// Which of the device's URIs this is.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The PFN that the channel was made under, or that is known to be on the device.
    pub fn pfn(&self) -> Option<&Pfn> {
        self.pfn.as_ref()
    }

    /// When this URI was seen first.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.first_seen
    }

    /// When this URI counts as expired.
    pub fn expires_at(&self, settings: &Settings) -> Option<Timestamp> {
        self.aged_from.map(|from| from + settings.channel_life)
    }

    /// Since when it is dead.
    pub fn dead_since(&self) -> Option<Timestamp> {
        (self.state == ChannelState::Dead).then_some(self.since)
    }

    /// The last Push/Status that the device reported (oma-dm.md §8.1).
    pub fn push_status(&self) -> Option<i32> {
        self.push_status
    }

    /// Until when WNS's throttling, or a 403, keeps this channel shut; [`Timestamp::MAX`] means until a session.
    pub fn gated_until(&self) -> Option<Timestamp> {
        if self.gate.until_session { Some(Timestamp::MAX) } else { self.gate.until }
    }

    /// Whether the PFN must be written in a message of its own.
    pub fn plain_writes(&self) -> bool {
        self.plain_writes
    }

    /// Whether the state allows a push: a live URI, be it the old app's, that has not outlived itself.
    pub fn pushable(&self, now: Timestamp, settings: &Settings) -> bool {
        let alive = self.expires_at(settings).is_some_and(|end| now < end);
        let live = matches!(self.state, ChannelState::Live | ChannelState::Moving);
        live && self.uri.is_some() && alive
    }

    /// The earliest time at which gate, pace and the last unanswered push let another one go.
    pub fn next_push(&self, settings: &Settings) -> Timestamp {
        let gap = self.unanswered.map(|(_, at)| at + settings.min_gap);
        let gate = self.gated_until().max(gap).unwrap_or(Timestamp::EPOCH);
        gate.max(self.pace.next(settings))
    }

    /// Lets time do its part: a URI that is unchanged for longer than a channel lives is stale, and of no use any more if it
    /// is the old app's. Says whether it did.
    pub fn expire(&mut self, now: Timestamp, settings: &Settings) -> bool {
        let old = self.expires_at(settings).is_some_and(|end| now >= end);
        match self.state {
            ChannelState::Live if old => self.enter(ChannelState::Stale, now),
            ChannelState::Moving if old => self.part(ChannelState::Unset, now),
            _ => return false,
        }
        true
    }

    /// A push is about to go, or only to be recorded.
    pub(crate) fn pushing(&mut self, push: PushId, mode: Mode, now: Timestamp, settings: &Settings) {
        self.pace.push(now, settings);
        if mode != Mode::Observe {
            self.unanswered = Some((push, now));
        }
    }

    /// `push` certainly did not reach the device: the next one need not keep its distance. To be called besides
    /// [`Self::judge`] for every verdict that is not [`Verdict::may_have_arrived`].
    pub fn unsent(&mut self, push: PushId) {
        self.unanswered = self.unanswered.filter(|(last, _)| *last != push);
    }

    /// `push`, which was claimed at `claimed_at`, was never attempted: as if it had not been claimed.
    pub fn hand_back(&mut self, push: PushId, claimed_at: Timestamp, settings: &Settings) {
        self.unsent(push);
        self.pace.take_back(claimed_at, settings);
    }

    /// What WNS said about a push to `generation`. A verdict about another generation changes nothing.
    pub fn judge(&mut self, generation: u32, verdict: &Verdict, now: Timestamp, settings: &Settings) {
        if generation != self.generation {
            return;
        }
        match verdict {
            Verdict::ChannelDead => self.die(now),
            Verdict::ChannelThrottled => {
                let span = doubled(settings.channel_gate, self.gate.step, settings.channel_gate_max);
                self.gate.until = Some(now + span);
                self.gate.step += 1;
            }
            Verdict::Mismatch => self.gate.until_session = true,
            verdict if verdict.accepted() => self.gate = Gate::default(),
            _ => {}
        }
    }

    /// The device left, or came back as another: its next session starts from nothing. Dead URIs stay dead, and the
    /// generation goes on counting, so that a late verdict finds nothing to harm.
    pub fn forget(&mut self, now: Timestamp) {
        let dead = std::mem::take(&mut self.dead);
        *self = Self { generation: self.generation + 1, dead, since: now, ..Self::default() };
    }

    /// Another device of the same owner reported this URI: it is not ours any more (DESIGN §4, clones). A late verdict about
    /// it finds another generation.
    pub fn lose_uri(&mut self, now: Timestamp) {
        self.generation += u32::from(self.uri.take().is_some());
        self.enter(ChannelState::Unset, now);
    }

    /// An operator wants the PFN to be set again in the next session, whatever the budget says. A refusal is over: the
    /// device is asked anew.
    pub fn request_reset(&mut self, now: Timestamp) {
        self.repair.request();
        if matches!(self.state, ChannelState::Refused(_)) {
            let state = if self.pfn.is_some() { ChannelState::Pending } else { ChannelState::Unset };
            self.enter(state, now);
        }
    }

    fn die(&mut self, now: Timestamp) {
        let fingerprint = self.uri.as_ref().map(ChannelUri::fingerprint);
        // Two pushes may find it dead, and both deaths be doubted.
        if let Some(uri) = fingerprint.filter(|uri| !self.dead.contains(uri)) {
            self.dead.push(uri);
            if self.dead.len() > REMEMBERED_DEAD {
                self.dead.remove(0);
            }
        }
        self.enter(ChannelState::Dead, now);
    }

    fn enter(&mut self, state: ChannelState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}

/// A device gets a handful of URIs a year; nobody brings back one that is older than this many.
const REMEMBERED_DEAD: usize = 8;

/// What a channel's rules need to know besides the channel itself.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// The intervals and limits.
    pub settings: &'a Settings,
    /// The PFN of the device's push app.
    pub pfn: &'a Pfn,
    /// The device, for spreading resets over days.
    pub device: DeviceId,
    /// Whether the device's build is one whose channel renewal is known to fail (oma-dm.md §9.1).
    pub old_build: bool,
    /// Whether the fleet's budget allows a planned write now (`pfn_writes_per_hour`).
    pub may_write: bool,
}

impl Context<'_> {
    /// The age at which this device's channel is reset before it expires.
    fn reset_age(&self) -> Duration {
        let age = if self.old_build { self.settings.reset_age_old_builds } else { self.settings.reset_age };
        // The last bytes of a UUIDv7 are random: each device keeps a place of its own within the span.
        let place = self.device.uuid().as_bytes()[15];
        age.saturating_sub(self.settings.reset_jitter * u32::from(place) / 256)
    }
}

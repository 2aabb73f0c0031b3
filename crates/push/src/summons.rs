//! The calling of one device while it has live wakes: one schedule, one push in flight (DESIGN §5).

use std::time::Duration;

use model::{Priority, PushId, SummonsId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Attribution, Channel, ConnectionStatus, EndReason, Mode, Settings, Verdict,
    settings::{HOUR, doubled},
};

/// The calling of one device. It lives as long as one of its wakes does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summons {
    id: SummonsId,
    priority: Priority,
    /// The latest deadline of its live wakes.
    last_deadline: Timestamp,
    in_flight: Option<PushId>,
    /// Pushes since the last answer that were accepted, or may have been.
    unanswered: u32,
    /// How many of those there may be.
    allowed: u32,
    not_before: Timestamp,
    /// A wake asked for during an open session waits until this.
    held_until: Timestamp,
    window: Option<Window>,
    dropped: u8,
    failures: u8,
    /// The last push was ambiguous: the next one goes over a new connection.
    fresh_connection: bool,
    last: Option<LastPush>,
    /// Whether it is pushed for at all.
    #[serde(default)]
    mode: Mode,
}

/// The time within which a session is credited to a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    push: PushId,
    until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LastPush {
    Accepted,
    Offline,
    /// WNS throttled or refused the channel.
    ChannelHeld,
    /// WNS throttled or refused the push app.
    AppHeld,
    /// It failed, or may have.
    #[serde(rename = "other")]
    Failed,
}

/// A push that may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `X-WNS-TTL`.
    pub ttl: Duration,
    /// The generation of the channel that it goes to.
    pub generation: u32,
    /// Which try it is within the summons, from 1, counting those that were accepted or may have been.
    pub attempt: u8,
    /// Use a new connection.
    pub fresh_connection: bool,
    /// Nothing is to be sent: the push is only recorded, and no verdict follows.
    pub observed: bool,
}

impl Summons {
    /// A device without live wakes gets one. It is due from `now` on: among many that are due, the oldest goes first.
    pub fn open(
        id: SummonsId,
        priority: Priority,
        deadline: Timestamp,
        now: Timestamp,
        settings: &Settings,
    ) -> Self {
        Self {
            id,
            priority,
            last_deadline: deadline,
            in_flight: None,
            unanswered: 0,
            allowed: settings.max_unanswered.into(),
            not_before: now,
            held_until: Timestamp::EPOCH,
            window: None,
            dropped: 0,
            failures: 0,
            fresh_connection: false,
            last: None,
            mode: settings.mode,
        }
    }

    /// The configuration says how this device is treated.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Whether its device is pushed to.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its id.
    pub fn id(&self) -> SummonsId {
        self.id
    }

    /// The highest priority of its wakes.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// The push that is on its way.
    pub fn in_flight(&self) -> Option<PushId> {
        self.in_flight
    }

    /// The latest deadline of its live wakes.
    pub fn last_deadline(&self) -> Timestamp {
        self.last_deadline
    }

    /// Another wake joins. When all pushes are spent and the last window is over, it grants one more.
    pub fn join(&mut self, priority: Priority, deadline: Timestamp, now: Timestamp) {
        self.priority = self.priority.max(priority);
        self.last_deadline = self.last_deadline.max(deadline);
        let window_over = self.window.is_none_or(|window| window.until <= now);
        if self.unanswered >= self.allowed && window_over {
            self.allowed = self.unanswered.saturating_add(1);
        }
    }

    /// Some of its wakes ended: what the live ones still ask for.
    pub fn narrow(&mut self, priority: Priority, deadline: Timestamp) {
        self.priority = priority;
        self.last_deadline = deadline;
    }

    /// The device has an open session, or had one a moment ago: nothing is pushed before `until`.
    pub fn hold(&mut self, until: Timestamp) {
        self.held_until = until;
    }

    /// When the next push may go. [`Timestamp::MAX`] while one is in flight; the last deadline when none will.
    pub fn next_at(&self, channel: &Channel, now: Timestamp, settings: &Settings) -> Timestamp {
        if self.in_flight.is_some() {
            return Timestamp::MAX;
        }
        let off = self.mode == Mode::Off;
        if off || self.unanswered >= self.allowed || !channel.pushable(now, settings) {
            return self.last_deadline;
        }
        self.not_before.max(self.held_until).max(channel.next_push(settings)).min(self.last_deadline)
    }

    /// A push may go: records the attempt and the gap before it does, so that a crash cannot push twice (DESIGN §5,
    /// intent first). None if it is not due after all.
    pub fn claim(
        &mut self,
        push: PushId,
        channel: &mut Channel,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Claim> {
        let due = self.next_at(channel, now, settings) <= now && now < self.last_deadline;
        if !due {
            return None;
        }
        channel.pushing(push, self.mode, now, settings);
        self.unanswered = self.unanswered.saturating_add(1);
        let observed = self.mode == Mode::Observe;
        if observed {
            // As if WNS had taken it, and nobody came; but no session is credited to it.
            self.not_before = now + settings.answer_window.max(settings.min_gap);
        } else {
            self.in_flight = Some(push);
            self.not_before = now + settings.min_gap;
        }
        let ttl = (self.last_deadline - now).clamp(Duration::from_secs(1), settings.max_ttl);
        Some(Claim {
            ttl,
            generation: channel.generation(),
            attempt: u8::try_from(self.unanswered).unwrap_or(u8::MAX),
            fresh_connection: self.fresh_connection,
            observed,
        })
    }

    /// What became of `push`. `chance` in 0..1 spreads retries. A verdict about another push changes nothing.
    pub fn judge(
        &mut self,
        push: PushId,
        claim_ttl: Duration,
        verdict: &Verdict,
        (now, chance): (Timestamp, f64),
        settings: &Settings,
    ) {
        if self.in_flight != Some(push) {
            return;
        }
        self.in_flight = None;
        self.fresh_connection = matches!(verdict, Verdict::Ambiguous | Verdict::Failed);
        match verdict {
            Verdict::Sent { connection } => self.accepted(push, *connection, claim_ttl, now, settings),
            Verdict::SentUnknown => self.accepted(push, None, claim_ttl, now, settings),
            Verdict::Ambiguous => self.last = Some(LastPush::Failed),
            Verdict::Dropped => self.was_dropped(now, settings),
            Verdict::Failed => self.failed(now, chance, settings),
            Verdict::ChannelThrottled | Verdict::ChannelDead | Verdict::Mismatch | Verdict::Malformed => {
                self.refund();
                self.last = Some(LastPush::ChannelHeld);
            }
            // Gates and faults belong to the app: when it opens, this push is due.
            Verdict::CredentialFault
            | Verdict::AppBlocked
            | Verdict::AppThrottled { .. }
            | Verdict::TokenUnavailable { .. }
            | Verdict::ChannelSuspect => {
                self.refund();
                self.not_before = now;
                self.last = Some(LastPush::AppHeld);
            }
        }
    }

    /// The push's lease ran out: it may have been sent. It counts, and the gap stays (DESIGN §5).
    pub fn lease_expired(&mut self, push: PushId) {
        if self.in_flight == Some(push) {
            self.in_flight = None;
            self.fresh_connection = true;
            self.last = Some(LastPush::Failed);
        }
    }

    /// The claimed push was never attempted, because the process is stopping: as if it had not been claimed.
    pub fn hand_back(&mut self, push: PushId, now: Timestamp) {
        if self.in_flight == Some(push) {
            self.in_flight = None;
            self.refund();
            self.not_before = now;
        }
    }

    /// The process that opens sessions was away for `away`: a window that was open then stays open for that much longer.
    pub fn extend_window(&mut self, away: Duration, since: Timestamp) {
        if let Some(window) = self.window.as_mut().filter(|window| window.until > since) {
            window.until = window.until + away;
            self.not_before = self.not_before.max(window.until);
        }
    }

    /// Why a session that starts at `now` came. `pushed` says whether the device itself reports a push.
    pub fn attribute(&self, origin: Origin, now: Timestamp) -> (Attribution, Option<PushId>) {
        let window = self.window.map(|window| window.push);
        let open = self.window.is_some_and(|window| now <= window.until) || self.in_flight.is_some();
        match origin {
            Origin::Push => (Attribution::Confirmed, self.in_flight.or(window)),
            Origin::Unknown if open => (Attribution::Likely, self.in_flight.or(window)),
            Origin::Unknown | Origin::Other => (Attribution::Coincidence, None),
        }
    }

    /// Why a wake of this summons that ends now stayed without an answer: what mattered last.
    pub fn why(
        &self,
        channel: &Channel,
        app: Option<EndReason>,
        now: Timestamp,
        settings: &Settings,
    ) -> EndReason {
        match self.last {
            Some(LastPush::Accepted) => return EndReason::NoSession,
            Some(LastPush::Offline) => return EndReason::DeviceOffline,
            Some(LastPush::ChannelHeld | LastPush::AppHeld | LastPush::Failed) | None => {}
        }
        if self.mode != Mode::On {
            return EndReason::PushOff;
        }
        if !channel.pushable(now, settings) {
            return EndReason::NoChannel;
        }
        if let Some(reason) = app {
            return reason;
        }
        if channel.gated_until().is_some_and(|until| until > now) {
            return EndReason::ChannelGated;
        }
        self.why_unsent(channel, now, settings)
    }

    /// The same where neither gate nor fault is left to blame, and WNS has taken no push.
    fn why_unsent(&self, channel: &Channel, now: Timestamp, settings: &Settings) -> EndReason {
        match self.last {
            Some(LastPush::ChannelHeld) => EndReason::ChannelGated,
            Some(LastPush::AppHeld) => EndReason::AppGated,
            Some(_) => EndReason::PushFailed,
            None if self.in_flight.is_some() => EndReason::PushFailed,
            None if channel.next_push(settings) > now => EndReason::ChannelGated,
            None => EndReason::NotPushed,
        }
    }

    fn accepted(
        &mut self,
        push: PushId,
        connection: Option<ConnectionStatus>,
        ttl: Duration,
        now: Timestamp,
        settings: &Settings,
    ) {
        let until = now + settings.answer_window;
        self.window = Some(Window { push, until });
        self.not_before = self.not_before.max(until);
        self.dropped = 0;
        self.failures = 0;
        self.last = Some(LastPush::Accepted);
        if connection == Some(ConnectionStatus::Disconnected) {
            // WNS keeps it for the device until the TTL runs out: a second one would only replace it.
            self.not_before = self.not_before.max(now + ttl);
            self.last = Some(LastPush::Offline);
        }
    }

    fn was_dropped(&mut self, now: Timestamp, settings: &Settings) {
        self.refund();
        let delays = &settings.dropped_delays;
        let delay = delays.get(usize::from(self.dropped)).or(delays.last()).copied().unwrap_or(HOUR);
        self.dropped = self.dropped.saturating_add(1);
        self.not_before = now + delay;
        self.last = Some(LastPush::Offline);
    }

    fn failed(&mut self, now: Timestamp, chance: f64, settings: &Settings) {
        self.refund();
        let most = doubled(settings.backoff, u32::from(self.failures), settings.backoff_max);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + most.mul_f64(chance.clamp(0.0, 1.0));
        self.last = Some(LastPush::Failed);
    }

    /// The claimed push certainly did not reach WNS, or WNS did not take it: it does not count.
    fn refund(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }
}

/// What a device says about why it opened a session: the first number of `UserAgentOrigin` (oma-dm.md §1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// 3: a WNS push.
    Push,
    /// Another number.
    Other,
    /// It says nothing, which is the default of every Windows.
    #[default]
    Unknown,
}

impl Origin {
    /// Reads the header: a comma list whose first number is about this session. Anything else says nothing.
    pub fn parse(text: &str) -> Self {
        match text.split(',').next().unwrap_or_default().trim().parse::<u8>() {
            Ok(3) => Self::Push,
            Ok(_) => Self::Other,
            Err(_) => Self::Unknown,
        }
    }
}

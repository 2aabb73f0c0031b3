//! The intervals and limits of the rules.

use std::{collections::BTreeMap, time::Duration};

use model::{Labels, PushAppName};
use serde::{Deserialize, Serialize};

use crate::{ExtraOrigins, PollSchedule};

/// Every interval and limit of the rules of push (DESIGN §4, §5). [`Settings::default`] is what production wants;
/// tests and the demo shorten it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether anything is pushed at all.
    pub mode: Mode,
    /// Push apps and labels of devices for which that is different.
    pub modes: Modes,
    /// The body of a push.
    pub payload: Vec<u8>,
    /// `X-WNS-PRIORITY`, 1 to 4; none leaves WNS's default.
    pub wns_priority: Option<u8>,
    /// The longest `X-WNS-TTL`.
    pub max_ttl: Duration,
    /// Between two pushes to a device while the first is unanswered.
    pub min_gap: Duration,
    /// How long a device may take to come after WNS accepted a push.
    pub answer_window: Duration,
    /// Accepted pushes without an answer until a summons waits for its end.
    pub max_unanswered: u8,
    /// After a session's end, until a wake that was asked for during it is pushed.
    pub open_session_delay: Duration,
    /// How long an authenticated session counts as open after it was last heard.
    pub open_session_silence: Duration,
    /// The most pushes of one app in a second, by one process; 0 is no bound.
    pub max_pushes_per_second: u32,
    /// Pushes in a row to one channel before [`Self::channel_refill`] holds them back.
    pub channel_burst: u8,
    /// How often a channel may be pushed to after a burst.
    pub channel_refill: Duration,
    /// The most pushes to a channel in an hour; 0 is no bound.
    pub channel_hourly: u8,
    /// The first gate of a throttled channel; each further one is twice as long, up to [`Self::channel_gate_max`].
    pub channel_gate: Duration,
    /// The longest gate of a throttled channel.
    pub channel_gate_max: Duration,
    /// The delays after 200 `dropped`, one after the other; the last one repeats.
    pub dropped_delays: Vec<Duration>,
    /// The first back-off of a failed push; doubles, with full jitter. Also the first gate of a push app after
    /// [`Self::app_patience`] failures in a row, and the shortest that WNS may ask for.
    pub backoff: Duration,
    /// The longest back-off of a failed push.
    pub backoff_max: Duration,
    /// The first gate of a push app that WNS throttled without saying for how long; doubles up to [`Self::app_gate_max`].
    pub app_gate: Duration,
    /// The longest gate of a push app, also when WNS asks for more.
    pub app_gate_max: Duration,
    /// The first delay until a push app with a credential fault is probed; doubles up to [`Self::fault_probe_max`].
    pub fault_probe: Duration,
    /// The longest delay between probes of a faulted push app.
    pub fault_probe_max: Duration,
    /// Failures of one kind in a row that fault a push app (403s, malformed pushes) or open its breaker.
    pub app_patience: u16,
    /// How many of an app's last answers are looked at for mass death (DESIGN §4).
    pub mass_death_window: u16,
    /// How many there must be, before deaths of more than half of them are suspect.
    pub mass_death_least: u16,

    /// Where pushes may go besides `https://*.notify.windows.com`.
    pub extra_origins: ExtraOrigins,
    /// How long a `ChannelURI` lives (wns.md §5).
    pub channel_life: Duration,
    /// The age at which a channel is reset before it expires.
    pub reset_age: Duration,
    /// The same on builds whose renewal is known to fail (oma-dm.md §9.1).
    pub reset_age_old_builds: Duration,
    /// Resets are spread over this span by device.
    pub reset_jitter: Duration,
    /// Without a `ChannelURI` for this long (and two sessions), the PFN is set again.
    pub pending_patience: Duration,
    /// Between two writes of the PFN for the same trouble.
    pub pfn_write_gap: Duration,
    /// When a write of the PFN is judged, at the earliest.
    pub pfn_write_judged: Duration,
    /// Fruitless writes in a row until the device is left alone for [`Self::pfn_write_rest`].
    pub pfn_write_attempts: u8,
    /// How long a device is left alone then.
    pub pfn_write_rest: Duration,
    /// When a refused write is tried again.
    pub refused_write_retry: Duration,
    /// The most writes of a device's PFN in a day, whatever it answers.
    pub pfn_writes_per_day: u8,
    /// The polling schedule that devices are to have; none leaves theirs alone.
    pub poll: Option<PollSchedule>,
    /// How often the polling schedule is read, where one is to be set.
    pub poll_every: Duration,
}

/// Whether anything is pushed at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Yes.
    #[default]
    On,
    /// No: channels are looked after, and the pushes that would go are recorded.
    Observe,
    /// No, and channels are not looked after: wakes wait for their device's next session.
    Off,
}

/// Where the mode is another than in general: for rolling out, a part of the fleet after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// By label, as key and value: the first that a device has decides, whatever its push app is.
    pub labels: Vec<((String, String), Mode)>,
    /// By push app.
    pub apps: BTreeMap<PushAppName, Mode>,
}

impl Settings {
    /// The mode of a push app, for devices without a label that decides.
    pub fn mode_of_app(&self, app: &str) -> Mode {
        let of_app = self.modes.apps.iter().find(|(name, _)| name.as_str() == app);
        of_app.map_or(self.mode, |(_, mode)| *mode)
    }

    /// The mode of a device of this push app and with these labels: the most particular one that there is.
    pub fn mode_of(&self, app: &str, labels: &Labels) -> Mode {
        let of_label = self.modes.labels.iter().find(|((key, value), _)| labels.has(key, value));
        of_label.map_or_else(|| self.mode_of_app(app), |(_, mode)| *mode)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::On,
            modes: Modes::default(),
            payload: b"wake".to_vec(),
            wns_priority: None,
            max_ttl: HOUR * 24,
            min_gap: MINUTE,
            answer_window: MINUTE * 10,
            max_unanswered: 3,
            open_session_delay: Duration::from_secs(5),
            open_session_silence: MINUTE,
            max_pushes_per_second: 0,
            channel_burst: 5,
            channel_refill: MINUTE,
            channel_hourly: 30,
            channel_gate: MINUTE * 10,
            channel_gate_max: HOUR,
            dropped_delays: [1, 5, 15, 60].map(|minutes| MINUTE * minutes).to_vec(),
            backoff: Duration::from_secs(1),
            backoff_max: MINUTE * 5,
            app_gate: MINUTE,
            app_gate_max: HOUR,
            fault_probe: MINUTE,
            fault_probe_max: MINUTE * 15,
            app_patience: 10,
            mass_death_window: 100,
            mass_death_least: 20,
            extra_origins: ExtraOrigins::default(),
            channel_life: DAY * 30,
            reset_age: DAY * 25,
            reset_age_old_builds: DAY * 20,
            reset_jitter: DAY,
            pending_patience: DAY,
            pfn_write_gap: HOUR * 4,
            pfn_write_judged: HOUR,
            pfn_write_attempts: 3,
            pfn_write_rest: DAY * 7,
            refused_write_retry: DAY,
            pfn_writes_per_day: 12,
            poll: None,
            poll_every: DAY * 7,
        }
    }
}

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// `base` doubled `step` times, at most `max`.
pub(crate) fn doubled(base: Duration, step: u32, max: Duration) -> Duration {
    base.saturating_mul(1 << step.min(20)).min(max)
}

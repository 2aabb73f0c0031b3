//! Canaries: devices that the service wakes by a schedule, to see that waking works.

use std::time::Duration;

use model::Timestamp;
use push::{Attribution, Outcome};

use super::{Metrics, catalogue::Family};

pub(super) const WAKES: Family = Family {
    name: "reveille_canary_wakes_total",
    labels: &["canary", "outcome"],
    help: "Wakes of canaries that ended, by outcome; coincidence: the device came by itself, not_asked: no wake was made.",
};
pub(super) const TIME_TO_SESSION: Family = Family {
    name: "reveille_canary_time_to_session_seconds",
    labels: &["canary"],
    help: "Time from a canary's wake to the session that a push brought.",
};

pub(super) const ANSWERED: Family = Family {
    name: "reveille_canary_answered_timestamp_seconds",
    labels: &["canary"],
    help: "When this replica last saw a push bring the canary, in seconds since 1970; none until it did.",
};
pub(super) const INTERVAL: Family = Family {
    name: "reveille_canary_interval_seconds",
    labels: &["canary"],
    help: "How often the canary is woken.",
};

/// A canary that came by itself shows nothing of pushes.
const COINCIDENCE: &str = "coincidence";
/// No wake was made: there is no such device, or the database did not take it.
const NOT_ASKED: &str = "not_asked";

/// What the callers of canaries' wakes begin with; the rest is the canary's name. No other caller is called so.
const CALLERS: &str = "canary/";

/// The caller of a canary's wakes.
pub fn canary_caller(canary: &str) -> String {
    format!("{CALLERS}{canary}")
}

impl Metrics {
    /// There is a canary of this name, woken so often. Its outcomes stand at zero until there are some.
    pub fn canary(&self, canary: &str, every: Duration) {
        self.canary_interval.with_label_values(&[canary]).set(every.as_secs_f64());
        for outcome in ["answered", COINCIDENCE, "unanswered", "failed", "cancelled", NOT_ASKED] {
            self.canary_wakes.with_label_values(&[canary, outcome]);
        }
        self.canary_time_to_session.with_label_values(&[canary]);
    }

    /// The time for a canary's wake came and went without one.
    pub fn canary_not_asked(&self, canary: &str) {
        self.canary_wakes.with_label_values(&[canary, NOT_ASKED]).inc();
    }

    /// A wake of `caller` ended; nothing, if that is no canary.
    pub(crate) fn canary_ended(&self, caller: &str, outcome: Outcome, asked: Timestamp, ended: Timestamp) {
        let Some(canary) = caller.strip_prefix(CALLERS) else { return };
        let by_itself = outcome.answer().is_some_and(|answer| answer.attribution == Attribution::Coincidence);
        let name = if by_itself { COINCIDENCE } else { outcome.name() };
        self.canary_wakes.with_label_values(&[canary, name]).inc();
        if outcome.answer().is_some() && !by_itself {
            let after = ended.since(asked).as_secs_f64();
            self.canary_time_to_session.with_label_values(&[canary]).observe(after);
            let time = ended.since(Timestamp::EPOCH).as_secs_f64();
            self.canary_answered.with_label_values(&[canary]).set(time);
        }
    }
}

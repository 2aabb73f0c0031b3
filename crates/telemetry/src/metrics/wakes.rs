//! Wakes: asked for, ended, and how long devices took.

use std::time::Duration;

use model::Priority;
use push::{Attribution, EndReason, Outcome};

use super::{Metrics, catalogue::Family};

pub(super) const ASKED: Family =
    Family { name: "reveille_wakes_asked_total", labels: &["priority"], help: "Wakes that were accepted." };
pub(super) const ENDED: Family = Family {
    name: "reveille_wakes_total",
    labels: &["outcome", "reason"],
    help: "Wakes that ended, by outcome and by the reason why nobody came (none: somebody did, or nobody wanted one).",
};
pub(super) const TIME_TO_SESSION: Family = Family {
    name: "reveille_wake_time_to_session_seconds",
    labels: &["attribution"],
    help: "Time from asking for a wake to the session that answered it, by how sure it is that a push brought it.",
};

/// From a device that is awake and connected to one that comes by its schedule.
pub(super) const TIMES: &[f64] = &[
    0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0,
    86_400.0,
];

/// The value of a label where there is nothing to tell.
const NONE: &str = "none";

impl Metrics {
    pub(super) fn begin_wakes(&self) {
        for priority in [Priority::Interactive, Priority::Bulk] {
            self.wakes_asked.with_label_values(&[priority_name(priority)]);
        }
        for outcome in ["answered", "cancelled"] {
            self.wakes.with_label_values(&[outcome, NONE]);
        }
        for attribution in [Attribution::Confirmed, Attribution::Likely, Attribution::Coincidence] {
            self.time_to_session.with_label_values(&[attribution.name()]);
        }
    }

    /// A wake was accepted. One that was asked for again under its idempotency key is not another one.
    pub fn wake_asked(&self, priority: Priority) {
        self.wakes_asked.with_label_values(&[priority_name(priority)]).inc();
    }

    /// A wake ended, so long after it was asked for.
    pub(crate) fn wake_ended(&self, outcome: Outcome, after: Duration) {
        let reason = outcome.reason().map_or(NONE, EndReason::name);
        self.wakes.with_label_values(&[outcome.name(), reason]).inc();
        if let Some(answer) = outcome.answer() {
            self.time_to_session.with_label_values(&[answer.attribution.name()]).observe(after.as_secs_f64());
        }
    }
}

/// The value of the label `priority`.
pub(super) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Interactive => "interactive",
        Priority::Bulk => "bulk",
    }
}

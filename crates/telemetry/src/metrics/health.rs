//! How the process itself fares.

use std::time::Duration;

use super::{
    Metrics,
    catalogue::{Family, PLAIN},
};

pub(super) const CHECK_OK: Family = Family {
    name: "reveille_health_check_ok",
    labels: &["check"],
    help: "1 if the check of readiness passed, or is merely degraded; 0 if it failed.",
};
pub(super) const DISPATCHER_LAG: Family = Family {
    name: "reveille_dispatcher_lag_seconds",
    labels: &["loop"],
    help: "Time since a loop of the dispatcher began its last round.",
};
pub(super) const SPANS_DROPPED: Family = Family {
    name: "reveille_telemetry_spans_dropped_total",
    labels: &[],
    help: "Spans that were not exported: the collector was away, or there were too many.",
};

impl Metrics {
    /// How a check of readiness ended.
    pub fn check(&self, check: &str, passed: bool) {
        self.check_ok.with_label_values(&[check]).set(f64::from(u8::from(passed)));
    }

    /// For how long a loop of the dispatcher has not begun a round.
    pub fn dispatcher_lag(&self, of: &str, lag: Duration) {
        self.dispatcher_lag.with_label_values(&[of]).set(lag.as_secs_f64());
    }

    /// Spans were dropped.
    pub fn spans_dropped(&self, count: u64) {
        self.spans_dropped.with_label_values(PLAIN).inc_by(count);
    }
}

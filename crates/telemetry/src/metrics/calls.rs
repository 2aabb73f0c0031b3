//! gRPC calls.

use std::time::Duration;

use super::{Metrics, catalogue::Family};

pub(super) const CALLS: Family = Family {
    name: "reveille_grpc_calls_total",
    labels: &["method", "code"],
    help: "gRPC calls that ended, by method and status code.",
};
pub(super) const DURATION: Family = Family {
    name: "reveille_grpc_call_duration_seconds",
    labels: &["method"],
    help: "Time from a gRPC call to the last byte of its answer; streams last as long as they are watched.",
};

impl Metrics {
    /// A call ended.
    pub fn called(&self, method: &str, code: &str, took: Duration) {
        self.calls.with_label_values(&[method, code]).inc();
        self.call_duration.with_label_values(&[method]).observe(took.as_secs_f64());
    }
}

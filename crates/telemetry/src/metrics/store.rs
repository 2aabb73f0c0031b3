//! The database.

use std::time::Duration;

use super::{
    Metrics,
    catalogue::{Family, PLAIN},
    fleet::float,
};

pub(super) const BATCH_UNITS: Family = Family {
    name: "reveille_store_batch_units",
    labels: &[],
    help: "Units of work that were tried in one transaction.",
};
pub(super) const BATCH_DURATION: Family = Family {
    name: "reveille_store_batch_duration_seconds",
    labels: &["result"],
    help: "Time that a transaction took, by whether it was committed or rolled back.",
};
pub(super) const QUEUE_WAIT: Family = Family {
    name: "reveille_store_queue_wait_seconds",
    labels: &[],
    help: "Time that the unit which waited longest had waited when its transaction began.",
};
pub(super) const QUEUE_UNITS: Family = Family {
    name: "reveille_store_queue_units",
    labels: &[],
    help: "Units of work that wait for the next transaction.",
};

/// Up to the most that go together.
pub(super) const UNITS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// A transaction that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Units of work in it.
    pub units: usize,
    /// How long the one that waited longest had waited when it began.
    pub waited: Duration,
    /// How long it took.
    pub took: Duration,
    /// Whether it was committed.
    pub committed: bool,
}

impl Metrics {
    /// A transaction is over.
    pub fn batch(&self, batch: Batch) {
        let result = if batch.committed { "committed" } else { "rolled_back" };
        self.batch_units.with_label_values(PLAIN).observe(float(batch.units as u64));
        self.batch_duration.with_label_values(&[result]).observe(batch.took.as_secs_f64());
        self.queue_wait.with_label_values(PLAIN).observe(batch.waited.as_secs_f64());
    }

    /// How many units wait.
    pub fn store_queue(&self, units: usize) {
        self.queue_units.with_label_values(PLAIN).set(float(units as u64));
    }
}

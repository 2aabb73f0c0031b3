//! What can be seen of the transactions, by whoever measures them.

use std::{fmt, sync::OnceLock, time::Duration};

/// A transaction that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Units of work that were tried in it.
    pub units: usize,
    /// How long the unit that waited longest had waited when it began.
    pub waited: Duration,
    /// How long it took.
    pub took: Duration,
    /// Whether it was committed.
    pub committed: bool,
}

/// Who is told of each transaction; nobody at first.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<Box<dyn Fn(Batch) + Send + Sync>>);

impl Observer {
    /// From now on `observe` is told. Whoever came first stays.
    pub(crate) fn set(&self, observe: impl Fn(Batch) + Send + Sync + 'static) {
        // The store has one observer: the process that it belongs to.
        let _ = self.0.set(Box::new(observe));
    }

    pub(crate) fn tell(&self, batch: Batch) {
        if let Some(observe) = self.0.get() {
            observe(batch);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

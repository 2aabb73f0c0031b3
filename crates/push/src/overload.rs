//! The word that there is too much to do, from where devices are met to where they are called (DESIGN §5).

use std::sync::atomic::{AtomicU64, Ordering};

/// How often somebody had too much to do. It is shared: one side raises it, the other looks whether it rose.
#[derive(Debug, Default)]
pub struct Overload(AtomicU64);

impl Overload {
    /// There is too much to do: a device was sent away, or will soon be.
    pub fn raise(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was raised.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

//! What the bulk wakes of all push apps share in this process: the pace of the sessions that they cause.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::Timestamp;
use push::{Overload, SessionPace};

/// The pace of bulk. Cheap to clone: all clones share it.
#[derive(Clone)]
pub(crate) struct Bulk(Arc<Mutex<Shared>>);

struct Shared {
    pace: SessionPace,
    overload: Arc<Overload>,
    /// How often it had been raised when it was last looked at.
    heeded: u64,
}

impl Bulk {
    pub(crate) fn new(max_per_second: u32, overload: Arc<Overload>, now: Timestamp) -> Self {
        let (pace, heeded) = (SessionPace::new(max_per_second, now), overload.count());
        Self(Arc::new(Mutex::new(Shared { pace, overload, heeded })))
    }

    /// Takes as many of `wanted` as may go now. What does not go is put back.
    pub(crate) fn take(&self, wanted: u32, now: Timestamp) -> u32 {
        let mut shared = self.shared();
        shared.heed(now);
        shared.pace.take(wanted, now)
    }

    /// Sessions a second that bulk may cause; None is no bound.
    pub(crate) fn bound(&self, now: Timestamp) -> Option<f64> {
        let mut shared = self.shared();
        shared.heed(now);
        shared.pace.bound(now)
    }

    /// So many of what was taken did not go.
    pub(crate) fn put_back(&self, count: u32) {
        self.shared().pace.put_back(count);
    }

    /// How long until more may go; none if nothing is held back.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.shared().pace.wait()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Looks whether somebody had too much to do since the last time.
    fn heed(&mut self, now: Timestamp) {
        let raised = self.overload.count();
        if raised != std::mem::replace(&mut self.heeded, raised) && self.pace.lower(now) {
            let per_second = self.pace.bound(now);
            tracing::info!(per_second, "there is too much to do: bulk wakes go slower");
        }
    }
}

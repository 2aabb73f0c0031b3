//! What happens when there is too much to do: devices that begin a session are sent away, and those in one get through
//! (DESIGN §3).

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crate::{Inner, refusal::Refusal};

/// One message that is worked on. Those that wait for their sender, or for a moment to pass, are none.
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    pub(crate) fn take(under_way: &'a AtomicUsize) -> Self {
        under_way.fetch_add(1, Ordering::Relaxed);
        Self(under_way)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    /// Whether one more message can be worked on.
    pub(crate) fn admit(&self, msg_id: u32) -> Result<(), Refusal> {
        let full = self.under_way.load(Ordering::Relaxed) >= self.settings.max_under_way;
        if full && msg_id == 1 { Err(Refusal::Overloaded(self.overload_wait())) } else { Ok(()) }
    }

    /// Between half and one and a half times the mean, so that those who are sent away do not come back together.
    pub(crate) fn overload_wait(&self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the edge where a device is sent away")]
        let spread = 0.5 + rand::random::<f64>();
        self.settings.overload_wait.mul_f64(spread)
    }
}

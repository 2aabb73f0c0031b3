//! What happens when there is too much to do: devices that begin a session are sent away, those in one get through
//! (DESIGN §3), and fewer are called (DESIGN §5).

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
        let (under_way, most) = (self.under_way.load(Ordering::Relaxed), self.settings.max_under_way);
        if is_much(under_way, most) {
            // Better fewer calls than devices that are sent away.
            self.overload.raise();
        }
        let full = under_way >= most;
        if full && msg_id == 1 { Err(Refusal::Overloaded(self.overload_wait())) } else { Ok(()) }
    }

    /// Between half and one and a half times the mean, so that those who are sent away do not come back together.
    pub(crate) fn overload_wait(&self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the edge where a device is sent away")]
        let spread = 0.5 + rand::random::<f64>();
        self.settings.overload_wait.mul_f64(spread)
    }
}

/// Whether three quarters of what can be worked on are under way.
fn is_much(under_way: usize, most: usize) -> bool {
    under_way >= most - most / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_are_much() {
        for (most, much) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (10, 8), (1_024, 768)] {
            assert!(is_much(much, most) && is_much(most, most), "of {most}");
            assert!(much == 0 || !is_much(much - 1, most), "of {most}");
        }
    }
}

//! Throttling by the generic cell rate algorithm.

use model::Timestamp;

use super::settings::Limit;

/// How much of a [`Limit`] has been used: the time at which the whole burst will be free again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    free_at: Timestamp,
}

impl Usage {
    /// Takes one at `now`, if the limit allows.
    pub(super) fn take(&mut self, limit: Limit, now: Timestamp) -> bool {
        let next = self.free_at.max(now) + limit.interval;
        let allowed = next - now <= limit.interval * limit.burst;
        if allowed {
            self.free_at = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_then_one_per_interval() {
        let limit = Limit { burst: 2, interval: Duration::from_secs(10) };
        let mut usage = Usage::default();
        let start = Timestamp::from_micros(1_000_000_000);
        for (second, expect) in
            [(0, true), (0, true), (0, false), (9, false), (10, true), (11, false), (60, true)]
        {
            assert_eq!(usage.take(limit, start + Duration::from_secs(second)), expect, "at {second} s");
        }
    }
}

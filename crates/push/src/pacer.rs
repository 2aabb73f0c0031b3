//! How many pushes of one app are under way at a time (DESIGN §5): starts low, rises while WNS is content, halves when not.

use std::time::Duration;

use model::Timestamp;

use crate::Verdict;

/// The concurrency of one push app in one process: additive increase, multiplicative decrease.
#[derive(Clone, Debug)]
pub struct Pacer {
    limit: f64,
    under_way: u32,
    halved_at: Timestamp,
}

/// Where every start begins.
const START: f64 = 4.0;
/// Two hundred fifty-six connections are more than one WNS host has been seen to serve one sender well.
const CEILING: f64 = 256.0;
/// Throttled answers within this time are about the same burst.
const BURST: Duration = Duration::from_secs(1);

impl Default for Pacer {
    fn default() -> Self {
        Self { limit: START, under_way: 0, halved_at: Timestamp::EPOCH }
    }
}

impl Pacer {
    /// How many more pushes may start now.
    pub fn free(&self) -> u32 {
        self.limit().saturating_sub(self.under_way)
    }

    /// How many may be under way.
    pub fn limit(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 256")]
        {
            self.limit as u32
        }
    }

    /// How many are under way.
    pub fn under_way(&self) -> u32 {
        self.under_way
    }

    /// A push starts.
    pub fn start(&mut self) {
        self.under_way += 1;
    }

    /// A push ended with this verdict; none if it was never sent.
    pub fn finish(&mut self, verdict: Option<&Verdict>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        match verdict {
            Some(Verdict::AppThrottled { .. }) => self.halve(now),
            Some(verdict) if verdict.accepted() => {
                self.limit = (self.limit + 1.0 / self.limit).min(CEILING);
            }
            _ => {}
        }
    }

    /// The app was gated: when it opens, the start is slow.
    pub fn restart(&mut self) {
        self.limit = self.limit.min(START);
    }

    fn halve(&mut self, now: Timestamp) {
        if self.halved_at + BURST <= now {
            self.limit = (self.limit / 2.0).max(1.0);
            self.halved_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_slowly_and_halves_once_per_burst() {
        let mut pacer = Pacer::default();
        let now = Timestamp::EPOCH + Duration::from_secs(100);
        for _ in 0..1_000 {
            pacer.start();
            pacer.finish(Some(&Verdict::SentUnknown), now);
        }
        let risen = pacer.limit();
        assert!((40..60).contains(&risen), "{risen}");
        for _ in 0..10 {
            pacer.start();
            pacer.finish(Some(&Verdict::AppThrottled { retry_after: None }), now);
        }
        assert_eq!(pacer.limit(), risen / 2);
        assert_eq!(pacer.under_way(), 0);
    }
}

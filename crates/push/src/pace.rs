//! How often one channel may be pushed to, whoever asks (DESIGN §5).

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Settings, settings::HOUR};

/// The pushes of the last hour to one channel: a burst, then a slow refill, and a bound per hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// The pushes of the last hour, oldest first; at most [`Settings::channel_hourly`].
    recent: Vec<Timestamp>,
    /// When the burst will be whole again.
    refilled_at: Timestamp,
}

impl Pace {
    /// The earliest time at which the next push may go.
    pub(crate) fn next(&self, settings: &Settings) -> Timestamp {
        let spare = settings.channel_refill * u32::from(settings.channel_burst.saturating_sub(1));
        let by_burst = self.refilled_at - spare;
        let hourly = usize::from(settings.channel_hourly);
        let by_hour = match self.recent.len().checked_sub(hourly) {
            Some(oldest) if hourly > 0 => self.recent[oldest] + HOUR,
            _ => Timestamp::EPOCH,
        };
        by_burst.max(by_hour)
    }

    /// A push goes at `now`.
    pub(crate) fn push(&mut self, now: Timestamp, settings: &Settings) {
        self.refilled_at = self.refilled_at.max(now) + settings.channel_refill;
        self.recent.retain(|&at| at + HOUR > now);
        self.recent.push(now);
        // Without a bound, the last one is kept all the same: it may be taken back.
        let surplus = self.recent.len().saturating_sub(settings.channel_hourly.max(1).into());
        self.recent.drain(..surplus);
    }

    /// The push of `at` was never made: as if it had not gone.
    pub(crate) fn take_back(&mut self, at: Timestamp, settings: &Settings) {
        if let Some(index) = self.recent.iter().rposition(|&push| push == at) {
            self.recent.remove(index);
            self.refilled_at = self.refilled_at - settings.channel_refill;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::MINUTE;

    #[test]
    fn a_burst_then_one_a_minute_then_thirty_an_hour() {
        let settings = Settings::default();
        let mut pace = Pace::default();
        let mut now = Timestamp::EPOCH + HOUR * 1_000;
        let start = now;
        let mut at = Vec::new();
        for _ in 0..32 {
            now = now.max(pace.next(&settings));
            pace.push(now, &settings);
            at.push(now - start);
        }
        assert!(at[..5].iter().all(std::time::Duration::is_zero), "{at:?}");
        assert_eq!(at[5..8], [MINUTE, MINUTE * 2, MINUTE * 3]);
        assert_eq!(at[29], MINUTE * 25);
        assert_eq!(at[30], HOUR, "the 31st waits for the first to be an hour old");
    }

    #[test]
    fn what_was_never_made_counts_for_nothing() {
        let settings = Settings::default();
        let start = Timestamp::EPOCH + HOUR * 1_000;
        let mut pace = Pace::default();
        for push in 0..10 {
            pace.push(start + MINUTE * push, &settings);
        }
        let (before, late) = (pace.clone(), start + MINUTE * 9 + MINUTE / 2);
        pace.push(late, &settings);
        assert!(pace.next(&settings) > before.next(&settings));
        pace.take_back(late, &settings);
        assert_eq!(pace, before);
        pace.take_back(late, &settings);
        assert_eq!(pace, before, "once is enough");
    }

    #[test]
    fn what_was_never_made_counts_for_nothing_without_a_bound_for_an_hour() {
        let settings = Settings { channel_hourly: 0, ..Settings::default() };
        let at = Timestamp::EPOCH + HOUR * 1_000;
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.push(at, &settings);
            pace.take_back(at, &settings);
        }
        assert!(pace.next(&settings) <= at);
    }

    proptest! {
        #[test]
        fn never_more_than_thirty_in_any_hour(waits in prop::collection::vec(0u64..600, 1..200)) {
            let settings = Settings::default();
            let mut pace = Pace::default();
            let mut now = Timestamp::EPOCH;
            let mut sent: Vec<Timestamp> = Vec::new();
            for wait in waits {
                now = (now + std::time::Duration::from_secs(wait)).max(pace.next(&settings));
                pace.push(now, &settings);
                sent.push(now);
                let within = sent.iter().filter(|&&at| at + HOUR > now).count();
                prop_assert!(within <= 30);
            }
        }
    }
}

//! A token bucket whose owner decides the rate.

use std::time::Duration;

use model::Timestamp;

use super::not_ahead;

/// Tokens, of which so many come in a second, up to a quarter of a second's worth.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl Bucket {
    pub(super) fn full(rate: f64, now: Timestamp) -> Self {
        Self { tokens: depth(rate), filled_at: now }
    }

    /// Lets in what came since the last time, at `rate` a second.
    pub(super) fn fill(&mut self, rate: f64, now: Timestamp) {
        let filled_at = not_ahead(self.filled_at, now);
        let came = now.since(filled_at).as_secs_f64() * rate;
        self.tokens = (self.tokens + came).min(depth(rate));
        self.filled_at = filled_at.max(now);
    }

    /// How many may be taken: none until there are enough to be worth a transaction.
    pub(super) fn room(&self, rate: f64) -> u32 {
        if self.is_short(rate) {
            return 0;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
        {
            self.tokens as u32
        }
    }

    /// Whether there is no room.
    pub(super) fn is_short(&self, rate: f64) -> bool {
        self.tokens < grain(rate)
    }

    /// How long after the last filling there is room.
    pub(super) fn wait(&self, rate: f64) -> Duration {
        let missing = (grain(rate) - self.tokens).max(0.0);
        // A little more, so that there is room then whatever was rounded.
        Duration::from_secs_f64(missing / rate) + Duration::from_micros(2)
    }

    /// Takes so many, even if there are not so many: then the next ones come later.
    pub(super) fn take(&mut self, count: u32) {
        self.tokens -= f64::from(count);
    }

    pub(super) fn put_back(&mut self, count: u32) {
        self.tokens += f64::from(count);
    }
}

/// The most that a bucket holds: what may go at once after a pause.
fn depth(rate: f64) -> f64 {
    (rate / 4.0).max(1.0)
}

/// What goes together: fifty milliseconds' worth.
fn grain(rate: f64) -> f64 {
    (rate / 20.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_a_quarter_of_a_second_and_gives_in_grains() {
        let start = Timestamp::EPOCH + Duration::from_secs(100);
        let mut bucket = Bucket::full(100.0, start);
        assert_eq!(bucket.room(100.0), 25);
        bucket.take(25);
        for (millis, room) in [(10, 0), (49, 0), (50, 5), (100, 10), (60_000, 25)] {
            let mut later = bucket.clone();
            later.fill(100.0, start + Duration::from_millis(millis));
            assert_eq!(later.room(100.0), room, "after {millis} ms");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing_and_gives_nothing_twice() {
        let start = Timestamp::EPOCH + Duration::from_hours(2);
        let mut bucket = Bucket::full(100.0, start);
        bucket.take(25);
        for (now, room) in [
            (start - Duration::from_hours(1), 0),
            (start - Duration::from_hours(1) + Duration::from_millis(100), 10),
            // By two clocks that differ a little.
            (start - Duration::from_hours(1) - Duration::from_millis(800), 10),
            (start - Duration::from_hours(1) + Duration::from_millis(100), 10),
            (start - Duration::from_hours(1) + Duration::from_millis(200), 20),
        ] {
            bucket.fill(100.0, now);
            assert_eq!(bucket.room(100.0), room, "{now}");
        }
    }

    #[test]
    fn there_is_room_after_the_wait_and_not_before() {
        let start = Timestamp::EPOCH + Duration::from_secs(100);
        for rate in [0.5, 1.0, 3.0, 20.0, 777.7, 100_000.0] {
            let mut bucket = Bucket::full(rate, start);
            bucket.take(bucket.room(rate));
            let wait = bucket.wait(rate);
            let mut early = bucket.clone();
            early.fill(rate, start + wait.mul_f64(0.9));
            assert_eq!(early.room(rate), 0, "at {rate}/s");
            bucket.fill(rate, start + wait);
            assert!(bucket.room(rate) >= 1, "at {rate}/s");
        }
    }
}

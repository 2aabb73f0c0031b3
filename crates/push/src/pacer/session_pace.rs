//! How many sessions bulk wakes may cause (DESIGN §5).

use std::time::Duration;

use model::Timestamp;

use super::{bucket::Bucket, not_ahead, per_second};

/// The pace of the sessions that bulk wakes of all push apps cause in one process: at most what an operator allows, and
/// less while the gateway has too much to do. Interactive wakes do not ask it.
#[derive(Clone, Debug)]
pub struct SessionPace {
    most: f64,
    /// Now; infinite while there is no bound.
    rate: f64,
    bucket: Bucket,
    recent: Recent,
    risen_at: Timestamp,
    lowered_at: Option<Timestamp>,
}

/// So fast it rises again after it was lowered: by a twentieth in each second, which doubles it in fifteen.
const RISE: f64 = 1.05;
/// What was lowered shows after this: until then sessions come that were caused before.
const SHOWS: Duration = Duration::from_secs(2);
/// Lower than this it never is.
const LEAST: f64 = 1.0;
/// A gateway that has too much to do while bulk does nothing is met with half of this.
const UNUSED: f64 = 20.0;
/// Above this there is no bound any more, if an operator set none.
const UNBOUNDED: f64 = 1e6;

impl SessionPace {
    /// At most so many a second; 0 is no bound.
    pub fn new(max_per_second: u32, now: Timestamp) -> Self {
        let most = per_second(max_per_second);
        let bucket = Bucket::full(most.min(UNBOUNDED), now);
        Self { most, rate: most, bucket, recent: Recent::default(), risen_at: now, lowered_at: None }
    }

    /// Takes as many of `wanted` as may go now. What does not go is put back.
    pub fn take(&mut self, wanted: u32, now: Timestamp) -> u32 {
        let mut taken = wanted;
        if let Some(rate) = self.bound(now) {
            self.bucket.fill(rate, now);
            taken = wanted.min(self.bucket.room(rate));
            self.bucket.take(taken);
        }
        self.recent.add(taken, now);
        taken
    }

    /// So many of what was taken did not go.
    pub fn put_back(&mut self, count: u32) {
        self.recent.remove(count);
        self.bucket.put_back(count);
    }

    /// How long until more may go, counted from the last [`Self::take`]; none if nothing is held back.
    pub fn wait(&self) -> Option<Duration> {
        let held_back = self.rate.is_finite() && self.bucket.is_short(self.rate);
        held_back.then(|| self.bucket.wait(self.rate))
    }

    /// Sessions a second; None is no bound.
    pub fn bound(&mut self, now: Timestamp) -> Option<f64> {
        self.rise(now);
        Some(self.rate).filter(|rate| rate.is_finite())
    }

    /// The gateway has too much to do: half of what bulk caused lately, and then half of that until it shows. Says whether
    /// it was lowered, which it is not before the last time could show.
    pub fn lower(&mut self, now: Timestamp) -> bool {
        self.rise(now);
        if self.lowered_at.is_some_and(|at| now < at + SHOWS) {
            return false;
        }
        let used = match self.recent.per_second(now) {
            0 => UNUSED,
            used => f64::from(used),
        };
        self.rate = (self.rate.min(used) / 2.0).max(LEAST).min(self.most);
        self.lowered_at = Some(now);
        // What was taken stays taken, and what may go at once after a pause is less now.
        self.bucket.fill(self.rate, now);
        true
    }

    fn rise(&mut self, now: Timestamp) {
        let risen_at = not_ahead(self.risen_at, now);
        let span = now.since(risen_at);
        self.risen_at = risen_at.max(now);
        self.lowered_at = self.lowered_at.map(|at| not_ahead(at, now));
        if self.rate < self.most {
            let risen = self.rate * RISE.powf(span.as_secs_f64());
            let open = risen > UNBOUNDED && self.most.is_infinite();
            self.rate = if open { f64::INFINITY } else { risen.min(self.most) };
        }
    }
}

/// What went in this second and in the one before.
#[derive(Clone, Debug, Default)]
struct Recent {
    second: u64,
    this: u32,
    last: u32,
}

impl Recent {
    fn add(&mut self, count: u32, now: Timestamp) {
        self.turn(now);
        self.this = self.this.saturating_add(count);
    }

    fn remove(&mut self, count: u32) {
        self.this = self.this.saturating_sub(count);
    }

    fn per_second(&mut self, now: Timestamp) -> u32 {
        self.turn(now);
        self.this.max(self.last)
    }

    fn turn(&mut self, now: Timestamp) {
        let second = now.since(Timestamp::EPOCH).as_secs();
        // Not the second before, but one long before: the clock was set back.
        if second > self.second || second + 1 < self.second {
            self.last = if second == self.second + 1 { self.this } else { 0 };
            (self.second, self.this) = (second, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(100_000_000);

    fn at(millis: u64) -> Timestamp {
        START + Duration::from_millis(millis)
    }

    /// Takes whatever it gets, every ten milliseconds of these seconds.
    fn greedy(pace: &mut SessionPace, seconds: std::ops::Range<u64>) -> u32 {
        (seconds.start * 100..seconds.end * 100).map(|tick| pace.take(1_000, at(tick * 10))).sum()
    }

    #[test]
    fn as_many_as_an_operator_allows() {
        let mut pace = SessionPace::new(10, START);
        assert!(greedy(&mut pace, 0..1) <= 12);
        assert!((95..=101).contains(&greedy(&mut pace, 1..11)));
        assert_eq!(SessionPace::new(0, START).take(100_000, START), 100_000, "no bound");
    }

    #[test]
    fn what_did_not_go_may_go_later() {
        let mut pace = SessionPace::new(20, START);
        assert_eq!(pace.take(10, START), 5);
        assert_eq!(pace.take(10, START), 0);
        assert!(pace.wait() > Some(Duration::from_millis(40)));
        pace.put_back(3);
        assert_eq!(pace.take(10, START), 3);
    }

    #[test]
    fn an_overload_halves_what_bulk_caused_and_it_rises_slowly_again() {
        for (max, bound_after_a_day) in [(0, None), (500, Some(500.0))] {
            let mut pace = SessionPace::new(max, START);
            (0..100).for_each(|tick| assert_eq!(pace.take(1, at(tick * 10)), 1));
            assert!(pace.lower(at(1_000)));
            assert_eq!(pace.bound(at(1_000)), Some(50.0), "half of a hundred");
            assert!(
                !pace.lower(at(2_000)) && pace.bound(at(2_000)) > Some(50.0),
                "not again before it shows"
            );
            let before = pace.bound(at(3_000)).unwrap();
            assert!(pace.lower(at(3_000)));
            let low = pace.bound(at(3_000)).unwrap();
            assert!(low <= before / 2.0);
            let risen = pace.bound(at(18_000)).unwrap();
            assert!((1.8..2.3).contains(&(risen / low)), "twice as much in fifteen seconds: {risen}");
            assert_eq!(pace.bound(at(86_400_000)), bound_after_a_day);
        }
    }

    #[test]
    fn an_overload_is_no_reason_to_let_more_go() {
        let mut pace = SessionPace::new(100, START);
        assert_eq!(pace.take(1_000, START), 25);
        assert!(pace.lower(START));
        assert_eq!(pace.take(1_000, START), 0, "a quarter of a second's worth is gone already");
        let mut idle = SessionPace::new(0, START);
        assert!(idle.lower(START));
        assert_eq!(idle.take(1_000, START), 2, "a quarter of ten");
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut pace = SessionPace::new(0, START + Duration::from_hours(1));
        assert!(pace.lower(START + Duration::from_hours(1)));
        let low = pace.bound(START).unwrap();
        assert_eq!(pace.take(2, START), 2);
        assert!(greedy(&mut pace, 0..1) >= 8, "sessions go on");
        assert!((1.8..2.3).contains(&(pace.bound(at(15_000)).unwrap() / low)), "and their pace rises");
        let used = f64::from(greedy(&mut pace, 20..21));
        assert!(pace.lower(at(21_000)), "an overload lowers it again");
        let low = pace.bound(at(21_000)).unwrap();
        assert!(low <= used / 2.0, "{low} of {used}");
    }

    #[test]
    fn it_is_never_shut() {
        let mut pace = SessionPace::new(0, START);
        (0..50).for_each(|n| assert!(pace.lower(at(n * 2_000))));
        assert_eq!(pace.bound(at(98_000)), Some(LEAST));
        let went = greedy(&mut pace, 100..110);
        assert!((8..=16).contains(&went), "{went}");
        let mut bounded = SessionPace::new(1, START);
        assert!(bounded.lower(START));
        assert_eq!(bounded.bound(START), Some(1.0), "no more than an operator allows");
    }
}

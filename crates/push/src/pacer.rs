//! How fast one app pushes (DESIGN §5): its rate, and how many pushes are under way at a time. Both start low and rise
//! while WNS is content; WNS publishes no limit (wns.md §4), so what it takes is found out.

use std::time::Duration;

use model::Timestamp;

use crate::{Closings, Door, Settings, Verdict};

mod bucket;
mod session_pace;

pub use session_pace::SessionPace;

use bucket::Bucket;

/// The pace of one push app in one process.
///
/// * The rate begins at 20 pushes a second. Each accepted push adds a quarter to it, so that it doubles within three seconds.
/// * After WNS throttled the app, it begins there again (or lower), rises so fast only up to half of what it was, and then
///   slowly: it takes 25 seconds from that half to the whole, and doubles in 35 beyond.
/// * Concurrency begins at 4 and rises by one with each round of answers.
/// * Only what holds pushes back rises: a rate that nobody uses proves nothing.
#[derive(Clone, Debug)]
pub struct Pacer {
    rate: f64,
    /// The rate up to which it rises fast.
    fast_until: f64,
    /// The most that an operator allows.
    ceiling: f64,
    bucket: Bucket,
    limit: f64,
    under_way: u32,
    /// When pushes last had to wait for the rate, and for others to end; none since the last start.
    short_of_tokens: Option<Timestamp>,
    short_of_slots: Option<Timestamp>,
    started_at: Timestamp,
    /// When the app was last seen to be shut, or probed.
    shut_at: Timestamp,
    /// The closings that were heeded; none before the first look.
    closings: Option<Closings>,
}

/// Pushes a second, where every start begins.
const START: f64 = 20.0;
/// Lower than this no throttling makes it: each one shuts the app as well.
const LEAST: f64 = 5.0;
/// What an accepted push adds to the rate while it rises fast.
const FAST: f64 = 0.25;
/// What a second of accepted pushes adds to the rate afterwards: this part of the half, …
const SLOW: f64 = 1.0 / 25.0;
/// … but so many pushes a second at least.
const SLOW_LEAST: f64 = 1.0;
/// Pushes under way, where every start begins.
const START_LIMIT: f64 = 4.0;
/// Pushes under way, at most: wns.md §4 names no limit, and each may take a connection of its own.
const CEILING: f64 = 256.0;
/// For so long after something held pushes back, accepted ones speak for more of it: a push takes seconds at worst.
const HELD: Duration = Duration::from_secs(10);
/// What is further ahead than this was not: the clock was set back.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);
/// After so long without a push, what WNS took before proves nothing. Nor does what it throttled, if the app was open.
const IDLE: Duration = Duration::from_mins(10);

impl Pacer {
    /// The pace at the start of a process.
    pub fn new(settings: &Settings, now: Timestamp) -> Self {
        let ceiling = per_second(settings.max_pushes_per_second);
        let rate = START.min(ceiling);
        Self {
            rate,
            fast_until: f64::INFINITY,
            ceiling,
            bucket: Bucket::full(rate, now),
            limit: START_LIMIT,
            under_way: 0,
            short_of_tokens: None,
            short_of_slots: None,
            started_at: now,
            shut_at: Timestamp::EPOCH,
            closings: None,
        }
    }

    /// How many more pushes may start now, if this is how the app stands.
    pub fn room(&mut self, door: Door, now: Timestamp) -> u32 {
        if door != Door::Open {
            self.shut_at = now;
        }
        match door {
            Door::Open => self.open_room(now),
            Door::Probe => u32::from(self.under_way == 0),
            Door::Probing(_) | Door::Shut(_) => 0,
        }
    }

    fn open_room(&mut self, now: Timestamp) -> u32 {
        self.started_at = not_ahead(self.started_at, now);
        self.shut_at = not_ahead(self.shut_at, now);
        if self.started_at + IDLE <= now {
            // An app that could not push was not idle: what was throttled before counts still.
            if self.shut_at + IDLE <= now {
                self.fast_until = f64::INFINITY;
            }
            self.restart();
            self.rate = START.min(self.fast_until).min(self.ceiling);
        }
        self.bucket.fill(self.rate, now);
        if self.bucket.is_short(self.rate) {
            self.short_of_tokens = Some(now);
        }
        if self.free() == 0 {
            self.short_of_slots = Some(now);
        }
        self.free().min(self.bucket.room(self.rate))
    }

    /// How long until the rate of an open app allows a push, counted from the last [`Self::room`]; none if it is not the rate
    /// that holds pushes back.
    pub fn wait(&self) -> Option<Duration> {
        self.bucket.is_short(self.rate).then(|| self.bucket.wait(self.rate))
    }

    /// Pushes a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// How many may be under way.
    pub fn limit(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "4 to 256")]
        {
            self.limit as u32
        }
    }

    /// How many are under way.
    pub fn under_way(&self) -> u32 {
        self.under_way
    }

    /// A push starts.
    pub fn start(&mut self, now: Timestamp) {
        (self.under_way, self.started_at) = (self.under_way + 1, now);
        self.bucket.take(1);
    }

    /// A push ended with this verdict; none if it was never sent.
    pub fn finish(&mut self, verdict: Option<&Verdict>, now: Timestamp) {
        self.under_way = self.under_way.saturating_sub(1);
        if !verdict.is_some_and(Verdict::accepted) {
            return;
        }
        let held_by = |short: Option<Timestamp>| short.is_some_and(|at| now < at + HELD && at < now + HELD);
        if held_by(self.short_of_tokens) {
            self.rate = (self.rate + self.step()).min(self.ceiling);
            // So much more than what was throttled once: the half of this is no risk any more.
            self.fast_until = self.fast_until.max(self.rate / 2.0);
        }
        if held_by(self.short_of_slots) {
            self.limit = (self.limit + 1.0 / self.limit).min(CEILING);
        }
    }

    /// Looks whether the app was shut since the last time, by whichever replica: then the start is slow.
    pub fn heed(&mut self, closings: Closings) {
        let Some(heeded) = self.closings.replace(closings).filter(|heeded| *heeded != closings) else {
            return;
        };
        // A probe that is refused says nothing about a rate.
        let was_used = self.short_of_tokens.or(self.short_of_slots).is_some();
        if was_used && closings.throttled != heeded.throttled {
            self.fast_until = (self.rate / 2.0).max(LEAST);
        }
        self.restart();
    }

    /// What one accepted push adds to the rate.
    fn step(&self) -> f64 {
        if self.rate < self.fast_until {
            return FAST;
        }
        (self.fast_until * SLOW).max(SLOW_LEAST) / self.rate
    }

    fn restart(&mut self) {
        self.rate = self.rate.min(START).min(self.fast_until);
        self.limit = self.limit.min(START_LIMIT);
        (self.short_of_tokens, self.short_of_slots) = (None, None);
    }

    fn free(&self) -> u32 {
        self.limit().saturating_sub(self.under_way)
    }
}

/// What was `at`, unless the clock was set back since then: then it was now. Clocks that differ by less than a second do
/// not count as that.
fn not_ahead(at: Timestamp, now: Timestamp) -> Timestamp {
    if now + CLOCKS_DIFFER < at { now } else { at }
}

/// A bound as operators write it: 0 is none.
fn per_second(bound: u32) -> f64 {
    if bound == 0 { f64::INFINITY } else { f64::from(bound) }
}

#[cfg(test)]
mod tests;

//! What strangers can make happen as often as they like is told once in a while, with how often it was.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::Timestamp;

use crate::{address::Subscriber, bounded::Bounded};

/// Of one address, so often.
const EVERY: Duration = Duration::from_mins(1);
/// Of all addresses together, so many lines in that time: many addresses are cheap, too. Half of what the log
/// writes of any one line, whose minutes are others: no count that was taken for a line is left out there.
const LINES: u32 = 10;
/// Addresses that are remembered.
const REMEMBERED: usize = 4_096;

/// How often one thing happened, by address.
pub(crate) struct Tally(Mutex<Counts>);

struct Counts {
    by: Bounded<Option<Subscriber>, Count>,
    /// Since when lines are counted.
    since: Timestamp,
    lines: u32,
}

#[derive(Default)]
struct Count {
    untold: u64,
    told: Option<Timestamp>,
}

/// What is counted.
pub(crate) struct Tallies {
    /// Wrong credentials.
    pub(crate) wrong: Tally,
    /// Messages that were refused because of too many of them.
    pub(crate) refused: Tally,
    /// TLS handshakes in which the client's certificate was no good.
    pub(crate) handshakes: Tally,
    /// Certificates that are not of this time.
    pub(crate) untimely: Tally,
    /// Requests that are no SyncML.
    pub(crate) malformed: Tally,
    /// Messages that are too long.
    pub(crate) too_long: Tally,
}

impl Tally {
    fn new() -> Self {
        let counts = Counts { by: Bounded::new(REMEMBERED), since: Timestamp::EPOCH, lines: 0 };
        Self(Mutex::new(counts))
    }

    /// Once more. If that is to be told: how often it was since it was told last.
    pub(crate) fn one_more(&self, from: Option<Subscriber>, now: Timestamp) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).one_more(from, now)
    }
}

impl Counts {
    fn one_more(&mut self, from: Option<Subscriber>, now: Timestamp) -> Option<u64> {
        if now >= self.since + EVERY {
            (self.since, self.lines) = (now, 0);
        }
        let count = self.by.touch(from, Count::default);
        count.untold += 1;
        if self.lines >= LINES || count.told.is_some_and(|told| now < told + EVERY) {
            return None;
        }
        self.lines += 1;
        count.told = Some(now);
        Some(std::mem::take(&mut count.untold))
    }
}

impl Default for Tallies {
    fn default() -> Self {
        let [wrong, refused, handshakes, untimely, malformed, too_long] = [(); 6].map(|()| Tally::new());
        Self { wrong, refused, handshakes, untimely, malformed, too_long }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn from(address: u32) -> Subscriber {
        IpAddr::from(Ipv4Addr::from_bits(address)).into()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(1_000 + seconds)
    }

    #[test]
    fn an_address_is_told_once_a_minute_with_how_often_it_was() {
        let tally = Tally::new();
        for (seconds, expect) in [(0, Some(1)), (0, None), (59, None), (60, Some(3)), (61, None)] {
            assert_eq!(tally.one_more(Some(from(1)), at(seconds)), expect, "after {seconds} s");
        }
        assert_eq!(tally.one_more(Some(from(2)), at(61)), Some(1), "another one");
    }

    #[test]
    fn many_addresses_make_no_more_lines_than_one_can_read() {
        let tally = Tally::new();
        let told =
            |seconds| (0..1_000).filter(|n| tally.one_more(Some(from(*n)), at(seconds)).is_some()).count();
        assert_eq!([0, 30, 60].map(told), [10, 0, 10]);
    }
}

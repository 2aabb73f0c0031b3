//! What people do with their PCs: when they are on, on battery, on a metered network. Pure, in virtual time.

use std::time::Duration;

use model::Timestamp;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// When a PC is on. Times of day are UTC, and the week begins on a Thursday, as that of the epoch does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// The time of day at which it is switched on.
    pub from: Duration,
    /// For how long; a whole day or more: it is never switched off.
    pub hours: Duration,
    /// Whether it is used on weekends.
    pub weekends: bool,
    /// Days on which it stays off, from the first to before the second, counted from the epoch.
    pub away: Vec<(u64, u64)>,
}

/// The days of the epoch's week that are a weekend: Saturday and Sunday.
const WEEKEND: [u64; 2] = [2, 3];

impl Habits {
    /// A PC that is never off.
    pub fn always_on() -> Self {
        Self { from: Duration::ZERO, hours: DAY, weekends: true, away: Vec::new() }
    }

    /// Whether it is on.
    pub fn is_on(&self, at: Timestamp) -> bool {
        let today = day(at);
        // Somebody may work past midnight.
        [today.saturating_sub(1), today]
            .into_iter()
            .any(|day| self.span(day).is_some_and(|(on, off)| on <= at && at < off))
    }

    /// The first time after `at` at which it is switched on or off; None if that never happens again.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let longest = self.away.iter().map(|(from, to)| to - from).sum::<u64>() + 8;
        let edges = (day(at).saturating_sub(1)..=day(at) + longest).filter_map(|day| self.span(day));
        edges
            .flat_map(|(on, off)| [on, off])
            .filter(|edge| *edge > at)
            .find(|edge| self.is_on(*edge) != self.was_on(*edge))
    }

    fn was_on(&self, before: Timestamp) -> bool {
        self.is_on(before - Duration::from_micros(1))
    }

    /// From when to when it is on, if it is switched on on this day.
    fn span(&self, day: u64) -> Option<(Timestamp, Timestamp)> {
        let rests = !self.weekends && WEEKEND.contains(&(day % 7));
        let away = self.away.iter().any(|(from, to)| (*from..*to).contains(&day));
        let on = Timestamp::EPOCH + HOUR * u32::try_from(day * 24).unwrap_or(u32::MAX) + self.from;
        (!rests && !away).then_some((on, on + self.hours.min(DAY)))
    }
}

/// The day that a time is in, counted from the epoch.
pub fn day(at: Timestamp) -> u64 {
    at.since(Timestamp::EPOCH).as_secs() / DAY.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u32) -> Timestamp {
        Timestamp::EPOCH + HOUR * hours
    }

    #[test]
    fn an_office_pc_is_off_at_night_on_weekends_and_in_holidays() {
        let habits = Habits { from: HOUR * 8, hours: HOUR * 10, weekends: false, away: vec![(5, 7)] };
        // Thursday and Friday, a weekend, Monday, two days away, Thursday.
        for (hour, expect) in [
            (7, false),
            (8, true),
            (17, true),
            (18, false),
            (24 + 9, true),
            (2 * 24 + 9, false),
            (3 * 24 + 9, false),
            (4 * 24 + 9, true),
            (5 * 24 + 9, false),
            (6 * 24 + 9, false),
            (7 * 24 + 9, true),
        ] {
            assert_eq!(habits.is_on(at(hour)), expect, "{hour}");
        }
        for (hour, expect) in
            [(0, 8), (8, 18), (24 + 9, 24 + 18), (24 + 18, 4 * 24 + 8), (4 * 24 + 18, 7 * 24 + 8)]
        {
            assert_eq!(habits.next_change(at(hour)), Some(at(expect)), "{hour}");
        }
    }

    #[test]
    fn night_shifts_and_servers() {
        let night = Habits { from: HOUR * 20, hours: HOUR * 8, weekends: true, away: Vec::new() };
        assert!(night.is_on(at(24 + 3)) && !night.is_on(at(24 + 4)));
        assert_eq!(night.next_change(at(21)), Some(at(28)));
        let server = Habits::always_on();
        assert!((1..200).all(|hour| server.is_on(at(hour))));
        assert_eq!(server.next_change(at(1)), None);
    }
}

//! The polling schedule as a device keeps it (oma-dm.md §8.3).

use std::time::Duration;

/// Intervals and counts of the three sets, the first one first.
const SETS: [(&str, &str); 3] = [
    ("IntervalForFirstSetOfRetries", "NumberOfFirstRetries"),
    ("IntervalForSecondSetOfRetries", "NumberOfSecondRetries"),
    ("IntervalForRemainingScheduledRetries", "NumberOfRemainingScheduledRetries"),
];

/// The format of a node of the schedule; None if there is no such node.
pub(super) fn format(node: &str) -> Option<&'static str> {
    let is = |name: &&str| name.eq_ignore_ascii_case(node);
    if ["PollOnLogin", "AllUsersPollOnFirstLogin"].iter().any(is) {
        return Some("bool");
    }
    SETS.iter().any(|(interval, count)| [interval, count].into_iter().any(is)).then_some("int")
}

/// What a device makes of a node whose schedule ends some day: the last set becomes one of every 24 hours.
pub(super) fn fallback(node: &str) -> Option<&'static str> {
    let (interval, count) = SETS[2];
    let values = [(interval, "1440"), (count, "0")];
    values.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(node)).map(|(_, value)| value)
}

/// Whether a value fits its node; otherwise a write is answered 415.
pub(super) fn fits(format: &str, value: &str) -> bool {
    match format {
        "bool" => ["true", "false"].contains(&value),
        _ => value.parse::<u32>().is_ok(),
    }
}

/// Whether the schedule ends some day: no set has an interval and the count 0, which means for ever.
pub(super) fn ends(value: impl Fn(&str) -> Option<u32>) -> bool {
    let infinite = |(interval, count): &(&str, &str)| {
        value(interval).is_some_and(|it| it > 0) && value(count) == Some(0)
    };
    !SETS.iter().any(infinite)
}

/// How long after a session the next one follows, when there were `polls` by the schedule before: the sets follow each
/// other, and a schedule that ends becomes one of every 24 hours.
pub(super) fn wait(mut polls: u32, value: impl Fn(&str) -> Option<u32>) -> Duration {
    for (interval, count) in SETS {
        let (interval, count) = (value(interval).unwrap_or(0), value(count).unwrap_or(0));
        match (interval, count) {
            (0, _) => {}
            (_, 0) => return minutes(interval),
            (_, count) if polls < count => return minutes(interval),
            (_, count) => polls -= count,
        }
    }
    Duration::from_hours(24)
}

fn minutes(number: u32) -> Duration {
    Duration::from_mins(number.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_schedule_without_an_infinite_set_ends() {
        for (values, expect) in [
            ([15, 10, 0, 0, 0, 0], true),
            ([15, 0, 0, 0, 0, 0], false),
            ([15, 10, 60, 0, 0, 0], false),
            ([0, 0, 0, 0, 0, 0], true),
            ([15, 10, 60, 5, 480, 0], false),
        ] {
            let names = SETS.iter().flat_map(|(interval, count)| [*interval, *count]);
            let nodes: BTreeMap<_, u32> = names.zip(values).collect();
            assert_eq!(ends(|name| nodes.get(name).copied()), expect, "{values:?}");
        }
    }

    #[test]
    fn the_sets_follow_each_other() {
        for (values, expect) in [
            ([15, 2, 0, 0, 480, 0], [15, 15, 480, 480]),
            ([15, 1, 60, 1, 480, 0], [15, 60, 480, 480]),
            ([15, 0, 60, 0, 480, 0], [15, 15, 15, 15]),
            ([15, 2, 0, 0, 0, 0], [15, 15, 1_440, 1_440]),
            ([0; 6], [1_440; 4]),
        ] {
            let names = SETS.iter().flat_map(|(interval, count)| [*interval, *count]);
            let nodes: BTreeMap<_, u32> = names.zip(values).collect();
            let waits = [0, 1, 2, 3].map(|polls| wait(polls, |name| nodes.get(name).copied()));
            assert_eq!(waits, expect.map(minutes), "{values:?}");
        }
    }
}

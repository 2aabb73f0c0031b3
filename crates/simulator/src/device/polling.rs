//! The polling schedule as a device keeps it (oma-dm.md §8.3).

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
}

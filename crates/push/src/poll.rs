//! Polling schedules: how a device comes when nobody wakes it (oma-dm.md §8.3).

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A node below `DMClient/Provider/{ProviderID}/Poll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PollNode {
    /// Minutes between the first sessions after enrollment.
    IntervalForFirstSetOfRetries,
    /// How many these are.
    NumberOfFirstRetries,
    /// Minutes between the sessions that follow.
    IntervalForSecondSetOfRetries,
    /// How many these are.
    NumberOfSecondRetries,
    /// Minutes between all others.
    IntervalForRemainingScheduledRetries,
    /// How many these are.
    NumberOfRemainingScheduledRetries,
    /// Whether each login starts a session.
    PollOnLogin,
    /// Whether the first login of each user starts a session.
    AllUsersPollOnFirstLogin,
}

/// The value of such a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PollValue {
    /// Format `int`: minutes, or a number.
    Int(u32),
    /// Format `bool`.
    Bool(bool),
}

/// One of the three sets of a schedule, which follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollSet {
    /// Minutes between two sessions; 0 switches the set off.
    pub interval: u32,
    /// How many sessions; 0 is without end.
    pub count: u32,
}

/// Which logins start a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollLogins {
    /// Each one.
    pub each: bool,
    /// The first one of each user.
    pub first_of_each_user: bool,
}

/// A polling schedule that a device keeps as it is: it goes on without end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollSchedule {
    first: PollSet,
    second: PollSet,
    remaining: PollSet,
    logins: PollLogins,
}

/// Why a device would not keep a schedule: it corrects what is invalid in its own way (oma-dm.md §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidPollSchedule {
    /// All three are off.
    #[error(
        "has no set with an interval: a device would poll once a day in its maintenance window; write \
         interval_for_remaining_scheduled_retries = \"8h\", for instance"
    )]
    Off,
    /// None of those that are on goes on without end.
    #[error(
        "has no set that goes on without end, so that devices would poll once a day after the last one: set the number of \
         the last set that has an interval to 0"
    )]
    Finite,
    /// A set after one that never ends.
    #[error(
        "has a {later} set after the {endless} one, which goes on without end: give that a number, or leave the {later} one out"
    )]
    Unreachable {
        /// The one that never ends.
        endless: &'static str,
        /// The one that is never reached.
        later: &'static str,
    },
    /// The second set is not slower than the first.
    #[error("has a second interval that is not longer than the first")]
    NotSlower,
    /// A number without an interval.
    #[error("has a number for the {0} set, but no interval: write both, or neither")]
    NumberAlone(&'static str),
}

impl PollNode {
    /// All of them, in the order of the reference.
    pub const ALL: [Self; 8] = [
        Self::IntervalForFirstSetOfRetries,
        Self::NumberOfFirstRetries,
        Self::IntervalForSecondSetOfRetries,
        Self::NumberOfSecondRetries,
        Self::IntervalForRemainingScheduledRetries,
        Self::NumberOfRemainingScheduledRetries,
        Self::PollOnLogin,
        Self::AllUsersPollOnFirstLogin,
    ];

    /// The node's name below `Poll`.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntervalForFirstSetOfRetries => "IntervalForFirstSetOfRetries",
            Self::NumberOfFirstRetries => "NumberOfFirstRetries",
            Self::IntervalForSecondSetOfRetries => "IntervalForSecondSetOfRetries",
            Self::NumberOfSecondRetries => "NumberOfSecondRetries",
            Self::IntervalForRemainingScheduledRetries => "IntervalForRemainingScheduledRetries",
            Self::NumberOfRemainingScheduledRetries => "NumberOfRemainingScheduledRetries",
            Self::PollOnLogin => "PollOnLogin",
            Self::AllUsersPollOnFirstLogin => "AllUsersPollOnFirstLogin",
        }
    }

    /// What a device said, read by the node and not by its Format (oma-dm.md §6). None if it is nothing that the node can
    /// hold.
    pub fn parse(self, text: &str) -> Option<PollValue> {
        let text = text.trim();
        match self {
            Self::PollOnLogin | Self::AllUsersPollOnFirstLogin => {
                let word = |word: &str| text.eq_ignore_ascii_case(word);
                let known = word("true") || word("false") || word("1") || word("0");
                known.then(|| PollValue::Bool(word("true") || word("1")))
            }
            _ => text.parse().ok().map(PollValue::Int),
        }
    }
}

impl PollSchedule {
    /// The schedule of these sets, if devices keep it as it is.
    pub fn new(
        first: PollSet,
        second: PollSet,
        remaining: PollSet,
        logins: PollLogins,
    ) -> Result<Self, InvalidPollSchedule> {
        let sets = [("first", first), ("second", second), ("remaining", remaining)];
        if let Some((name, _)) = sets.iter().find(|(_, set)| set.interval == 0 && set.count > 0) {
            return Err(InvalidPollSchedule::NumberAlone(name));
        }
        let mut on = sets.iter().filter(|(_, set)| set.interval > 0);
        if on.clone().next().is_none() {
            return Err(InvalidPollSchedule::Off);
        }
        let Some((endless, _)) = on.find(|(_, set)| set.count == 0) else {
            return Err(InvalidPollSchedule::Finite);
        };
        if let Some((later, _)) = on.next() {
            return Err(InvalidPollSchedule::Unreachable { endless, later });
        }
        if first.interval > 0 && second.interval > 0 && second.interval <= first.interval {
            return Err(InvalidPollSchedule::NotSlower);
        }
        Ok(Self { first, second, remaining, logins })
    }

    /// What a node is to hold.
    pub fn value(&self, node: PollNode) -> PollValue {
        match node {
            PollNode::IntervalForFirstSetOfRetries => PollValue::Int(self.first.interval),
            PollNode::NumberOfFirstRetries => PollValue::Int(self.first.count),
            PollNode::IntervalForSecondSetOfRetries => PollValue::Int(self.second.interval),
            PollNode::NumberOfSecondRetries => PollValue::Int(self.second.count),
            PollNode::IntervalForRemainingScheduledRetries => PollValue::Int(self.remaining.interval),
            PollNode::NumberOfRemainingScheduledRetries => PollValue::Int(self.remaining.count),
            PollNode::PollOnLogin => PollValue::Bool(self.logins.each),
            PollNode::AllUsersPollOnFirstLogin => PollValue::Bool(self.logins.first_of_each_user),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_schedules_that_devices_keep_are_accepted() {
        use InvalidPollSchedule::{Finite, NotSlower, NumberAlone, Off, Unreachable};
        let unreachable = |endless, later| Err(Unreachable { endless, later });
        // Interval and count of the three sets.
        for (first, second, remaining, expect) in [
            ((15, 0), (0, 0), (0, 0), Ok(())),
            ((15, 8), (60, 0), (0, 0), Ok(())),
            ((3, 5), (15, 8), (480, 0), Ok(())),
            ((15, 10), (0, 0), (480, 0), Ok(())),
            ((0, 0), (0, 0), (1_440, 0), Ok(())),
            ((60, 5), (0, 0), (15, 0), Ok(())),
            ((0, 0), (0, 0), (0, 0), Err(Off)),
            ((15, 10), (0, 0), (0, 0), Err(Finite)),
            ((3, 5), (15, 8), (480, 3), Err(Finite)),
            ((15, 0), (60, 0), (0, 0), unreachable("first", "second")),
            ((15, 0), (0, 0), (480, 0), unreachable("first", "remaining")),
            ((15, 10), (60, 0), (480, 0), unreachable("second", "remaining")),
            ((15, 10), (15, 0), (0, 0), Err(NotSlower)),
            ((15, 10), (5, 3), (480, 0), Err(NotSlower)),
            ((0, 10), (0, 0), (480, 0), Err(NumberAlone("first"))),
            ((15, 0), (0, 0), (0, 1), Err(NumberAlone("remaining"))),
        ] {
            let set = |(interval, count)| PollSet { interval, count };
            let made =
                PollSchedule::new(set(first), set(second), set(remaining), PollLogins::default()).map(|_| ());
            assert_eq!(made, expect, "{first:?} {second:?} {remaining:?}");
        }
    }

    #[test]
    fn values_are_read_by_node() {
        for (node, text, expect) in [
            (PollNode::NumberOfFirstRetries, " 10 ", Some(PollValue::Int(10))),
            (PollNode::NumberOfFirstRetries, "-1", None),
            (PollNode::NumberOfFirstRetries, "true", None),
            (PollNode::PollOnLogin, "True", Some(PollValue::Bool(true))),
            (PollNode::PollOnLogin, "0", Some(PollValue::Bool(false))),
            (PollNode::AllUsersPollOnFirstLogin, "2", None),
        ] {
            assert_eq!(node.parse(text), expect, "{node:?} {text}");
        }
    }
}

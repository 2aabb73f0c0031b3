//! Polling schedules (oma-dm.md §8.3).

use std::time::Duration;

use push::{PollNode, PollValue, Polling};
use reveille_api::v1 as api;

use super::{span, time};

/// None if it was never read.
pub(crate) fn polling(polling: &Polling) -> Option<api::Polling> {
    let read_at = polling.read_at()?;
    Some(api::Polling {
        read_time: Some(time(read_at)),
        schedules: SETS.iter().filter_map(|(interval, count)| schedule(polling, *interval, *count)).collect(),
        poll_on_login: flag(polling, PollNode::PollOnLogin),
        all_users_poll_on_first_login: flag(polling, PollNode::AllUsersPollOnFirstLogin),
    })
}

/// Interval and number of the three sets.
const SETS: [(PollNode, PollNode); 3] = [
    (PollNode::IntervalForFirstSetOfRetries, PollNode::NumberOfFirstRetries),
    (PollNode::IntervalForSecondSetOfRetries, PollNode::NumberOfSecondRetries),
    (PollNode::IntervalForRemainingScheduledRetries, PollNode::NumberOfRemainingScheduledRetries),
];

/// None if it is off.
fn schedule(polling: &Polling, interval: PollNode, count: PollNode) -> Option<api::PollSchedule> {
    let minutes = number(polling, interval);
    (minutes > 0).then(|| api::PollSchedule {
        interval: Some(span(Duration::from_mins(minutes.into()))),
        count: i32::try_from(number(polling, count)).unwrap_or(i32::MAX),
    })
}

fn number(polling: &Polling, node: PollNode) -> u32 {
    match polling.value(node) {
        Some(PollValue::Int(value)) => value,
        _ => 0,
    }
}

fn flag(polling: &Polling, node: PollNode) -> bool {
    polling.value(node) == Some(PollValue::Bool(true))
}

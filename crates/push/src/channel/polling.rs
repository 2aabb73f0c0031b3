//! What is known of a device's polling, and when it is looked at and set (DESIGN §4).

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Channel, Context, Reading};
use crate::{PollNode, PollSchedule, PollValue, WriteAnswer, WriteForm};

/// A device's polling as it was last read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Polling {
    /// When the device last answered a reading, if only with errors.
    asked_at: Option<Timestamp>,
    read_at: Option<Timestamp>,
    values: BTreeMap<PollNode, PollValue>,
    /// The schedule that was written last: a device corrects values, and must not be written to for that again.
    written: Option<PollSchedule>,
    /// How often it was written without an answer.
    unanswered: u8,
    /// The device answered, or had nothing to be changed.
    settled: bool,
}

/// What one message of a device says about its polling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PollObservation {
    /// What was read; what is missing was not asked, or not answered.
    pub read: BTreeMap<PollNode, Reading<PollValue>>,
    /// What became of each write.
    pub written: BTreeMap<PollNode, WriteAnswer>,
}

/// A node of the schedule that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollWrite {
    /// Which.
    pub node: PollNode,
    /// What it is to hold.
    pub value: PollValue,
    /// How: `Add` or `Replace`.
    pub form: WriteForm,
}

/// Writes of one schedule that nobody answers, until it is let be.
const TRIES: u8 = 3;

impl Polling {
    /// When it was read; none if it never was.
    pub fn read_at(&self) -> Option<Timestamp> {
        self.read_at
    }

    /// What a node held. None if it was absent, or was never read.
    pub fn value(&self, node: PollNode) -> Option<PollValue> {
        self.values.get(&node).copied()
    }

    /// Whether it is known that no schedule is on: only a login, or a push, brings such a device.
    pub fn is_off(&self) -> bool {
        let intervals = [
            PollNode::IntervalForFirstSetOfRetries,
            PollNode::IntervalForSecondSetOfRetries,
            PollNode::IntervalForRemainingScheduledRetries,
        ];
        let off = |node| matches!(self.value(node), None | Some(PollValue::Int(0)));
        self.read_at.is_some() && intervals.into_iter().all(off)
    }

    fn wants(&self, schedule: &PollSchedule) -> bool {
        let other = self.written.as_ref() != Some(schedule);
        other || (!self.settled && self.unanswered < TRIES)
    }
}

impl Channel {
    /// What is known of the device's polling.
    pub fn polling(&self) -> &Polling {
        &self.polling
    }

    /// Whether the polling is to be read: only where a schedule is configured.
    pub(crate) fn poll_due(&self, context: &Context<'_>) -> bool {
        let Some(schedule) = &context.settings.poll else { return false };
        let next = self.polling.asked_at.map(|at| at + context.settings.poll_every);
        next.is_none_or(|next| next <= context.now) || self.polling.wants(schedule)
    }

    /// Takes in what was read. A message that says nothing changes nothing.
    pub(crate) fn observe_polling(&mut self, seen: &PollObservation, now: Timestamp) {
        let polling = &mut self.polling;
        for (node, reading) in &seen.read {
            match reading {
                Reading::Unanswered => continue,
                Reading::Failed(_) => {}
                Reading::Absent => {
                    polling.values.remove(node);
                    polling.read_at = Some(now);
                }
                Reading::Value(value) => {
                    polling.values.insert(*node, *value);
                    polling.read_at = Some(now);
                }
            }
            polling.asked_at = Some(now);
        }
        if seen.written.values().any(|answer| *answer != WriteAnswer::Unanswered) {
            polling.settled = true;
        }
    }

    /// The nodes that were read and differ from the schedule, which from now on counts as written. Nothing if it was
    /// written before.
    pub(crate) fn write_polling(&mut self, context: &Context<'_>) -> Vec<PollWrite> {
        let polling = &mut self.polling;
        let schedule = context.settings.poll.as_ref().filter(|schedule| polling.wants(schedule));
        let Some(schedule) = schedule else { return Vec::new() };
        let differing = PollNode::ALL.into_iter().filter_map(|node| {
            let value = schedule.value(node);
            let form = match polling.value(node) {
                None => WriteForm::Add,
                Some(held) if held != value => WriteForm::Replace,
                Some(_) => return None,
            };
            Some(PollWrite { node, value, form })
        });
        let writes: Vec<_> = differing.collect();
        if polling.written.as_ref() != Some(schedule) {
            polling.written = Some(schedule.clone());
            polling.unanswered = 0;
        }
        polling.settled = writes.is_empty();
        polling.unanswered += u8::from(!writes.is_empty());
        writes
    }
}

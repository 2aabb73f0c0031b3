//! The polling schedule: read, written where it differs, and read again (DESIGN §4, oma-dm.md §8.3).

use serde::{Deserialize, Serialize};

use super::{Housekeeping, Provider, Visit, unsure};
use crate::{Channel, Context, PollObservation, PollValue, PollWrite, Reading, WriteAnswer, WriteForm};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PollStage {
    /// Nothing is asked any more, or only what the device made of it.
    #[default]
    Done,
    Reading(Heard),
    Writing(Vec<Asked>),
    /// Some nodes were written once more, in the other form.
    WritingAgain,
}

/// What the device said to the reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Heard {
    #[default]
    Nothing,
    /// Not a single value.
    NoValue,
    Values,
}

/// A node that was written, and what the device said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    write: PollWrite,
    answer: Option<WriteAnswer>,
}

impl PollStage {
    /// A message may tell a part of the answers.
    pub(super) fn note(&mut self, seen: &PollObservation) {
        match self {
            Self::Reading(heard) => {
                let has = |wanted: fn(&Reading<PollValue>) -> bool| seen.read.values().any(wanted);
                if has(|reading| matches!(reading, Reading::Value(_))) {
                    *heard = Heard::Values;
                } else if *heard == Heard::Nothing && has(|reading| *reading != Reading::Unanswered) {
                    *heard = Heard::NoValue;
                }
            }
            Self::Writing(asked) => {
                for asked in asked {
                    let answer = seen.written.get(&asked.write.node).copied();
                    asked.answer =
                        answer.filter(|answer| *answer != WriteAnswer::Unanswered).or(asked.answer);
                }
            }
            Self::WritingAgain | Self::Done => {}
        }
    }
}

impl Asked {
    /// The other form, if the answer says that it is the right one.
    fn other_form(&self) -> Option<PollWrite> {
        let form = match (self.answer?, self.write.form) {
            (WriteAnswer::NotFound, WriteForm::Replace) => WriteForm::Add,
            (WriteAnswer::Exists, WriteForm::Add) => WriteForm::Replace,
            _ => return None,
        };
        Some(PollWrite { form, ..self.write })
    }
}

impl Visit {
    /// What the first answer of a session asks.
    pub(super) fn read_polling(&mut self, channel: &Channel, context: &Context<'_>) -> Option<Housekeeping> {
        let due = channel.poll_due(context);
        if due {
            self.polling = PollStage::Reading(Heard::Nothing);
        }
        due.then_some(Housekeeping::ReadPoll)
    }

    /// What an answer asks once everything is said that was asked for.
    pub(super) fn proceed_polling(
        &mut self,
        channel: &mut Channel,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        match std::mem::take(&mut self.polling) {
            PollStage::Reading(heard) => self.write_polling(heard, channel, context),
            PollStage::Writing(asked) => self.after_poll_writes(&asked),
            PollStage::WritingAgain => vec![Housekeeping::ReadPoll],
            PollStage::Done => Vec::new(),
        }
    }

    fn write_polling(
        &mut self,
        heard: Heard,
        channel: &mut Channel,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        // As for the PFN: a write under a provider that the device does not know would create a bogus subtree.
        let known = heard == Heard::Values || self.provider == Provider::Known || !unsure(channel);
        if heard == Heard::Nothing || !known {
            return Vec::new();
        }
        let writes = channel.write_polling(context);
        if !writes.is_empty() {
            let asked = writes.iter().map(|write| Asked { write: *write, answer: None });
            self.polling = PollStage::Writing(asked.collect());
        }
        writes.into_iter().map(Housekeeping::WritePoll).collect()
    }

    fn after_poll_writes(&mut self, asked: &[Asked]) -> Vec<Housekeeping> {
        if asked.iter().all(|asked| asked.answer.is_none()) {
            return Vec::new();
        }
        let again: Vec<_> = asked.iter().filter_map(Asked::other_form).map(Housekeeping::WritePoll).collect();
        if again.is_empty() {
            return vec![Housekeeping::ReadPoll];
        }
        self.polling = PollStage::WritingAgain;
        again
    }
}

//! The commands that Reveille itself sends in a session, decided without knowing who holds the session (DESIGN §4).

use model::Pfn;
use serde::{Deserialize, Serialize};

use crate::{
    Channel, ChannelState, Context, Observation, PollWrite, Reading, Refusal, WriteAnswer, WriteForm,
};

mod poll;
mod write;

use poll::PollStage;

/// One thing to ask a device, or to do to it. The gateway translates it into commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Housekeeping {
    /// One `Get` with PFN, `ChannelURI` and Status.
    ReadPush,
    /// `Get ./Vendor/MSFT/DMClient/Provider`: does the device know our provider id?
    ReadProviders,
    /// `Get ./DevDetail/SwV` and `./DevDetail/LrgObj`.
    ReadDetail,
    /// One `Get` with the eight nodes of the polling schedule.
    ReadPoll,
    /// One node of the polling schedule is written.
    WritePoll(PollWrite),
    /// One `Sequence`: the three reads (if asked for), the write, then `ChannelURI` and Status.
    WriteInSequence {
        /// How the PFN is written.
        form: WriteForm,
        /// Its value.
        pfn: Pfn,
        /// Whether the three nodes are read before.
        read_first: bool,
    },
    /// The write alone: for devices that refuse `Sequence`, or hang when the PFN is written. Never
    /// [`WriteForm::DeleteThenAdd`].
    WriteAlone {
        /// How the PFN is written.
        form: WriteForm,
        /// Its value.
        pfn: Pfn,
    },
    /// `Delete` of the `Push` node alone: the first half of a hard reset on such devices.
    DeleteAlone,
}

/// The housekeeping of one device-scope session: what was asked so far, and so what comes next.
///
/// Stored with the session, so that it survives a restart between two messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    stage: Stage,
    /// The PFN that was written: the device's push app may change meanwhile.
    #[serde(default)]
    written: Option<Pfn>,
    /// The forms that were tried in this session.
    tried: Vec<WriteForm>,
    provider: Provider,
    /// A PFN, ours or another's, was seen on the device.
    on_device: bool,
    /// What became of the last write, which may be told before the device has said everything.
    #[serde(default)]
    answer: Option<WriteAnswer>,
    #[serde(default)]
    polling: PollStage,
}

/// Whether the device knows our provider id: a write without it would create a bogus subtree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Provider {
    #[default]
    NotAsked,
    Asked,
    Known,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Reading,
    Deleting,
    WritingInSequence(WriteForm),
    WritingAlone(WriteForm),
    Done,
}

/// Whether `./DevDetail` is to be read, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// It is unknown or a week old.
    Due,
    /// It is known.
    Known,
}

impl Visit {
    /// A device-scope session begins. What our first answer asks.
    pub fn begin(channel: &mut Channel, detail: Detail, context: &Context<'_>) -> (Self, Vec<Housekeeping>) {
        channel.session_begins(context);
        let mut visit = Self::default();
        let known = channel.pfn() == Some(context.pfn);
        let plain = channel.plain_writes() || channel.writes_hang();
        let mut steps = if known && !plain && channel.write_due(context).is_some() {
            visit.write(channel, channel.write_form(true), true, context)
        } else {
            std::iter::once(Housekeeping::ReadPush).chain(visit.ask_provider(channel)).collect()
        };
        if detail == Detail::Due {
            steps.push(Housekeeping::ReadDetail);
        }
        steps.extend(visit.read_polling(channel, context));
        (visit, steps)
    }

    /// A message of the device was understood, but nothing can be asked now: it has more to say, or the session ends.
    pub fn note(&mut self, channel: &mut Channel, seen: &Observation, context: &Context<'_>) {
        let outdated = self.written.as_ref().is_some_and(|pfn| pfn != context.pfn);
        let without_write;
        let seen = if outdated {
            without_write = seen.without_write();
            &without_write
        } else {
            seen
        };
        if let Some(answer) = seen.write {
            channel.write_heard(answer);
            self.answer = Some(answer).filter(|answer| *answer != WriteAnswer::Unanswered).or(self.answer);
        }
        channel.observe(seen, context);
        self.polling.note(&seen.polling);
        if matches!(seen.provider, Reading::Value(true) | Reading::Failed(_)) {
            self.provider = Provider::Known;
        }
        match seen.before.pfn {
            Reading::Value(_) => self.on_device = true,
            Reading::Absent => self.on_device = false,
            Reading::Unanswered | Reading::Failed(_) => {}
        }
    }

    /// A message of the device was understood. What our answer to it asks; nothing ends the housekeeping.
    pub fn proceed(
        &mut self,
        channel: &mut Channel,
        seen: &Observation,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        self.note(channel, seen, context);
        if matches!(self.stage, Stage::Deleting | Stage::WritingInSequence(_) | Stage::WritingAlone(_)) {
            // Whatever became of the write: the session goes on.
            channel.write_heard(WriteAnswer::Unanswered);
        }
        let polling = self.proceed_polling(channel, context);
        // A write that may be the client's last is not made while there is something else to do.
        let later = self.stage == Stage::Reading && channel.writes_hang() && !polling.is_empty();
        let mut steps = match self.stage {
            _ if later => Vec::new(),
            Stage::Reading => self.after_reading(channel, context),
            Stage::Deleting => self.write(channel, WriteForm::Add, false, context),
            Stage::WritingInSequence(form) | Stage::WritingAlone(form) => {
                let answer = self.answer.take().unwrap_or(WriteAnswer::Unanswered);
                self.after_write(form, answer, channel, context)
            }
            Stage::Done => Vec::new(),
        };
        steps.extend(polling);
        steps
    }

    /// Before the first write: asks for the provider id, once.
    fn ask_provider(&mut self, channel: &Channel) -> Option<Housekeeping> {
        let ask = unsure(channel) && self.provider == Provider::NotAsked;
        if ask {
            self.provider = Provider::Asked;
        }
        ask.then_some(Housekeeping::ReadProviders)
    }
}

/// Whether nothing says yet that the device knows our provider id.
fn unsure(channel: &Channel) -> bool {
    matches!(channel.state(), ChannelState::Unset | ChannelState::Refused(Refusal::Provider))
}

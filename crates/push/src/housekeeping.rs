//! The commands that Reveille itself sends in a session, decided without knowing who holds the session (DESIGN §4).

use model::Pfn;
use serde::{Deserialize, Serialize};

use crate::{Channel, ChannelState, Context, Observation, Reading, Refusal, WriteAnswer, WriteForm};

/// One thing to ask a device, or to do to it. The gateway translates it into commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Housekeeping {
    /// One `Get` with PFN, `ChannelURI` and Status.
    ReadPush,
    /// `Get ./Vendor/MSFT/DMClient/Provider`: does the device know our provider id?
    ReadProviders,
    /// `Get ./DevDetail/SwV` and `./DevDetail/LrgObj`.
    ReadDetail,
    /// One `Sequence`: the three reads (if asked for), the write, then `ChannelURI` and Status.
    WriteInSequence {
        /// How the PFN is written.
        form: WriteForm,
        /// Its value.
        pfn: Pfn,
        /// Whether the three nodes are read before.
        read_first: bool,
    },
    /// The write alone: for devices that refuse `Sequence`. Never [`WriteForm::DeleteThenAdd`].
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
    /// The forms that were tried in this session.
    tried: Vec<WriteForm>,
    provider: Provider,
    /// A PFN, ours or another's, was seen on the device.
    on_device: bool,
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
        let mut steps = if known && !channel.plain_writes() && channel.write_due(context).is_some() {
            visit.write(channel, channel.write_form(true), true, context)
        } else {
            std::iter::once(Housekeeping::ReadPush).chain(visit.ask_provider(channel)).collect()
        };
        if detail == Detail::Due {
            steps.push(Housekeeping::ReadDetail);
        }
        (visit, steps)
    }

    /// A message of the device was understood, but nothing can be asked now: it has more to say, or the session ends.
    pub fn note(&mut self, channel: &mut Channel, seen: &Observation, context: &Context<'_>) {
        channel.observe(seen, context);
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
        match self.stage {
            Stage::Reading => self.after_reading(channel, context),
            Stage::Deleting => self.write(channel, WriteForm::Add, false, context),
            Stage::WritingInSequence(form) | Stage::WritingAlone(form) => {
                let answer = seen.write.unwrap_or(WriteAnswer::Unanswered);
                self.after_write(form, answer, channel, context)
            }
            Stage::Done => Vec::new(),
        }
    }

    /// Before the first write: asks for the provider id, once.
    fn ask_provider(&mut self, channel: &Channel) -> Option<Housekeeping> {
        let unsure =
            matches!(channel.state(), ChannelState::Unset | ChannelState::Refused(Refusal::Provider));
        let ask = unsure && self.provider == Provider::NotAsked;
        if ask {
            self.provider = Provider::Asked;
        }
        ask.then_some(Housekeeping::ReadProviders)
    }

    fn after_reading(&mut self, channel: &mut Channel, context: &Context<'_>) -> Vec<Housekeeping> {
        if channel.write_due(context).is_none() {
            self.stage = Stage::Done;
            return Vec::new();
        }
        if let Some(ask) = self.ask_provider(channel) {
            return vec![ask];
        }
        let unsure =
            matches!(channel.state(), ChannelState::Unset | ChannelState::Refused(Refusal::Provider));
        if unsure && self.provider != Provider::Known {
            // It was asked and said nothing: better no push than a bogus subtree.
            self.stage = Stage::Done;
            return Vec::new();
        }
        self.write(channel, channel.write_form(self.on_device), false, context)
    }

    fn after_write(
        &mut self,
        form: WriteForm,
        answer: WriteAnswer,
        channel: &mut Channel,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        let sequenced = matches!(self.stage, Stage::WritingInSequence(_));
        if sequenced && answer == WriteAnswer::SequenceRefused {
            return self.write(channel, form, false, context);
        }
        let other = match (answer, form) {
            // `Failed(215)`: the Delete found nothing, and the Sequence ended there.
            (WriteAnswer::NotFound, WriteForm::Replace)
            | (WriteAnswer::Failed(215), WriteForm::DeleteThenAdd) => Some(WriteForm::Add),
            (WriteAnswer::Exists, WriteForm::Add) => Some(WriteForm::Replace),
            _ => None,
        };
        match other.filter(|form| !self.tried.contains(form)) {
            Some(form) => self.write(channel, form, false, context),
            None => self.conclude(answer, channel, context),
        }
    }

    fn conclude(
        &mut self,
        answer: WriteAnswer,
        channel: &mut Channel,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        let alone = matches!(self.stage, Stage::WritingAlone(_));
        self.stage = Stage::Done;
        match answer {
            WriteAnswer::Done if alone => return vec![Housekeeping::ReadPush],
            WriteAnswer::Done | WriteAnswer::Unanswered => {}
            WriteAnswer::NotFound => channel.write_refused(404, context.now),
            WriteAnswer::Exists => channel.write_refused(418, context.now),
            WriteAnswer::SequenceRefused => channel.write_refused(406, context.now),
            WriteAnswer::Failed(code) => channel.write_refused(code, context.now),
        }
        Vec::new()
    }

    fn write(
        &mut self,
        channel: &mut Channel,
        form: WriteForm,
        read_first: bool,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        channel.writing(context.now);
        self.tried.push(form);
        let pfn = context.pfn.clone();
        let (stage, step) = match (channel.plain_writes(), form) {
            (false, form) => {
                (Stage::WritingInSequence(form), Housekeeping::WriteInSequence { form, pfn, read_first })
            }
            (true, WriteForm::DeleteThenAdd) => (Stage::Deleting, Housekeeping::DeleteAlone),
            (true, form) => (Stage::WritingAlone(form), Housekeeping::WriteAlone { form, pfn }),
        };
        self.stage = stage;
        vec![step]
    }
}

//! The write of the PFN, and what follows from its answers (DESIGN §4, oma-dm.md §8.1).

use super::{Housekeeping, Provider, Stage, Visit, unsure};
use crate::{Channel, Context, WriteAnswer, WriteForm};

impl Visit {
    pub(super) fn after_reading(
        &mut self,
        channel: &mut Channel,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        if channel.write_due(context).is_none() {
            self.stage = Stage::Done;
            return Vec::new();
        }
        if let Some(ask) = self.ask_provider(channel) {
            return vec![ask];
        }
        if unsure(channel) && self.provider != Provider::Known {
            // It was asked and said nothing: better no push than a bogus subtree.
            self.stage = Stage::Done;
            return Vec::new();
        }
        self.write(channel, channel.write_form(self.on_device), false, context)
    }

    pub(super) fn after_write(
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
            WriteAnswer::NotFound => channel.write_refused(404, context),
            WriteAnswer::Exists => channel.write_refused(418, context),
            WriteAnswer::SequenceRefused => channel.write_refused(406, context),
            WriteAnswer::Failed(code) => channel.write_refused(code, context),
        }
        Vec::new()
    }

    pub(super) fn write(
        &mut self,
        channel: &mut Channel,
        form: WriteForm,
        read_first: bool,
        context: &Context<'_>,
    ) -> Vec<Housekeeping> {
        channel.writing(context);
        self.tried.push(form);
        self.answer = None;
        let pfn = context.pfn.clone();
        self.written = Some(pfn.clone());
        let plain = channel.plain_writes() || channel.writes_hang();
        let (stage, step) = match (plain, form) {
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

//! When the PFN is written, and how (DESIGN §4).

use model::{Pfn, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Channel, ChannelState, Context, Refusal, WriteAnswer, hang::Hang};
use crate::settings::DAY;

/// How the PFN is written (oma-dm.md §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteForm {
    /// There is none on the device.
    Add,
    /// There is one.
    Replace,
    /// The hard reset: delete the whole `Push` node, then add the PFN.
    DeleteThenAdd,
}

/// Why the PFN is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteReason {
    /// It is not on the device.
    Set,
    /// The channel died: goes first.
    Repair,
    /// The channel does not come, has outlived itself, or will soon.
    Renew,
    /// An operator asked.
    Operator,
}

/// The record of writes: so that no device is written to without end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Repair {
    /// The last write that was sent.
    last_write: Option<Timestamp>,
    /// The last write that the device confirmed.
    succeeded_at: Option<Timestamp>,
    /// The generation whose death the last write answered.
    answered_death_of: Option<u32>,
    /// Sessions that began after the last write.
    sessions_since: u8,
    /// The last write has not been found fruitful or fruitless yet.
    unjudged: bool,
    /// Writes in a row that brought no live channel.
    fruitless: u8,
    /// Nothing is written before this.
    not_before: Option<Timestamp>,
    /// Sessions in which the channel was pending.
    sessions_pending: u8,
    /// Push/Status 3 or 6 asked for one reset.
    planned: bool,
    /// An operator asked for a reset.
    requested: bool,
    /// The PFN of the last write: what came of it says nothing about another one.
    last_pfn: Option<Pfn>,
    /// Whether the client is suspected to hang when the PFN is written.
    hang: Hang,
    /// The day that `writes_of_day` counts.
    day: Option<Timestamp>,
    writes_of_day: u8,
}

impl Repair {
    pub(super) fn request(&mut self) {
        self.requested = true;
    }

    pub(super) fn plan(&mut self) {
        self.planned = true;
    }

    /// The channel is live, or another PFN is to be written: what came of the last writes holds nothing back.
    pub(super) fn healed(&mut self) {
        self.unjudged = false;
        self.fruitless = 0;
        self.not_before = None;
        self.sessions_pending = 0;
    }

    /// The PFN was confirmed at or after `since`.
    pub(super) fn succeeded_since(&self, since: Timestamp) -> Option<Timestamp> {
        self.succeeded_at.filter(|&at| at >= since)
    }

    pub(super) fn confirmed(&mut self, now: Timestamp) {
        self.succeeded_at = Some(now);
        self.planned = false;
        self.sessions_pending = 0;
    }

    /// The device said no: there is nothing left to judge, and the next try is not before `retry`.
    pub(super) fn refused(&mut self, retry: Timestamp) {
        self.unjudged = false;
        self.not_before = Some(retry);
    }

    /// Writes of the last day, in fixed days that begin with a write.
    fn spent(&self, now: Timestamp) -> u8 {
        let same_day = self.day.is_some_and(|day| now < day + DAY);
        if same_day { self.writes_of_day } else { 0 }
    }

    pub(super) fn pending_session(&mut self) {
        self.sessions_pending = self.sessions_pending.saturating_add(1);
    }
}

impl Channel {
    /// When the PFN may be written again, if a budget holds it back.
    pub fn next_reset_at(&self) -> Option<Timestamp> {
        self.repair.not_before.filter(|_| !self.repair.requested)
    }

    /// A device-scope session begins: what a 403 shut opens again, and the last write is judged.
    pub(crate) fn session_begins(&mut self, context: &Context<'_>) {
        self.expire(context.now, context.settings);
        self.gate.until_session = false;
        self.unanswered = None;
        let rest = context.now + context.settings.pfn_write_rest;
        let repair = &mut self.repair;
        repair.hang.session_begins();
        if repair.hang.is_likely() {
            repair.not_before = repair.last_write.map(|at| at + context.settings.pfn_write_rest);
        }
        if repair.unjudged {
            repair.sessions_since = repair.sessions_since.saturating_add(1);
        }
        if repair.unjudged && judged(repair, context) {
            repair.unjudged = false;
            repair.fruitless += 1;
            if repair.fruitless >= context.settings.pfn_write_attempts {
                // One more hard reset a week from now, and so on.
                repair.fruitless = context.settings.pfn_write_attempts.saturating_sub(1);
                repair.not_before = Some(rest);
            }
        }
    }

    /// Whether the PFN is to be written now, and why.
    pub(crate) fn write_due(&self, context: &Context<'_>) -> Option<WriteReason> {
        let reason = self.write_wanted(context)?;
        let first = self.first_repair() && !self.writes_hang();
        let budgeted = (first || self.within_budget(context)) && self.within_day(context);
        (reason == WriteReason::Operator || budgeted).then_some(reason)
    }

    /// Whether the client seems to hang when the PFN is written, as old builds do (oma-dm.md §9.1): then the write goes
    /// alone, last, and seldom.
    pub fn writes_hang(&self) -> bool {
        self.repair.hang.is_likely()
    }

    /// The device said something after the PFN was written.
    pub(crate) fn write_heard(&mut self, answer: WriteAnswer) {
        match answer {
            WriteAnswer::Unanswered => self.repair.hang.heard(),
            _ => self.repair.hang.answered(),
        }
    }

    /// How a due write is made. `on_device`: a PFN is there already.
    pub(crate) fn write_form(&self, on_device: bool) -> WriteForm {
        match (on_device, self.repair.fruitless) {
            // Writes that hung say nothing against the channel.
            (_, 2..) if !self.writes_hang() => WriteForm::DeleteThenAdd,
            (true, _) => WriteForm::Replace,
            (false, _) => WriteForm::Add,
        }
    }

    /// The write is in the message that is about to go.
    pub(crate) fn writing(&mut self, context: &Context<'_>) {
        let (repair, now) = (&mut self.repair, context.now);
        repair.writes_of_day = repair.spent(now).saturating_add(1);
        if repair.writes_of_day == 1 {
            repair.day = Some(now);
        }
        repair.hang.writing();
        repair.last_write = Some(now);
        repair.last_pfn = Some(context.pfn.clone());
        repair.sessions_since = 0;
        repair.unjudged = true;
        repair.requested = false;
        repair.planned = false;
        if self.state == ChannelState::Dead {
            repair.answered_death_of = Some(self.generation);
        }
    }

    /// When the PFN was last written.
    pub fn last_write(&self) -> Option<Timestamp> {
        self.repair.last_write
    }

    fn write_wanted(&self, context: &Context<'_>) -> Option<WriteReason> {
        if self.repair.requested {
            return Some(WriteReason::Operator);
        }
        match self.state {
            ChannelState::Dead => Some(WriteReason::Repair),
            ChannelState::Stale => Some(WriteReason::Renew),
            ChannelState::Pending => self.pending_too_long(context).then_some(WriteReason::Renew),
            ChannelState::Live => (self.aged(context) || self.repair.planned).then_some(WriteReason::Renew),
            // When a refused write is tried again, says the budget: not before tomorrow.
            ChannelState::Unset | ChannelState::Moving | ChannelState::Refused(Refusal::Write(_)) => {
                Some(WriteReason::Set)
            }
            ChannelState::Refused(_) => None,
        }
    }

    /// Whether the URI has been unchanged for so long that it should be renewed before it expires.
    pub(super) fn aged(&self, context: &Context<'_>) -> bool {
        self.aged_from.is_some_and(|from| from + context.reset_age() <= context.now)
    }

    fn pending_too_long(&self, context: &Context<'_>) -> bool {
        let long = self.since + context.settings.pending_patience <= context.now;
        (long && self.repair.sessions_pending >= 2) || self.repair.planned
    }

    /// A generation that died gets one repair at once, whatever was written before.
    fn first_repair(&self) -> bool {
        self.state == ChannelState::Dead && self.repair.answered_death_of != Some(self.generation)
    }

    fn within_budget(&self, context: &Context<'_>) -> bool {
        let (repair, settings, now) = (&self.repair, context.settings, context.now);
        let gap = if self.writes_hang() { settings.pfn_write_rest } else { settings.pfn_write_gap };
        let another = repair.last_pfn.as_ref().is_some_and(|pfn| pfn != context.pfn);
        let first = another && !self.writes_hang();
        let gap_over = first || repair.last_write.is_none_or(|at| at + gap <= now);
        let rested = repair.not_before.is_none_or(|at| at <= now);
        let undecided = repair.unjudged && !matches!(self.state, ChannelState::Refused(_));
        gap_over && rested && !undecided && context.may_write
    }

    /// Whatever a device answers, its PFN is not written again and again.
    fn within_day(&self, context: &Context<'_>) -> bool {
        self.repair.spent(context.now) < context.settings.pfn_writes_per_day
    }
}

fn judged(repair: &Repair, context: &Context<'_>) -> bool {
    let long_ago = repair.last_write.is_some_and(|at| at + context.settings.pfn_write_judged <= context.now);
    long_ago && repair.sessions_since >= 2
}

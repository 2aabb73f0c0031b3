//! What the service remembers of one device, and what its wakes make of that: the store, made small.

use dm::{Account, Session};
use model::{DeviceId, Priority, SessionKey, SummonsId, Timestamp, WakeId};
use push::{Answer, Channel, EndReason, Origin, Outcome, Settings, Summons, Visit, Wake};

use crate::ledger::Ledger;

/// A device as the service knows it.
pub(crate) struct Managed {
    /// Its place among all.
    pub(crate) index: usize,
    pub(crate) id: DeviceId,
    pub(crate) account: Account,
    pub(crate) channel: Channel,
    pub(crate) newest: Option<SessionKey>,
    pub(crate) session: Option<Session>,
    pub(crate) visit: Option<Visit>,
    pub(crate) os_version: Option<String>,
    pub(crate) detail_read_at: Option<Timestamp>,
    pub(crate) unenrolled: bool,
    pub(crate) summons: Option<Summons>,
    /// Those that are live.
    pub(crate) wakes: Vec<Wake>,
}

impl Managed {
    pub(crate) fn new(index: usize, id: DeviceId, account: Account) -> Self {
        Self {
            index,
            id,
            account,
            channel: Channel::default(),
            newest: None,
            session: None,
            visit: None,
            os_version: None,
            detail_read_at: None,
            unenrolled: false,
            summons: None,
            wakes: Vec::new(),
        }
    }

    /// A wake is asked for: it joins the summons, or opens one.
    pub(crate) fn ask(
        &mut self,
        (wake, summons): (WakeId, SummonsId),
        priority: Priority,
        timeout: std::time::Duration,
        now: Timestamp,
        rules: &Settings,
    ) {
        let wake = Wake::ask(wake, self.id, priority, timeout, now);
        match &mut self.summons {
            Some(summons) => summons.join(priority, wake.deadline(), now),
            None => self.summons = Some(Summons::open(summons, priority, wake.deadline(), now, rules)),
        }
        self.wakes.push(wake);
    }

    /// A device-scope session starts: it answers every wake that was asked for before.
    pub(crate) fn answer(
        &mut self,
        session: SessionKey,
        origin: Origin,
        now: Timestamp,
        ledger: &mut Ledger,
    ) {
        let Some(summons) = self.summons.take() else { return };
        let (attribution, push) = summons.attribute(origin, now);
        self.end_all(Outcome::Answered(Answer { session, attribution, push }), now, ledger);
    }

    /// Ends every live wake, and the summons with them.
    pub(crate) fn end_all(&mut self, outcome: Outcome, now: Timestamp, ledger: &mut Ledger) {
        self.summons = None;
        for mut wake in std::mem::take(&mut self.wakes) {
            finish(&mut wake, self.index, outcome, now, ledger);
        }
    }

    /// Ends the wakes whose time is over; those that live on keep the summons.
    pub(crate) fn end_due(
        &mut self,
        app: Option<EndReason>,
        now: Timestamp,
        rules: &Settings,
        ledger: &mut Ledger,
    ) {
        let Some(summons) = &mut self.summons else { return };
        self.channel.expire(now, rules);
        let outcome = Outcome::Unanswered(summons.why(&self.channel, app, now, rules));
        self.wakes.retain_mut(|wake| {
            let over = wake.deadline() <= now;
            if over {
                finish(wake, self.index, outcome, now, ledger);
            }
            !over
        });
        let live = || self.wakes.iter();
        match live().map(Wake::priority).max().zip(live().map(Wake::deadline).max()) {
            Some((priority, deadline)) => summons.narrow(priority, deadline),
            None => self.summons = None,
        }
    }

    /// When its summons may push.
    pub(crate) fn due(&self, now: Timestamp, rules: &Settings) -> Timestamp {
        self.summons.as_ref().map_or(Timestamp::MAX, |summons| summons.next_at(&self.channel, now, rules))
    }

    /// When the next wake ends.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.wakes.iter().map(Wake::deadline).min().unwrap_or(Timestamp::MAX)
    }
}

fn finish(wake: &mut Wake, device: usize, outcome: Outcome, now: Timestamp, ledger: &mut Ledger) {
    let was_live = wake.finish(outcome, now);
    ledger.wake_ended(wake, device, outcome, was_live, now);
}

//! What no protocol asks for: channels that WNS kills, PCs that enroll again, images of disks, bad days of WNS, and an
//! operator who changes the PFN.

use model::Timestamp;
use push::ChannelState;
use simulator::{
    device::Opening,
    wns::{PushFault, RetryAfter, Revocation, Script},
};

use crate::{
    agenda::Timer,
    pc::{DAY, HOUR},
    report::RolloutDay,
    world::World,
};

impl World {
    /// Something happens to a PC.
    pub(crate) fn fate(&mut self, index: usize) {
        if self.is_quiet() {
            return;
        }
        let [ends, anew] = self.odds.fates;
        match self.chance.between(0, 100) {
            drawn if drawn < ends => self.kill_channels(index),
            drawn if drawn < ends + anew => self.enroll_again(index),
            _ if self.pcs[index].device.channel_uri().is_some() => {
                let twin = self.pcs[index].imaged(self.pcs.len(), self.now);
                self.admit(twin);
            }
            _ => {}
        }
        let (least, most) = self.odds.fate_every;
        let next = self.now + self.chance.span(least * DAY, most * DAY);
        self.agenda.set(Timer::Fate, index, next);
    }

    /// WNS ends its channels, and tells nobody (wns.md §5).
    fn kill_channels(&mut self, index: usize) {
        let how = if self.chance.percent(80) { Revocation::Expired } else { Revocation::Forgotten };
        let name = self.pcs[index].name().to_owned();
        self.wns.machine.revoke_channels(&name, how);
    }

    /// It enrolls anew, as the same device; every other one leaves properly before.
    fn enroll_again(&mut self, index: usize) {
        if self.pcs[index].on && self.chance.percent(50) {
            self.hold(index, Opening::Unenroll);
        }
        let pc = &mut self.pcs[index];
        pc.device.enroll_again();
        self.ledger.begins_anew(index);
        (pc.polls, pc.poll_at) = (0, self.now + HOUR);
        self.agenda.set(Timer::Poll, index, pc.poll_at);
        self.agenda.set(Timer::Renewal, index, Timestamp::MAX);
    }

    /// Midnight.
    pub(crate) fn day(&mut self) {
        let day = u32::try_from(self.now.since(self.start).as_secs() / DAY.as_secs()).unwrap_or(u32::MAX);
        self.note_rollout(day);
        if day == self.change_day() {
            self.change_pfn();
        }
        if day == self.settings.days / 3 {
            // A bad night of WNS.
            for index in 0..self.pcs.len() {
                if self.chance.percent(self.odds.bad_night) {
                    self.kill_channels(index);
                }
            }
        }
        if self.chance.percent(self.odds.tokens) {
            self.wns.machine.revoke_tokens();
        }
        self.bad_day();
        self.agenda.set(Timer::Day, 0, self.now + DAY);
    }

    /// The operator moves every device to the other push app.
    fn change_pfn(&mut self) {
        let other = self.service.apps.keys().find(|pfn| **pfn != self.service.pfn).cloned();
        self.service.pfn = other.unwrap_or_else(|| self.service.pfn.clone());
        for index in 0..self.pcs.len() {
            self.service.devices[index].channel.move_to(&self.service.pfn, self.now);
            self.ledger.begins_anew(index);
            self.look_again(index);
        }
    }

    /// The day on which the PFN changes.
    pub(crate) fn change_day(&self) -> u32 {
        self.settings.days / 2
    }

    /// The next pushes meet a fault of one kind.
    fn bad_day(&mut self) {
        let fault = match self.chance.between(0, 9 + self.odds.good_days) {
            0 => PushFault::Dropped,
            1 => PushFault::ChannelThrottled,
            2 => PushFault::OddStatus(None),
            3 => PushFault::app_throttled(406, Some(RetryAfter::Seconds(600))),
            4 => PushFault::app_throttled(429, None),
            5 => PushFault::status(503),
            6 => PushFault::status(500),
            7 => PushFault::Closed,
            8 => PushFault::ClosedAfterDelivery,
            _ => return,
        };
        let times = u32::try_from(self.settings.devices / self.odds.faulty_share).unwrap_or(u32::MAX).max(1);
        self.wns.machine.script_push(Script::once(fault).times(times));
    }

    fn note_rollout(&mut self, day: u32) {
        if day <= self.change_day() {
            return;
        }
        let mut noted = RolloutDay { day, ..RolloutDay::default() };
        for device in &self.service.devices {
            let on_new = device.channel.pfn() == Some(&self.service.pfn);
            match (on_new, device.channel.state()) {
                (true, ChannelState::Live) => noted.live_on_new += 1,
                (true, _) => noted.waiting += 1,
                (false, ChannelState::Moving) => noted.moving += 1,
                (false, _) => noted.unset += 1,
            }
        }
        self.rollout.push(noted);
    }
}

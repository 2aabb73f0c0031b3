//! Pushes: decided by the rules, taken or refused by the emulated WNS.

use std::time::Duration;

use model::Timestamp;
use push::{ChannelState, Door, EndReason, Exchange, Outcome, PushRequest, Verdict};

use crate::{agenda::Timer, world::World};

/// How soon a summons is looked at again that came to nothing.
const AGAIN: Duration = Duration::from_secs(30);

impl World {
    /// A summons is due.
    pub(crate) fn push(&mut self, index: usize) {
        let now = self.now;
        let expired = self.service.devices[index].channel.expire(now, &self.service.rules);
        if expired {
            return self.look_again(index);
        }
        if let Some(until) = self.shut_until(index) {
            return self.agenda.set(Timer::Due, index, until);
        }
        if !self.claim_and_send(index) {
            let due = self.service.devices[index].due(now, &self.service.rules);
            return self.agenda.set(Timer::Due, index, due.max(now + AGAIN));
        }
        self.look_again(index);
    }

    /// Until when the channel's app pushes nothing.
    fn shut_until(&self, index: usize) -> Option<Timestamp> {
        let pfn = self.service.devices[index].channel.pfn()?;
        match self.service.apps.get(pfn)?.door(self.now) {
            Door::Shut(until) => Some(until),
            Door::Open | Door::Probe | Door::Probing(_) => None,
        }
    }

    fn claim_and_send(&mut self, index: usize) -> bool {
        let (now, id) = (self.now, self.push_id());
        let device = &mut self.service.devices[index];
        let Some(summons) = &mut device.summons else { return false };
        let Some(claim) = summons.claim(id, &mut device.channel, now, &self.service.rules) else {
            return false;
        };
        let (Some(uri), Some(app)) = (device.channel.uri().cloned(), device.channel.pfn().cloned()) else {
            self.ledger.violation(now, format!("device {index}: a push was claimed without a channel"));
            return false;
        };
        if !matches!(device.channel.state(), ChannelState::Live | ChannelState::Moving) {
            let state = device.channel.state().name();
            self.ledger.violation(now, format!("device {index}: a channel that is {state} was pushed to"));
        }
        let request = PushRequest {
            uri: uri.clone(),
            payload: self.service.rules.payload.clone(),
            ttl: claim.ttl,
            priority: None,
            ms_cv: format!("{id}.0"),
            fresh_connection: claim.fresh_connection,
        };
        let (exchange, delivery) = self.wns.push(&app, &request, now, &mut self.chance);
        let verdict = Verdict::of(&exchange);
        self.ledger.pushed(index, uri.fingerprint(), &verdict, now);
        self.judge(index, (id, claim.generation, claim.ttl), &verdict, &app);
        if let Exchange::Responded(response) = &exchange
            && verdict == Verdict::Malformed
        {
            self.ledger.violation(now, format!("WNS found a push malformed: {response:?}"));
        }
        if let Some(delivery) = delivery {
            self.deliver(index, &delivery);
        }
        true
    }

    fn judge(
        &mut self,
        index: usize,
        (id, generation, ttl): (model::PushId, u32, Duration),
        verdict: &Verdict,
        app: &model::Pfn,
    ) {
        let (now, chance) = (self.now, self.chance.unit());
        let rules = &self.service.rules;
        let device = &mut self.service.devices[index];
        device.channel.judge(generation, verdict, now, rules);
        if !verdict.may_have_arrived() {
            device.channel.unsent(id);
        }
        if let Some(summons) = &mut device.summons {
            summons.judge(id, ttl, verdict, (now, chance), rules);
        }
        if let Some(condition) = self.service.apps.get_mut(app) {
            condition.judge(verdict, None, now, rules);
        }
        if *verdict == Verdict::Malformed {
            device.end_all(Outcome::Failed(EndReason::MalformedPush), now, &mut self.ledger);
        }
    }
}

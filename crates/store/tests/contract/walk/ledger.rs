//! What was seen so far, and must not be taken back.

use std::collections::BTreeSet;

use model::{DeviceId, PushId, SummonsId, Timestamp, WakeId};
use push::{Channel, ChannelState, End, Settings};
use store::{ClaimedPush, DeviceRecord, EventKind, Store, WakeRecord};

use super::world::{Broken, By, Sent, promise};

/// Events that are read at once.
const EVENTS: u64 = 10_000;

#[derive(Default)]
pub(crate) struct Ledger {
    /// The last event that was read.
    seq: i64,
    ends: By<WakeId, End>,
    /// Wakes whose end was told, by an operation.
    told: BTreeSet<WakeId>,
    /// Wakes whose end is an event.
    events: BTreeSet<WakeId>,
    /// Of each device: the last push that may have reached it and that no session answered.
    open: By<DeviceId, Sent>,
    /// Of each summons: pushes that may have reached the device, and how many there may be.
    attempts: By<SummonsId, (BTreeSet<PushId>, usize)>,
    /// What WNS called dead while it was the device's channel: device, URI, push.
    dead: Vec<(DeviceId, String, PushId)>,
}

impl Ledger {
    pub(crate) async fn begin(store: &Store) -> Self {
        let seq = store.event_range().await.unwrap().map_or(0, |range| *range.end());
        Self { seq, ..Self::default() }
    }

    /// Reads all wakes and new events. Each wake ends once, and stays as it ended. Returns those that ended since.
    pub(crate) async fn observe(&mut self, store: &Store, wakes: &[WakeId]) -> Result<Vec<WakeId>, Broken> {
        for event in store.events_after(self.seq, EVENTS).await.unwrap() {
            self.seq = event.seq;
            let ends = !matches!(event.kind, EventKind::Asked | EventKind::Pushed | EventKind::PushFailed);
            if ends && wakes.contains(&event.wake) {
                promise(self.events.insert(event.wake), || format!("{} ended twice: {event:?}", event.wake))?;
            }
        }
        let mut ended = Vec::new();
        for record in store.wakes_of(wakes.iter().copied()).await.unwrap() {
            let (id, end) = (record.wake.id(), record.wake.end());
            let before = self.ends.get(&id).copied();
            promise(before.is_none() || before == end, || format!("{id} ended again: {before:?}, {end:?}"))?;
            promise(end.is_some() == self.events.contains(&id), || {
                format!("{id}: {end:?} is no event, or an event is no end")
            })?;
            if let (Some(end), None) = (end, before) {
                self.ends.insert(id, end);
                ended.push(id);
            }
        }
        Ok(ended)
    }

    /// An operation said that these ended by it: nobody else may say so.
    pub(crate) fn told(&mut self, wakes: &[WakeRecord]) -> Result<(), Broken> {
        wakes.iter().try_for_each(|record| {
            let id = record.wake.id();
            let first = record.wake.end().is_some() && self.told.insert(id);
            promise(first, || format!("the end of {id} was told twice"))
        })
    }

    pub(crate) fn all_ended(&self, wakes: &[WakeId]) -> Result<(), Broken> {
        wakes.iter().try_for_each(|id| promise(self.ends.contains_key(id), || format!("{id} never ended")))
    }

    /// A wake was asked for. When all pushes of its summons are spent it grants one more; at most, for the last answer
    /// window may still be open.
    pub(crate) fn joined(&mut self, record: &WakeRecord, rules: &Settings) {
        let Some(summons) = record.summons else { return };
        let first = (BTreeSet::new(), rules.max_unanswered.into());
        let (made, allowed) = self.attempts.entry(summons).or_insert(first);
        if made.len() >= *allowed {
            *allowed = made.len() + 1;
        }
    }

    /// A push is about to go to the channel that the device had.
    pub(crate) fn claimed(
        &mut self,
        push: &ClaimedPush,
        before: &DeviceRecord,
        now: Timestamp,
        rules: &Settings,
    ) -> Result<(), Broken> {
        let (channel, device) = (&before.channel, push.device);
        let live = matches!(channel.state(), ChannelState::Live | ChannelState::Moving);
        let same = channel.uri() == Some(&push.uri) && channel.generation() == push.generation;
        promise(live && same && channel.pushable(now, rules), || {
            format!("a push without a live channel: {push:?}, {channel:?}")
        })?;
        self.stays_dead(device, channel)?;
        if let Some((earlier, at)) = self.open.insert(device, (push.id, now)) {
            promise(now.since(at) >= rules.min_gap, || {
                format!("{} went {:?} after {earlier}, which nobody answered", push.id, now.since(at))
            })?;
        }
        let summons = push.wakes[0].summons.unwrap();
        let (made, allowed) = self.attempts.get_mut(&summons).unwrap();
        made.insert(push.id);
        promise(made.len() <= *allowed, || format!("{} pushes of {summons}, {allowed} allowed", made.len()))
    }

    /// The push certainly did not reach the device.
    pub(crate) fn refunded(&mut self, push: &ClaimedPush) {
        if self.open.get(&push.device).is_some_and(|(id, _)| *id == push.id) {
            self.open.remove(&push.device);
        }
        for (made, _) in self.attempts.values_mut() {
            made.remove(&push.id);
        }
    }

    /// A session of the device started: whatever was under way is answered.
    pub(crate) fn answered(&mut self, device: DeviceId) {
        self.open.remove(&device);
    }

    pub(crate) fn died(&mut self, push: &ClaimedPush) {
        self.dead.push((push.device, push.uri.expose().to_owned(), push.id));
    }

    /// Deaths may turn out to be too many: then the records say that they are suspect, and they do not count.
    pub(crate) async fn weigh_deaths(&mut self, store: &Store) {
        let records = store.pushes_of(self.dead.iter().map(|(.., push)| *push)).await.unwrap();
        let real = |push: &PushId| {
            records.iter().any(|it| it.id == *push && it.verdict.as_deref() == Some("channel_dead"))
        };
        self.dead.retain(|(.., push)| real(push));
    }

    pub(crate) fn stays_dead(&self, device: DeviceId, channel: &Channel) -> Result<(), Broken> {
        let live = matches!(channel.state(), ChannelState::Live | ChannelState::Moving);
        let Some(uri) = channel.uri().filter(|_| live) else { return Ok(()) };
        let dead = self.dead.iter().any(|(whose, gone, _)| *whose == device && gone == uri.expose());
        promise(!dead, || format!("a dead URI lives again: {channel:?}"))
    }
}

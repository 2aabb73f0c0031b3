//! The grip on an emulated WNS that runs: faults, counters, conditions to wait for.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use model::Timestamp;
use tokio::sync::{broadcast, watch};

use super::{
    channels::{Delivery, Presence, Registration, Revocation, SeenPush},
    faults::{PushFault, Script, TokenFault},
    machine::{Counters, Grant, Machine, NoChannel, Random},
    reply::Answer,
    settings::Settings,
};
use crate::edge;

/// How many deliveries a slow reader may lag behind before it misses some.
const DELIVERIES: usize = 65_536;

/// The grip on an emulated WNS that runs. Clones are the same grip.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    machine: Mutex<Machine>,
    ahead: Mutex<Duration>,
    changed: watch::Sender<()>,
    deliveries: broadcast::Sender<Delivery>,
}

impl Handle {
    pub(super) fn new(machine: Machine) -> Self {
        Self(Arc::new(Shared {
            machine: Mutex::new(machine),
            ahead: Mutex::default(),
            changed: watch::Sender::new(()),
            deliveries: broadcast::Sender::new(DELIVERIES),
        }))
    }

    /// Scripts a fault for pushes.
    pub fn fail_pushes(&self, script: Script<PushFault>) {
        self.change(|machine| machine.script_push(script));
    }

    /// Scripts a fault for the token endpoint.
    pub fn fail_tokens(&self, script: Script<TokenFault>) {
        self.change(|machine| machine.script_token(script));
    }

    /// Forgets every scripted fault, and gives the answers that are held.
    pub fn clear_faults(&self) {
        self.change(Machine::clear_faults);
    }

    /// No token that was issued so far is accepted any more.
    pub fn revoke_tokens(&self) {
        self.change(Machine::revoke_tokens);
    }

    /// Ends all channels of the device; how many there were.
    pub fn revoke_channels(&self, device: &str, how: Revocation) -> usize {
        self.change(|machine| machine.revoke_channels(device, how))
    }

    /// From now on this device is in touch with WNS, or not.
    pub fn set_presence(&self, device: &str, presence: Presence) {
        let now = self.now();
        let released = self.change(|machine| machine.set_presence(device, presence, now));
        self.deliver(released);
    }

    /// From now on every device that had a channel so far is in touch with WNS, or not.
    pub fn set_presence_of_all(&self, presence: Presence) {
        let now = self.now();
        let released = self.change(|machine| machine.set_presence_of_all(presence, now));
        self.deliver(released);
    }

    /// Gives a device a channel.
    pub fn register(&self, registration: &Registration) -> Result<Grant, NoChannel> {
        let now = self.now();
        self.change(|machine| machine.register(registration, now, edge::random()))
    }

    /// Changes what the emulated WNS was set up with.
    pub fn configure<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        self.change(|machine| change(machine.settings_mut()))
    }

    /// Moves the emulated WNS's clock ahead: tokens, channels and kept pushes grow older by this.
    pub fn advance(&self, by: Duration) {
        *lock(&self.0.ahead) += by;
        self.0.changed.send_replace(());
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        self.machine().counters()
    }

    /// When the last push for this device arrived, by the emulated WNS's clock; none if none did.
    pub fn pushed_at(&self, device: &str) -> Option<Timestamp> {
        self.machine().pushed_at(device)
    }

    /// How many pushes arrived for channels of this device.
    pub fn pushes_to(&self, device: &str) -> u64 {
        self.machine().pushes_to(device)
    }

    /// The push that arrived last.
    pub fn last_push(&self) -> Option<SeenPush> {
        self.machine().last_push().cloned()
    }

    /// Waits until the counters satisfy the condition.
    pub async fn until(&self, condition: impl Fn(&Counters) -> bool) -> Counters {
        self.looked(|machine| Some(machine.counters()).filter(&condition)).await
    }

    /// Waits until faults were cleared more often than so many times.
    pub(super) async fn cleared(&self, before: u64) {
        self.looked(|machine| (machine.cleared() > before).then_some(())).await;
    }

    /// Looks at each change until something is found.
    async fn looked<T>(&self, look: impl Fn(&Machine) -> Option<T>) -> T {
        let mut changes = self.0.changed.subscribe();
        loop {
            changes.mark_unchanged();
            let found = look(&self.machine());
            if let Some(found) = found {
                return found;
            }
            // The sender lives as long as `self`.
            let _ = changes.changed().await;
        }
    }

    /// The deliveries from now on, of all fleets.
    pub fn deliveries(&self) -> broadcast::Receiver<Delivery> {
        self.0.deliveries.subscribe()
    }

    pub(super) fn connected(&self) {
        self.change(Machine::connected);
    }

    pub(super) fn token(&self, request: &Request<Bytes>) -> Answer {
        let now = self.now();
        self.change(|machine| machine.token(request, now, edge::random()))
    }

    pub(super) fn push(&self, request: &Request<Bytes>) -> Answer {
        let (now, random): (_, Random) = (self.now(), edge::random());
        let reaction = self.change(|machine| machine.push(request, now, random));
        self.deliver(reaction.delivery);
        reaction.answer
    }

    fn deliver(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            // Nobody listens: then the device is connected, but nobody plays it.
            let _ = self.0.deliveries.send(delivery);
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let outcome = change(&mut self.machine());
        self.0.changed.send_replace(());
        outcome
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        lock(&self.0.machine)
    }

    /// The emulated WNS's time.
    pub fn now(&self) -> Timestamp {
        edge::now() + *lock(&self.0.ahead)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.counters()).finish()
    }
}

/// A panic of another holder leaves counters, at worst, one behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The loop of one push app.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use model::{Pfn, Priority, PushAppName, PushId, Timestamp};
use push::{Door, Exchange, Pacer, PushRequest, Verdict};
use store::{ClaimRequest, ClaimedPush, Error, Judged, PushResult, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Dispatcher, pulse, report};

/// Every so manieth round, bulk goes first (DESIGN §6).
const BULK_ROUND: u64 = 8;
/// How often a verdict that the store could not take is offered again; after that the lease runs out.
const CONCLUDE_TRIES: usize = 20;
/// The most pushes that one claim takes, so that no transaction grows long.
const CLAIM: u32 = 64;

/// The loop of one push app.
pub(crate) struct AppLoop {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) name: PushAppName,
    pfn: Pfn,
    pacer: Pacer,
    /// Rounds in which something was claimed.
    rounds: u64,
    pushes: JoinSet<Option<Verdict>>,
}

/// When the loop should look again, unless something is committed before.
enum Next {
    /// There may be more.
    AtOnce,
    After(Duration),
}

impl AppLoop {
    pub(crate) fn new(dispatcher: Dispatcher, name: PushAppName, pfn: Pfn) -> Self {
        let pacer = Pacer::new(dispatcher.store.rules(), dispatcher.store.now());
        Self { dispatcher, name, pfn, pacer, rounds: 0, pushes: JoinSet::new() }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut changed = self.dispatcher.store.changed();
        while !shutdown.is_cancelled() {
            changed.mark_unchanged();
            self.dispatcher.pulse.beat(&pulse::of_app(&self.name));
            let wait = match self.round(&shutdown).await {
                Ok(Next::AtOnce) => continue,
                Ok(Next::After(wait)) => wait,
                Err(error) => {
                    tracing::error!(push_app = %self.name, %error, "due wakes cannot be claimed");
                    let pause = tokio::time::sleep(self.dispatcher.settings.poll);
                    shutdown.run_until_cancelled(pause).await;
                    continue;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = self.pushes.join_next(), if !self.pushes.is_empty() => self.ended(ended),
                _ = changed.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        self.drain().await;
    }

    /// Claims what is due and there is room for.
    async fn round(&mut self, shutdown: &CancellationToken) -> Result<Next, Error> {
        while let Some(ended) = self.pushes.try_join_next() {
            self.ended(ended);
        }
        let Dispatcher { store, settings, .. } = &self.dispatcher;
        let (now, poll) = (store.now(), settings.poll);
        let condition = store.push_app(&self.name).await?.condition;
        self.pacer.heed(condition.closings());
        report::pacing(&self.name, &self.pacer);
        report::bulk(self.dispatcher.bulk.bound(now));
        let door = condition.door(now);
        let room = self.pacer.room(door, now);
        if room == 0 {
            return Ok(Next::After(without_room(door, now, &self.pacer, poll)));
        }
        let claimed = self.claim_all(door, room, now, shutdown).await?;
        if claimed > 0 {
            return Ok(Next::AtOnce);
        }
        self.probe_credentials(&condition).await?;
        Ok(Next::After(self.wait(now).await?))
    }

    async fn claim_all(
        &mut self,
        door: Door,
        room: u32,
        now: Timestamp,
        shutdown: &CancellationToken,
    ) -> Result<u32, Error> {
        let mut order = [Priority::Interactive, Priority::Bulk];
        if (self.rounds + 1).is_multiple_of(BULK_ROUND) {
            order.reverse();
        }
        let mut claimed = 0;
        for priority in order {
            let most = room.saturating_sub(claimed).min(CLAIM);
            if most == 0 {
                break;
            }
            let due = self.dispatcher.store.next_due(&self.name, priority).await?;
            if due.is_none_or(|at| at > now) {
                continue;
            }
            let pushes = match priority {
                Priority::Interactive => self.claim(door, priority, most, now).await?,
                Priority::Bulk => self.claim_bulk(door, most, now).await?,
            };
            claimed += u32::try_from(pushes.len()).unwrap_or(u32::MAX);
            self.start(pushes, now, shutdown).await;
        }
        // A round that finds nothing is nobody's turn.
        self.rounds += u64::from(claimed > 0);
        Ok(claimed)
    }

    /// Bulk goes no faster than its sessions may come.
    async fn claim_bulk(&self, door: Door, most: u32, now: Timestamp) -> Result<Vec<ClaimedPush>, Error> {
        let bulk = &self.dispatcher.bulk;
        if self.dispatcher.store.is_crowded() {
            self.dispatcher.overload.raise();
        }
        let taken = bulk.take(most, now);
        if taken == 0 {
            return Ok(Vec::new());
        }
        let claimed = self.claim(door, Priority::Bulk, taken, now).await;
        bulk.put_back(taken - claimed.as_deref().map_or(0, woken));
        claimed
    }

    async fn claim(
        &self,
        door: Door,
        priority: Priority,
        most: u32,
        now: Timestamp,
    ) -> Result<Vec<ClaimedPush>, Error> {
        let store = &self.dispatcher.store;
        let request = ClaimRequest {
            app: self.name.clone(),
            pfn: self.pfn.clone(),
            priority,
            ids: (0..most).map(|_| store.new_id::<PushId>()).collect(),
            lease: self.dispatcher.settings.lease,
            now,
        };
        if door == Door::Probe { store.claim_probe(request).await } else { store.claim(request).await }
    }

    async fn start(&mut self, claimed: Vec<ClaimedPush>, now: Timestamp, shutdown: &CancellationToken) {
        let store = &self.dispatcher.store;
        for push in claimed {
            if push.observed {
                telemetry::metrics().push_unsent(self.name.as_str(), "observed");
                tracing::debug!(push = %push.id, device = %push.device_name, "observed: would be pushed");
                continue;
            }
            if shutdown.is_cancelled() {
                if let Err(error) = store.hand_back(push.id, push.device, store.now()).await {
                    report::left_to_its_lease(&push, &error);
                }
                continue;
            }
            self.pacer.start(now);
            self.pushes.spawn(send(self.dispatcher.clone(), self.name.clone(), push));
        }
    }

    /// How long there is nothing to claim, as far as can be told.
    async fn wait(&self, now: Timestamp) -> Result<Duration, Error> {
        let Dispatcher { store, settings, bulk, .. } = &self.dispatcher;
        let until = |due: Option<Timestamp>| due.map(|at| at.since(now)).filter(|wait| !wait.is_zero());
        let interactive = until(store.next_due(&self.name, Priority::Interactive).await?);
        let due = store.next_due(&self.name, Priority::Bulk).await?;
        let bulk = if due.is_some_and(|at| at <= now) { bulk.wait() } else { until(due) };
        let soonest = interactive.into_iter().chain(bulk).min();
        Ok(soonest.unwrap_or(settings.poll).min(settings.poll))
    }

    fn ended(&mut self, ended: Result<Option<Verdict>, tokio::task::JoinError>) {
        let verdict = ended.unwrap_or_else(|panic| {
            tracing::error!(push_app = %self.name, %panic, "a push ended without a verdict");
            None
        });
        self.pacer.finish(verdict.as_ref(), self.dispatcher.store.now());
    }

    /// Lets what is under way end; what does not in time is left to its lease.
    async fn drain(mut self) {
        let all = async { while self.pushes.join_next().await.is_some() {} };
        if tokio::time::timeout(self.dispatcher.settings.drain, all).await.is_err() {
            tracing::warn!(push_app = %self.name, "pushes were still under way when the process stopped");
        }
    }
}

/// How long there is no room, as far as can be told; a push that ends wakes the loop as well.
fn without_room(door: Door, now: Timestamp, pacer: &Pacer, poll: Duration) -> Duration {
    let wait = match door {
        Door::Open => pacer.wait(),
        // Not the rate holds a probe back, but pushes that are under way.
        Door::Probe => None,
        Door::Probing(until) | Door::Shut(until) => Some(until.since(now)),
    };
    wait.unwrap_or(poll).min(poll)
}

/// How many of these may cause a session.
fn woken(pushes: &[ClaimedPush]) -> u32 {
    u32::try_from(pushes.iter().filter(|push| !push.observed).count()).unwrap_or(u32::MAX)
}

/// One push: token, POST, verdict. None if the verdict could not be stored.
async fn send(dispatcher: Dispatcher, app: PushAppName, push: ClaimedPush) -> Option<Verdict> {
    let Dispatcher { store, wns, .. } = dispatcher;
    let started = store.now();
    let (ms_cv, chance) = draw();
    let rules = store.rules();
    let request = PushRequest {
        uri: push.uri.clone(),
        payload: rules.payload.clone(),
        ttl: push.ttl,
        priority: rules.wns_priority,
        ms_cv: ms_cv.clone(),
        fresh_connection: push.fresh_connection,
    };
    let exchange = wns.push(&app, &request).await;
    let result = PushResult {
        id: push.id,
        device: push.device,
        app,
        generation: push.generation,
        ttl: push.ttl,
        ms_cv,
        exchange,
        chance,
        now: store.now(),
    };
    let judged = conclude(&store, &push, &result).await?;
    report::push(&push, &result, &judged, started);
    Some(judged.verdict)
}

async fn conclude(store: &Store, push: &ClaimedPush, result: &PushResult) -> Option<Judged> {
    for _ in 0..CONCLUDE_TRIES {
        match store.conclude(result.clone()).await {
            Ok(judged) => return Some(judged),
            Err(Error::Unavailable { after, .. }) => tokio::time::sleep(after).await,
            Err(Error::Conflict(_)) => {}
            Err(error) => {
                report::not_stored(push, &error);
                return None;
            }
        }
    }
    report::not_stored_in_time(push);
    None
}

/// A new correlation vector (22 characters of base64, and the first element), and the chance that spreads retries.
#[expect(clippy::disallowed_methods, reason = "the edge where a push begins")]
fn draw() -> (String, f64) {
    let base = BASE64_STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>());
    (format!("{base}.0"), rand::random())
}

/// What WNS, or whoever failed before it, said.
pub(crate) fn words(exchange: &Exchange) -> Option<&str> {
    use push::TokenTrouble::{Credential, Unavailable};
    match exchange {
        Exchange::Responded(response) => response.error_description.as_deref(),
        Exchange::NotSent(why) | Exchange::Ambiguous(why) => Some(why),
        Exchange::NoToken(Credential { description } | Unavailable { description, .. }) => Some(description),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_pushes_back_says_how_long() {
        let (now, poll) = (Timestamp::EPOCH, Duration::from_secs(1));
        let mut pacer = Pacer::new(&push::Settings::default(), now);
        let wait = |door, pacer: &Pacer| without_room(door, now, pacer, poll);
        assert_eq!(wait(Door::Open, &pacer), poll, "the rate does not");
        for _ in 0..2 {
            while pacer.room(Door::Open, now) > 0 {
                pacer.start(now);
            }
            pacer.finish(None, now);
        }
        let soon = wait(Door::Open, &pacer);
        assert!(soon > Duration::ZERO && soon < poll, "{soon:?}");
        assert_eq!(wait(Door::Probe, &pacer), poll, "the bucket is not looked at");
        for door in [Door::Shut, Door::Probing] {
            assert_eq!(wait(door(now + poll / 2), &pacer), poll / 2);
            assert_eq!(wait(door(Timestamp::MAX), &pacer), poll);
        }
    }
}

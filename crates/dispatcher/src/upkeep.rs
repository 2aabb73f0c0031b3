//! What time alone does, once a second and more rarely.

use std::time::Duration;

use model::Timestamp;
use store::{DeviceRef, Error, Store};
use tokio_util::sync::CancellationToken;

use crate::{Pulse, report};

/// The name of this loop.
pub(crate) const LOOP: &str = "upkeep";
/// How often the gateway's life sign is written.
const BEAT: Duration = Duration::from_secs(5);
/// How often channels are looked at that ran out.
const CHANNELS: Duration = Duration::from_mins(1);
/// How often old records are forgotten.
const PRUNE: Duration = Duration::from_mins(10);

/// Runs until `shutdown`.
pub(crate) async fn run(store: Store, pulse: Pulse, every: Duration, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut due = Due::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        pulse.beat(LOOP);
        round(&store, &pulse, &mut due).await;
    }
}

/// When the rarer things are to be done next.
#[derive(Default)]
struct Due {
    beat: Timestamp,
    channels: Timestamp,
    prune: Timestamp,
}

impl Due {
    /// Writes the gateway's life sign, if it is time.
    async fn beat(&mut self, store: &Store) {
        let now = store.now();
        if self.beat <= now {
            attempt("the life sign", store.beat(now).await);
            self.beat = now + BEAT;
        }
    }
}

/// Each step stands alone: one that fails is tried again, and holds up none of the others. Each may wait for the database
/// until that counts as out of reach, so each begins with a beat: a slow database is no loop that stands still.
async fn round(store: &Store, pulse: &Pulse, due: &mut Due) {
    let now = store.now();
    due.beat(store).await;
    while let Some(ended) = attempt("ending wakes", store.end_due_wakes(now).await) {
        ended.iter().for_each(report::ended_wake);
        // A flood of deadlines takes a while; it is no standstill, and no time away.
        pulse.beat(LOOP);
        due.beat(store).await;
        if ended.is_empty() {
            break;
        }
    }
    pulse.beat(LOOP);
    let lost = attempt("freeing leases", store.expire_leases(now).await).unwrap_or_default();
    lost.iter().for_each(report::lost_push);
    pulse.beat(LOOP);
    for session in attempt("ending sessions", store.end_silent_sessions(now).await).unwrap_or_default() {
        pulse.beat(LOOP);
        let device = store.device(&DeviceRef::Id(session.device)).await;
        let name = device.map_or_else(|_| session.device.to_string(), |found| found.device.name.to_string());
        report::silent_session(&session, &name);
    }
    if due.channels <= now {
        pulse.beat(LOOP);
        attempt("marking old channels", store.expire_channels(now).await);
        due.channels = now + CHANNELS;
    }
    if due.prune <= now {
        pulse.beat(LOOP);
        // As long as there is more, it goes on in the next round: small bites, and others come in between.
        let more = attempt("forgetting old records", store.prune(now).await).unwrap_or_default();
        due.prune = if more { now } else { now + PRUNE };
    }
}

fn attempt<T>(what: &str, result: Result<T, Error>) -> Option<T> {
    result.inspect_err(|error| tracing::error!(%error, "{what} failed; it is tried again")).ok()
}

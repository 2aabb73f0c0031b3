//! What time alone does, once a second and more rarely.

use std::time::Duration;

use model::Timestamp;
use store::{DeviceRef, Error};
use tokio_util::sync::CancellationToken;

use crate::{Dispatcher, report};

/// The name of this loop.
pub(crate) const LOOP: &str = "upkeep";
/// How often the gateway's life sign is written.
const BEAT: Duration = Duration::from_secs(5);
/// How often channels are looked at that ran out.
const CHANNELS: Duration = Duration::from_mins(1);
/// How often old records are forgotten.
const PRUNE: Duration = Duration::from_mins(10);

/// Runs until `shutdown`.
pub(crate) async fn run(dispatcher: Dispatcher, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(dispatcher.settings.poll);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut due = Due::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        dispatcher.pulse.beat(LOOP);
        round(&dispatcher, &mut due, &shutdown).await;
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
    /// Writes the gateway's life sign, if it is time, and this process has one.
    async fn beat(&mut self, dispatcher: &Dispatcher) {
        let now = dispatcher.store.now();
        if dispatcher.beside_gateway && self.beat <= now {
            attempt("the life sign", dispatcher.store.beat(now).await);
            self.beat = now + BEAT;
        }
    }
}

/// Each step stands alone: one that fails is tried again, and holds up none of the others. Each may wait for the database
/// until that counts as out of reach, so each begins with a beat: a slow database is no loop that stands still.
async fn round(dispatcher: &Dispatcher, due: &mut Due, shutdown: &CancellationToken) {
    let Dispatcher { store, pulse, .. } = dispatcher;
    let now = store.now();
    due.beat(dispatcher).await;
    while let Some(ended) = attempt("ending wakes", store.end_due_wakes(now).await) {
        ended.iter().for_each(report::ended_wake);
        // A flood of deadlines takes a while; it is no standstill, and no time away.
        pulse.beat(LOOP);
        due.beat(dispatcher).await;
        if ended.is_empty() {
            break;
        }
        // What is left of it is another replica's, or the next start's: a process that stops has no time for it.
        if shutdown.is_cancelled() {
            return;
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

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use model::{DeviceId, Labels, Priority, TraceContext};
    use store::{AskWake, Key, NewDevice, Retention, Store};
    use tokio::task::JoinSet;
    use wns::WnsClient;

    use super::*;
    use crate::Settings;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_flood_of_deadlines_holds_up_no_stop() {
        let directory = tempfile::tempdir().unwrap();
        let store = store(directory.path()).await;
        // The first device's are more than are looked at in one go.
        for (name, wakes, timeout) in [("one", 600, MINUTE), ("two", 1, 2 * MINUTE)] {
            let device = device(&store, name).await;
            let asks = (0..wakes).map(|_| (store.clone(), wake(&store, device, timeout)));
            let asks: JoinSet<_> = asks
                .map(|(store, wake)| async move { store.ask_in_turn(wake).await.unwrap().unwrap() })
                .collect();
            asks.join_all().await;
        }
        let wns = Arc::new(WnsClient::new(wns::Settings::default(), []).unwrap());
        let settings = Settings {
            apps: Vec::new(),
            lease: MINUTE,
            poll: MINUTE,
            max_woken_sessions_per_second: 0,
            drain: MINUTE,
        };
        let dispatcher = Dispatcher::new(store.clone(), wns, settings);
        let stopping = CancellationToken::new();
        stopping.cancel();
        for (shutdown, live) in [(stopping, 1), (CancellationToken::new(), 0)] {
            round(&dispatcher, &mut Due::default(), &shutdown).await;
            let census = store.census(Duration::ZERO, store.now()).await.unwrap().unwrap();
            assert_eq!(census.live_wakes, live, "what is left when the process stops is another's");
        }
    }

    async fn store(directory: &Path) -> Store {
        let url = format!("sqlite://{}", directory.join("test.db").display());
        store::schema_up(&url).await.unwrap();
        let rules = push::Settings::default();
        Store::open(&url, Key::random().unwrap(), rules, Retention::default()).await.unwrap()
    }

    async fn device(store: &Store, name: &str) -> DeviceId {
        let new = NewDevice {
            id: store.new_id(),
            name: name.parse().unwrap(),
            provider_id: "Reveille".parse().unwrap(),
            push_app: "main".parse().unwrap(),
            labels: Labels::default(),
            external_id: None,
            credential: None,
            certificate: None,
        };
        store.create_device(new, store.now()).await.unwrap().device.id
    }

    /// A wake that was asked for an hour ago.
    fn wake(store: &Store, device: DeviceId, timeout: Duration) -> AskWake {
        AskWake {
            id: store.new_id(),
            summons: store.new_id(),
            device: DeviceRef::Id(device),
            timeout,
            priority: Priority::Interactive,
            reason: String::new(),
            caller: String::new(),
            labels: Labels::default(),
            idempotency: None,
            satisfied_by_open_session: false,
            trace: TraceContext { trace_id: [1; 16], span_id: [1; 8], flags: 0 },
            parent: None,
            now: store.now() - 60 * MINUTE,
        }
    }
}

//! What time alone does, once a second and more rarely.

use std::time::Duration;

use model::Timestamp;
use store::{Error, Store};
use tokio_util::sync::CancellationToken;

use crate::report;

/// How often the gateway's life sign is written.
const BEAT: Duration = Duration::from_secs(5);
/// How often channels are looked at that ran out.
const CHANNELS: Duration = Duration::from_mins(1);
/// How often old records are forgotten.
const PRUNE: Duration = Duration::from_mins(10);

/// Runs until `shutdown`.
pub(crate) async fn run(store: Store, every: Duration, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut due = Due::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = round(&store, &mut due).await {
            tracing::error!(%error, "upkeep failed; it is tried again");
        }
    }
}

/// When the rarer things are to be done next.
#[derive(Default)]
struct Due {
    beat: Timestamp,
    channels: Timestamp,
    prune: Timestamp,
}

async fn round(store: &Store, due: &mut Due) -> Result<(), Error> {
    let now = store.now();
    loop {
        let ended = store.end_due_wakes(now).await?;
        if ended.is_empty() {
            break;
        }
        ended.iter().for_each(report::ended_wake);
    }
    store.expire_leases(now).await?;
    store.end_silent_sessions(now).await?.iter().for_each(report::silent_session);
    if due.beat <= now {
        store.beat(now).await?;
        due.beat = now + BEAT;
    }
    if due.channels <= now {
        store.expire_channels(now).await?;
        due.channels = now + CHANNELS;
    }
    if due.prune <= now {
        // As long as there is more, it goes on in the next round: small bites, and others come in between.
        let more = store.prune(now).await?;
        due.prune = if more { now } else { now + PRUNE };
    }
    Ok(())
}

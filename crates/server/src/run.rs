//! The service: three listeners and the dispatcher, from start to drain.

use std::{sync::Arc, time::Duration};

use dispatcher::Dispatcher;
use gateway::Gateway;
use grpc::{AppInfo, TokenReport, Tokens};
use model::{ProviderId, PushAppName};
use push::TokenTrouble;
use store::Store;
use thiserror::Error;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use wns::WnsClient;

mod admin;
mod checks;
mod gauges;

use checks::{Checks, Commits};
use gauges::Gauges;

/// What the service is made of.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) wns: Arc<WnsClient>,
    pub(crate) gateway: Gateway,
    pub(crate) grpc: grpc::Settings,
    pub(crate) dispatcher: dispatcher::Settings,
    /// How often the fleet is counted for the metrics, by all replicas together.
    pub(crate) count_every: Duration,
    /// How long everything goes on after readiness went off, so that nobody is sent here any more when it ends.
    pub(crate) notice: Duration,
    /// Cancelled here when that is over, or before, by whoever is in a hurry; the gateway ends with it.
    pub(crate) ending: CancellationToken,
    /// How long open requests and pushes may then take to end.
    pub(crate) drain: Duration,
}

/// Where the service listens. What is not there is switched off.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) gateway: Option<TcpListener>,
    pub(crate) grpc: Option<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
}

/// Why the service ended before it was told to.
#[derive(Debug, Error)]
pub(crate) enum RunError {
    /// The database does not work.
    #[error("the store does not work: {0}")]
    Store(#[from] store::Error),
    /// A listener does not work any more.
    #[error("a listener failed: {0}")]
    Listener(String),
}

/// Serves until `shutdown`, then drains: readiness goes off at once, and after the notice nothing new is taken, open
/// requests and pushes end, and what does not end in time is left to its lease.
pub(crate) async fn run(
    parts: Parts,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let Parts { store, wns, gateway, grpc, dispatcher, count_every, notice, ending, drain } = parts;
    match &listeners.gateway {
        Some(_) => {
            let away = store.resume_windows(store.now()).await?;
            tracing::debug!(seconds = away.as_secs(), "the gateway was away");
        }
        None => store.rework_summonses(store.now()).await?,
    }
    let commits = Commits::default();
    let committed = commits.clone();
    store.on_batch(move |batch| tell_batch(batch, &committed));
    let apps: Arc<[_]> = dispatcher.apps.iter().map(|(name, _)| name.clone()).collect();
    let loops = Dispatcher::new(store.clone(), wns.clone(), dispatcher);
    let loops = match &listeners.gateway {
        Some(_) => loops.beside_gateway(gateway.overload()),
        None => loops,
    };
    let pulse = loops.pulse();
    let checks = Checks::new(store.clone(), apps.clone(), (pulse.clone(), commits), shutdown.clone());
    let gauges = Gauges { store: store.clone(), wns, apps, pulse, every: count_every };
    let (mut tasks, mut admin, drained) = (JoinSet::new(), JoinSet::new(), CancellationToken::new());
    if let Some(listener) = listeners.gateway {
        let stop = ending.clone();
        tasks.spawn(async move {
            gateway.serve(listener, stop).await;
            Ok(())
        });
    }
    if let Some(listener) = listeners.grpc {
        let service = grpc::Service::new(store.clone(), grpc, shutdown.clone()).judged_by(checks.health());
        let stop = ending.clone();
        tasks.spawn(async move { service.serve(listener, stop).await.map_err(failed) });
    }
    if let Some(listener) = listeners.admin {
        let router = admin::router(checks.clone(), gauges.clone());
        tokio::spawn(gauges.keep(checks, ending.clone()));
        let stop = drained.clone().cancelled_owned();
        admin.spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(failed)
        });
    }
    let running = loops.run(ending.clone());
    tasks.spawn(async move { Ok(running.await?) });
    let result = supervise(tasks, &mut admin, Stop { shutdown, ending, notice, drain }).await;
    // Until now it has told that the service is not ready.
    drained.cancel();
    // Whoever still asks gets no answer.
    let _ = tokio::time::timeout(LAST_WORDS, admin.join_all()).await;
    result
}

/// What the gRPC edge needs to know; it asks `wns` how the apps stand with their token endpoints.
pub(crate) fn grpc_settings(
    default_provider_id: ProviderId,
    apps: impl IntoIterator<Item = (PushAppName, AppInfo)>,
    wns: &Arc<WnsClient>,
) -> grpc::Settings {
    let wns = wns.clone();
    let tokens = move |app: &PushAppName| match wns.token_state(app) {
        Ok(wns::TokenState::Held(left)) => TokenReport::Valid(left),
        Ok(wns::TokenState::Failed(TokenTrouble::Credential { .. })) => TokenReport::Refused,
        Ok(wns::TokenState::Failed(TokenTrouble::Unavailable { .. })) => TokenReport::Unavailable,
        Ok(wns::TokenState::None) | Err(_) => TokenReport::None,
    };
    grpc::Settings {
        default_provider_id,
        apps: apps.into_iter().collect(),
        tokens: Tokens::new(tokens),
        health_every: HEALTH,
        watch: grpc::Watch::default(),
    }
}

fn tell_batch(batch: store::Batch, commits: &Commits) {
    let store::Batch { units, waited, took, committed } = batch;
    if committed {
        commits.note();
    }
    telemetry::metrics().batch(telemetry::Batch { units, waited, took, committed });
}

/// How often the database is tried for the health service.
const HEALTH: Duration = Duration::from_secs(5);

/// How long the admin listener may take to end when everything else has.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How the service stops.
struct Stop {
    shutdown: CancellationToken,
    ending: CancellationToken,
    notice: Duration,
    drain: Duration,
}

/// Waits for the end. A part that fails takes the others down with it, without notice: half a service is none.
async fn supervise(
    mut tasks: JoinSet<Result<(), RunError>>,
    admin: &mut JoinSet<Result<(), RunError>>,
    stop: Stop,
) -> Result<(), RunError> {
    let mut result = Ok(());
    tokio::select! {
        () = stop.noticed() => {}
        ended = tasks.join_next() => match ended {
            Some(ended) => result = flat(ended),
            None => return result,
        },
        Some(ended) = admin.join_next() => result = flat(ended),
    }
    stop.shutdown.cancel();
    stop.ending.cancel();
    tracing::info!("draining");
    let rest = async {
        while let Some(ended) = tasks.join_next().await {
            result = std::mem::replace(&mut result, Ok(())).and(flat(ended));
        }
    };
    if tokio::time::timeout(stop.drain, rest).await.is_err() {
        tracing::warn!("some requests were still open when the service ended");
    }
    result
}

impl Stop {
    /// Until the service was told to stop, and whoever sends requests had time to see it, unless somebody is in a hurry.
    async fn noticed(&self) {
        self.shutdown.cancelled().await;
        tracing::info!(seconds = self.notice.as_secs(), "about to stop: not ready any more");
        self.ending.run_until_cancelled(tokio::time::sleep(self.notice)).await;
    }
}

fn flat(ended: Result<Result<(), RunError>, tokio::task::JoinError>) -> Result<(), RunError> {
    ended.unwrap_or_else(|panic| Err(failed(panic)))
}

fn failed(error: impl std::fmt::Display) -> RunError {
    RunError::Listener(error.to_string())
}

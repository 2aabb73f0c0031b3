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

/// What the service is made of.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) wns: Arc<WnsClient>,
    pub(crate) gateway: Gateway,
    pub(crate) grpc: grpc::Settings,
    pub(crate) dispatcher: dispatcher::Settings,
    /// How long open requests and pushes may take to end when the service stops.
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

/// Serves until `shutdown`, then drains: readiness goes off first, open requests and pushes end, and what does not
/// end in time is left to its lease.
pub(crate) async fn run(
    parts: Parts,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let Parts { store, wns, gateway, grpc, dispatcher, drain } = parts;
    let away = store.resume_windows(store.now()).await?;
    tracing::debug!(seconds = away.as_secs(), "the gateway was away");
    let mut tasks = JoinSet::new();
    if let Some(listener) = listeners.gateway {
        let stop = shutdown.clone();
        tasks.spawn(async move {
            gateway.serve(listener, stop).await;
            Ok(())
        });
    }
    if let Some(listener) = listeners.grpc {
        let service = grpc::Service::new(store.clone(), grpc, shutdown.clone());
        let stop = shutdown.clone();
        tasks.spawn(async move { service.serve(listener, stop).await.map_err(failed) });
    }
    if let Some(listener) = listeners.admin {
        let apps = dispatcher.apps.iter().map(|(name, _)| name.clone()).collect();
        let router = admin::router(store.clone(), apps, shutdown.clone());
        let stop = shutdown.clone().cancelled_owned();
        tasks.spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(failed)
        });
    }
    let loops = Dispatcher::new(store, wns, dispatcher).run(shutdown.clone());
    tasks.spawn(async move { Ok(loops.await?) });
    supervise(tasks, shutdown, drain).await
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

/// How often the database is tried for the health service.
const HEALTH: Duration = Duration::from_secs(5);

/// Waits for the end. A part that fails takes the others down with it: half a service is none.
async fn supervise(
    mut tasks: JoinSet<Result<(), RunError>>,
    shutdown: CancellationToken,
    drain: Duration,
) -> Result<(), RunError> {
    let mut result = Ok(());
    while !shutdown.is_cancelled() {
        tokio::select! {
            () = shutdown.cancelled() => {}
            ended = tasks.join_next() => match ended {
                Some(ended) => {
                    result = result.and(flat(ended));
                    shutdown.cancel();
                }
                None => return result,
            }
        }
    }
    tracing::info!("draining");
    let rest = async {
        while let Some(ended) = tasks.join_next().await {
            result = std::mem::replace(&mut result, Ok(())).and(flat(ended));
        }
    };
    if tokio::time::timeout(drain, rest).await.is_err() {
        tracing::warn!("some requests were still open when the service ended");
    }
    result
}

fn flat(ended: Result<Result<(), RunError>, tokio::task::JoinError>) -> Result<(), RunError> {
    ended.unwrap_or_else(|panic| Err(failed(panic)))
}

fn failed(error: impl std::fmt::Display) -> RunError {
    RunError::Listener(error.to_string())
}

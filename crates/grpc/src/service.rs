//! The server: our services, health and reflection on one port.

use std::{sync::Arc, time::Duration};

use reveille_api::{
    FILE_DESCRIPTOR_SET,
    v1::{
        device_service_server::DeviceServiceServer, push_app_service_server::PushAppServiceServer,
        wake_service_server::WakeServiceServer,
    },
};
use store::Store;
use thiserror::Error;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::{
    Request, Status,
    service::{InterceptorLayer, interceptor},
    transport::{Server, server::TcpIncoming},
};

use crate::{
    Health,
    call::{CallLayer, Methods},
    devices::Devices,
    health,
    push_apps::PushApps,
    settings::Settings,
    status,
    wakes::Wakes,
};

/// Bytes of a message, at most: those of a request, or of one item of a stream.
pub(crate) const LARGEST_MESSAGE: usize = 4 << 20;
/// An idle connection is asked for a sign of life this often.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// The gRPC surface over a store.
#[derive(Clone, Debug)]
pub struct Service {
    edge: Arc<Edge>,
    health: Health,
    draining: CancellationToken,
}

/// What every call works with.
pub(crate) struct Edge {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    /// Cancelled when streams are to end: this process is about to stop.
    pub(crate) ending: CancellationToken,
    /// What streams may have under way together: single calls must find room in the store's queue, too.
    turns: Arc<Semaphore>,
}

impl Edge {
    /// Waits for one of the turns of streams. It is over when it is dropped.
    pub(crate) async fn turn(&self) -> impl Send + use<> {
        // Nobody closes them, so there always is one.
        self.turns.clone().acquire_owned().await
    }
}

/// Items of one batch or stream that are under way at a time: as many as the store commits together.
pub(crate) const UNDER_WAY: usize = 256;
/// Items of all streams together.
const TURNS: usize = 4 * UNDER_WAY;

/// Why the server ended.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The listener failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// The contract cannot be read.
    #[error(transparent)]
    Contract(#[from] prost::DecodeError),
    /// Reflection cannot read the contract.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

impl Service {
    /// The surface over `store`. Once `draining` is cancelled, health is off; calls are taken on.
    pub fn new(store: Store, settings: Settings, draining: CancellationToken) -> Self {
        let (ending, turns) = (CancellationToken::new(), Arc::new(Semaphore::new(TURNS)));
        let health = Health::of(store.clone());
        Self { edge: Arc::new(Edge { store, settings, ending, turns }), health, draining }
    }

    /// The same, whose health is what `health` finds. By default only the database is looked at.
    #[must_use]
    pub fn judged_by(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Serves until `shutdown`, then refuses new calls and lets open ones end. Streams end by themselves, with an error that says why.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
        let (reporter, health) = tonic_health::server::health_reporter();
        health::begin(&reporter).await;
        let Edge { settings, ending, .. } = &*self.edge;
        let (draining, stop) = (self.draining.clone(), shutdown.clone());
        let watch = health::watch(reporter, self.health.clone(), settings.health_every, draining, stop);
        let _watch = AbortOnDropHandle::new(tokio::spawn(watch));
        let (ending, stopping) = (ending.clone(), shutdown.clone());
        let _end_streams = AbortOnDropHandle::new(tokio::spawn(async move {
            stopping.cancelled().await;
            ending.cancel();
        }));
        let edge = &self.edge;
        let wakes = WakeServiceServer::new(Wakes(edge.clone())).max_decoding_message_size(LARGEST_MESSAGE);
        let devices =
            DeviceServiceServer::new(Devices(edge.clone())).max_decoding_message_size(LARGEST_MESSAGE);
        let apps =
            PushAppServiceServer::new(PushApps(edge.clone())).max_decoding_message_size(LARGEST_MESSAGE);
        let methods = Methods::of(&[FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET])?;
        let layer = InterceptorLayer::new(RefuseWhileDraining(shutdown.clone()));
        Server::builder()
            .layer(CallLayer::new(methods))
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .add_service(tower::Layer::layer(&layer, wakes))
            .add_service(tower::Layer::layer(&layer, devices))
            .add_service(tower::Layer::layer(&layer, apps))
            .add_service(health)
            .add_service(reflection().build_v1()?)
            .add_service(reflection().build_v1alpha()?)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                shutdown.cancelled_owned(),
            )
            .await?;
        Ok(())
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Open connections may bring new calls while the process drains: they belong to another one.
#[derive(Clone)]
struct RefuseWhileDraining(CancellationToken);

impl interceptor::Interceptor for RefuseWhileDraining {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if self.0.is_cancelled() { Err(status::draining()) } else { Ok(request) }
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use interceptor::Interceptor;

    use super::*;

    #[test]
    fn calls_are_refused_from_the_shutdown_on() {
        let shutdown = CancellationToken::new();
        let mut refuse = RefuseWhileDraining(shutdown.clone());
        assert!(refuse.call(Request::new(())).is_ok());
        shutdown.cancel();
        let status = refuse.call(Request::new(())).unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}");
    }
}

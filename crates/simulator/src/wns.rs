//! An emulated WNS: the token endpoint and the push endpoint as wns.md describes them, and a device side.

mod channels;
mod check;
mod faults;
mod handle;
mod http;
mod limit;
mod machine;
mod reply;
mod settings;
mod tokens;

use std::{error::Error, io, net::SocketAddr};

use ::http::{Request, Response};
use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use url::Url;

pub use channels::{Delivery, Presence, Registration, Renewal, Revocation, SeenPush};
pub use faults::{HttpFault, PushFault, RetryAfter, Scope, Script, StatusHeaders, Times, TokenFault};
pub use handle::Handle;
pub use machine::{Counters, Grant, Machine, NoChannel, Random, Reaction};
pub use reply::Answer;
pub use settings::{App, EntraApp, ExpiresIn, Limit, Settings};

/// An emulated WNS that is bound to an address, over plain HTTP.
#[derive(Debug)]
pub struct EmulatedWns {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle,
}

impl EmulatedWns {
    /// Binds it; port 0 takes any free one. Nothing is answered until it is served.
    pub async fn bind(address: SocketAddr, settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let handle = Handle::new(Machine::new(settings, &origin(address)));
        Ok(Self { listener, address, handle })
    }

    /// Binds it again where it was, after [`Self::serve`] ended: it remembers everything.
    pub async fn rebind(handle: Handle, address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, address, handle })
    }

    /// The origin that its channel URIs begin with, such as `http://127.0.0.1:7070`.
    pub fn origin(&self) -> String {
        origin(self.address)
    }

    /// Its address as a URL.
    pub fn url(&self) -> Url {
        Url::parse(&self.origin()).expect("an IP address and a port make a URL")
    }

    /// The URL of its legacy token endpoint.
    pub fn token_url(&self) -> Url {
        self.url().join("/accesstoken.srf").expect("a constant path joins")
    }

    /// The grip on it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until `shutdown`; then connections end with the answer that they are at.
    pub async fn serve(self, shutdown: CancellationToken) {
        let router = http::router(self.handle.clone(), shutdown.clone());
        let connections = TaskTracker::new();
        while let Some(accepted) = shutdown.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, _)) => {
                    self.handle.connected();
                    drop(connections.spawn(converse(stream, router.clone(), shutdown.clone())));
                }
                Err(error) => {
                    // Out of descriptors, as a rule; the open connections will give some back.
                    tracing::warn!(%error, "the emulated WNS cannot accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
        connections.close();
        connections.wait().await;
    }
}

/// The service's way to have the connection end before an answer.
#[derive(Debug, Error)]
#[error("the script ends this connection: {0:?}")]
struct Cut(http::CutInstead);

/// Serves one connection. Hyper rather than axum's own server, because only an erring service ends a connection without
/// an answer.
async fn converse(stream: TcpStream, router: Router, shutdown: CancellationToken) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let response =
                router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
            unless_cut(response)
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = ended else { return };
    tracing::debug!(%error, "a connection to the emulated WNS broke");
    let cut = error.source().and_then(|cause| cause.downcast_ref::<Cut>());
    if cut.is_some_and(|cut| cut.0 == http::CutInstead::Reset)
        && let Err(error) = connection.into_parts().io.inner().set_zero_linger()
    {
        tracing::warn!(%error, "a connection was closed, and not reset");
    }
}

fn unless_cut(response: Response<Body>) -> Result<Response<Body>, Cut> {
    match response.extensions().get::<http::CutInstead>() {
        Some(cut) => Err(Cut(*cut)),
        None => Ok(response),
    }
}

fn origin(address: SocketAddr) -> String {
    format!("http://{address}")
}

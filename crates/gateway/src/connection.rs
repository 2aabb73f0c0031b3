//! One connection, from its first byte to its last. Every phase is bounded in time, so that whoever sends slowly, reads
//! slowly or does nothing at all holds a connection for a while and nothing else:
//!
//! * the TLS handshake by `handshake_timeout`;
//! * the first request's head, from then on, by `header_timeout`;
//! * a request's body by the gateway's `request_timeout`;
//! * everything between two requests, reading the reply and writing the next head included, by `idle_timeout`.

use std::{io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{ConnectionLimits, Gateway, certificate::Certificate, http::router, identity::Peer};

/// How connections are served. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    gateway: Gateway,
    router: Router,
    http: Arc<Builder<TokioExecutor>>,
    shutdown: CancellationToken,
}

/// How long a connection that is told to end may take, and one on which nothing is under way.
const FAREWELL: Duration = Duration::from_secs(5);
const BRIEF_FAREWELL: Duration = Duration::from_secs(1);
/// HTTP/2 streams that a peer resets before they were accepted (CVE-2023-44487), and that it makes us reset.
const RESETS: usize = 64;
/// What one HTTP/2 stream and one HTTP/2 connection may send ahead of what is read.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

impl Connections {
    pub(crate) fn new(gateway: Gateway, shutdown: CancellationToken) -> Self {
        let router = router(&gateway);
        let http = Arc::new(builder(&gateway.0.settings.connections));
        Self { gateway, router, http, shutdown }
    }

    pub(crate) async fn serve(self, stream: TcpStream, address: IpAddr) {
        let Some(tls) = self.gateway.tls() else {
            return self.speak(stream, Peer::new(address, None)).await;
        };
        let limit = self.gateway.0.settings.connections.handshake_timeout;
        match tokio::time::timeout(limit, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificate = certificate(&stream, address);
                self.speak(stream, Peer::new(address, certificate)).await;
            }
            Ok(Err(error)) => self.tell_failed(address, &error),
            Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
        }
    }

    /// A client's certificate that was no good is its owner's mistake, or ours: somebody has to see it.
    fn tell_failed(&self, address: IpAddr, error: &io::Error) {
        let inner = &self.gateway.0;
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        let by_certificate = matches!(
            cause,
            Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
        );
        let tally = || inner.tallies.handshakes.one_more(Some(address.into()), inner.store.now());
        if let Some(count) = by_certificate.then(tally).flatten() {
            tracing::warn!(%address, %error, count, "TLS handshakes failed: the client's certificate was refused");
        } else {
            tracing::debug!(%address, %error, "a TLS handshake failed");
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, peer: Peer) {
        let limits = &self.gateway.0.settings.connections;
        let peer = Arc::new(peer);
        let (busy, watched) = watch::channel(Busy::default());
        let under_way = watched.clone();
        let (router, sender) = (self.router.clone(), peer.clone());
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let under_way = UnderWay::begin(busy.clone());
            let (router, sender) = (router.clone(), sender.clone());
            async move {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(sender);
                let response = router.oneshot(request).await;
                drop(under_way);
                response
            }
        });
        let service = TowerToHyperService::new(service);
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let served = tokio::select! {
            served = connection.as_mut() => Some(served),
            idle = idle(watched, limits) => match idle {
                Idle::Never => return tracing::debug!(address = %peer.address, "a connection asked nothing"),
                Idle::Since => None,
            },
            () = self.shutdown.cancelled() => None,
        };
        let served = if let Some(served) = served {
            Ok(served)
        } else {
            connection.as_mut().graceful_shutdown();
            let is_idle = || under_way.borrow().under_way == 0;
            match tokio::time::timeout(BRIEF_FAREWELL, connection.as_mut()).await {
                // Half a request is no reason to wait: whoever sends it may never send the rest.
                Err(_) if !is_idle() => tokio::time::timeout(self.farewell(), connection).await,
                ended => ended,
            }
        };
        if let Ok(Err(error)) = served {
            tracing::debug!(address = %peer.address, %error, "a connection broke off");
        }
    }

    /// Requests that are under way when the service stops are answered; an idle connection has none.
    fn farewell(&self) -> Duration {
        let under_way = if self.shutdown.is_cancelled() {
            self.gateway.0.settings.request_timeout
        } else {
            Duration::ZERO
        };
        FAREWELL + under_way
    }
}

/// The requests of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Busy {
    /// How many there were.
    begun: u64,
    under_way: usize,
}

/// A request that is being answered.
struct UnderWay(watch::Sender<Busy>);

impl UnderWay {
    fn begin(busy: watch::Sender<Busy>) -> Self {
        busy.send_modify(|busy| {
            busy.begun += 1;
            busy.under_way += 1;
        });
        Self(busy)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|busy| busy.under_way -= 1);
    }
}

/// A connection on which nothing is asked.
enum Idle {
    /// Nothing ever was.
    Never,
    /// Something was answered before.
    Since,
}

/// Returns once nothing has been asked for too long.
async fn idle(mut busy: watch::Receiver<Busy>, limits: &ConnectionLimits) -> Idle {
    loop {
        let Busy { begun, under_way } = *busy.borrow_and_update();
        let (idle, limit) = match begun {
            0 => (Idle::Never, limits.header_timeout),
            _ => (Idle::Since, limits.idle_timeout),
        };
        let changed = if under_way > 0 {
            busy.changed().await
        } else if let Ok(changed) = tokio::time::timeout(limit, busy.changed()).await {
            changed
        } else {
            return idle;
        };
        if changed.is_err() {
            // The connection is gone, and with it whoever waits here.
            std::future::pending::<()>().await;
        }
    }
}

fn builder(limits: &ConnectionLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper counts from the end of the request before.
        .header_read_timeout(limits.idle_timeout.max(limits.header_timeout))
        .max_buf_size(limits.header_bytes)
        .max_headers(limits.headers);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS);
    builder
}

/// The certificate that the client showed. rustls has verified it, and that the client holds its key.
fn certificate(stream: &TlsStream<TcpStream>, address: IpAddr) -> Option<Arc<Certificate>> {
    let (_, session) = stream.get_ref();
    let der = session.peer_certificates()?.first()?;
    let read = Certificate::of_der(der);
    read.inspect_err(|error| tracing::warn!(%address, %error, "a client's certificate cannot be read"))
        .ok()
        .map(Arc::new)
}

//! The listener: connections are accepted, limited and served.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Gateway, address::is_within, connection::Connections, places::FreePlace};

/// How long nothing is accepted after the system refused to, for want of file descriptors for instance.
const PAUSE: Duration = Duration::from_millis(500);

impl Gateway {
    /// Serves until `shutdown`: HTTP/1.1 and HTTP/2, over TLS if the settings have a certificate, otherwise in the clear.
    /// Then nothing more is accepted, and what is under way ends; the caller decides how long to wait for that.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) {
        let connections = Connections::new(self.clone(), shutdown.clone());
        let tracker = TaskTracker::new();
        while let Some(free) = shutdown.run_until_cancelled(self.free_place()).await {
            let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await else { break };
            let Some((stream, address)) = self.accepted(accepted).await else { continue };
            let place = if is_within(address.ip(), &self.0.settings.trusted_proxies) {
                free.take_for_proxy()
            } else if let Some(place) = free.take(address.ip()) {
                place
            } else {
                tracing::debug!(%address, "a connection was closed: there are enough from its address");
                continue;
            };
            let served = connections.clone().serve(stream, address.ip());
            tracker.spawn(async move {
                served.await;
                drop(place);
            });
        }
        drop(listener);
        tracker.close();
        tracker.wait().await;
    }

    /// A place for a connection. While there is none, those that come wait in the kernel's queue.
    async fn free_place(&self) -> FreePlace {
        if self.0.places.are_taken() {
            self.0.overload.raise();
        }
        self.0.places.free().await
    }

    async fn accepted(
        &self,
        accepted: io::Result<(TcpStream, SocketAddr)>,
    ) -> Option<(TcpStream, SocketAddr)> {
        match accepted {
            Ok((stream, address)) => {
                // Replies are written at once and whole: there is nothing to wait for.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps Nagle's algorithm");
                }
                Some((stream, address))
            }
            Err(error) if is_the_clients(&error) => None,
            Err(error) => {
                tracing::error!(%error, "connections cannot be accepted");
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }
}

/// Whether a connection went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

//! The HTTP binding (oma-dm.md §1).

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header, request::Parts};
use model::Timestamp;
use syncml::Message;

use crate::{
    Gateway, Inner,
    exchange::Arrival,
    hints::Hints,
    identity::{Peer, Sender},
    refusal::{Media, Refusal},
};

const SYNCML: &str = "application/vnd.syncml.dm+xml";
const METHODS: &str = "POST, OPTIONS";

/// The one path of the gateway, and what to say about any other.
pub(crate) fn router(gateway: &Gateway) -> Router {
    let methods = routing::post(post).options(options).fallback(explain);
    Router::new().route(&gateway.0.settings.path, methods).fallback(nothing_here).with_state(gateway.clone())
}

/// A device's message.
async fn post(
    State(gateway): State<Gateway>,
    Extension(peer): Extension<Arc<Peer>>,
    request: Request,
) -> Response {
    let version = request.version();
    let began = tokio::time::Instant::now();
    let inner = gateway.0.clone();
    // A task of its own: a device that hangs up does not stop what is being committed and told of it.
    let served = tokio::spawn(async move { inner.serve(&peer, request).await }).await;
    measure(&served, began.elapsed());
    match served {
        Ok(Ok(reply)) => syncml_response(reply),
        Ok(Err(refusal)) => {
            gateway.0.log(&refusal);
            refused(refusal, version)
        }
        Err(panic) => {
            tracing::error!(%panic, "a message could not be answered");
            refused(Refusal::Broken, version)
        }
    }
}

/// What operators see of messages as a whole.
fn measure(served: &Result<Result<Bytes, Refusal>, tokio::task::JoinError>, took: Duration) {
    let (result, sent) = match served {
        Ok(Ok(reply)) => ("answered", Some(reply.len())),
        Ok(Err(refusal)) => (refusal.name(), None),
        Err(_) => (Refusal::Broken.name(), None),
    };
    telemetry::metrics().message(telemetry::Message { result, sent, took });
}

/// Somebody looks whether there is anything here, or uses another method.
async fn explain() -> Response {
    let text = "This is an OMA DM gateway: devices send SyncML messages (application/vnd.syncml.dm+xml) here by POST.\n";
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, METHODS)], text).into_response()
}

async fn options() -> Response {
    (StatusCode::NO_CONTENT, [(header::ALLOW, METHODS)]).into_response()
}

async fn nothing_here(State(gateway): State<Gateway>) -> Response {
    let path = &gateway.0.settings.path;
    let text = format!(
        "Nothing is here. This is an OMA DM gateway: devices send their messages to {path} by POST.\n"
    );
    (StatusCode::NOT_FOUND, text).into_response()
}

impl Inner {
    async fn serve(&self, peer: &Peer, request: Request) -> Result<Bytes, Refusal> {
        if self.draining.is_cancelled() {
            return Err(Refusal::Unavailable(DRAINING));
        }
        let begun_at = self.store.now();
        let (mut head, body) = request.into_parts();
        media_type(&head.headers)?;
        let sender = self.sender(peer, &mut head.headers)?;
        self.take(&sender, &head, body, begun_at).await.inspect_err(|refusal| match refusal {
            Refusal::Malformed(error) => self.tell_malformed(&sender, error),
            Refusal::TooLarge => self.tell_too_long(&sender),
            _ => {}
        })
    }

    async fn take(
        &self,
        sender: &Sender,
        head: &Parts,
        body: Body,
        begun_at: Timestamp,
    ) -> Result<Bytes, Refusal> {
        let received = self.read(&head.headers, body).await?;
        let read_at = self.store.now();
        telemetry::metrics().message_received(received.bytes.len());
        let message = Message::parse(&received.bytes, &self.settings.limits).map_err(Refusal::Malformed)?;
        self.admit(message.header.msg_id)?;
        let hints = Hints::of(&head.uri, &head.headers);
        let at = self.store.now();
        let bytes = &received.bytes;
        let arrival = Arrival { bytes, message: &message, sender, hints, begun_at, read_at, at };
        Ok(self.held(self.exchange(&arrival).await?))
    }

    fn log(&self, refusal: &Refusal) {
        match refusal {
            Refusal::Broken => tracing::error!("a message was refused: our records are broken"),
            Refusal::CertificateHeader { name, why } => {
                tracing::error!(header = %name, %why, "a trusted proxy sends a certificate header that cannot be used");
            }
            // Told where it is known whose it was.
            Refusal::Malformed(_) | Refusal::TooLarge | Refusal::Guessing(_) => {}
            Refusal::TooSlow | Refusal::BrokenOff | Refusal::MediaType(_) | Refusal::Changed => {
                tracing::debug!(reason = ?refusal, "a message was refused");
            }
            Refusal::Overloaded(_) | Refusal::Unavailable(_) => {
                self.overload.raise();
                tracing::debug!(reason = ?refusal, "a message was refused");
            }
        }
    }
}

/// How long a client should wait for another replica, or for this one to come back.
const DRAINING: Duration = Duration::from_secs(5);

/// XML, with or without a charset, for DM or in general; a client that says nothing is taken at its word, too.
fn media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_one_of = |known: [&str; 2]| known.iter().any(|known| media.eq_ignore_ascii_case(known));
    if media.is_empty() || is_one_of([SYNCML, "application/vnd.syncml+xml"]) {
        return Ok(());
    }
    let binary = is_one_of(["application/vnd.syncml.dm+wbxml", "application/vnd.syncml+wbxml"]);
    Err(Refusal::MediaType(if binary { Media::Wbxml } else { Media::Other }))
}

fn syncml_response(reply: Bytes) -> Response {
    let mut response = Response::new(Body::from(reply));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SYNCML));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal as a response. Where the body was not read, HTTP/1.1 has no use for the connection any more; HTTP/2 has, and
/// knows no such header.
fn refused(refusal: Refusal, version: Version) -> Response {
    let leaves_the_body = refusal.leaves_the_body();
    let mut response = refusal.into_response();
    if leaves_the_body && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

//! The HTTP binding (oma-dm.md §1).

use std::{sync::atomic::Ordering, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use push::Origin;
use syncml::Message;

use crate::{Gateway, Inner, refusal::Refusal};

const SYNCML: &str = "application/vnd.syncml.dm+xml";

/// A device's message.
pub(crate) async fn post(State(gateway): State<Gateway>, request: Request) -> Response {
    let inner = gateway.0.clone();
    // A task of its own: a device that hangs up does not stop what is being committed and told of it.
    let served = tokio::spawn(async move { inner.serve(request).await }).await;
    match served {
        Ok(Ok(reply)) => syncml_response(reply),
        Ok(Err(refusal)) => {
            gateway.0.log(&refusal);
            refusal.into_response()
        }
        Err(panic) => {
            tracing::error!(%panic, "a message could not be answered");
            Refusal::Broken.into_response()
        }
    }
}

/// Somebody looks whether there is anything here.
pub(crate) async fn explain() -> Response {
    let text = "This is an OMA DM gateway: devices send SyncML messages here by POST.\n";
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], text).into_response()
}

impl Inner {
    async fn serve(&self, request: Request) -> Result<Vec<u8>, Refusal> {
        if self.draining.is_cancelled() {
            return Err(Refusal::Unavailable(DRAINING));
        }
        let (head, body) = request.into_parts();
        if !is_syncml(&head.headers) {
            return Err(Refusal::MediaType);
        }
        let bytes = self.read(body).await?;
        let _place = Place::take(self);
        let message = Message::parse(&bytes, &self.settings.limits).map_err(Refusal::Malformed)?;
        self.admit(message.header.msg_id)?;
        self.exchange(&bytes, &message, origin(&head.headers)).await
    }

    /// The whole body, but never more than a message may have, and never for longer than it may take.
    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let limited = Limited::new(body, self.settings.limits.bytes);
        match tokio::time::timeout(self.settings.request_timeout, limited.collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
            // The sender broke off: nobody reads what we say.
            Ok(Err(_)) | Err(_) => Err(Refusal::TooSlow),
        }
    }

    /// Under overload only devices that begin are sent away: whoever is in a session has been let in (DESIGN §3).
    fn admit(&self, msg_id: u32) -> Result<(), Refusal> {
        let full = self.under_way.load(Ordering::Relaxed) > self.settings.max_under_way;
        if full && msg_id == 1 {
            // Between half and one and a half times the mean, so that they do not come back together.
            #[expect(clippy::disallowed_methods, reason = "the edge where a device is sent away")]
            let spread = 0.5 + rand::random::<f64>();
            return Err(Refusal::Overloaded(self.settings.overload_wait.mul_f64(spread)));
        }
        Ok(())
    }

    fn log(&self, refusal: &Refusal) {
        match refusal {
            Refusal::Malformed(error) => tracing::warn!(reason = %error, "a message was refused: not SyncML"),
            Refusal::TooLarge => {
                tracing::warn!(limit = self.settings.limits.bytes, "a message was refused: too long");
            }
            Refusal::Broken => tracing::error!("a message was refused: our records are broken"),
            Refusal::TooSlow | Refusal::MediaType | Refusal::Overloaded(_) | Refusal::Unavailable(_) => {
                tracing::debug!(reason = ?refusal, "a message was refused");
            }
        }
    }
}

/// How long a client should wait for another replica, or for this one to come back.
const DRAINING: Duration = Duration::from_secs(5);

/// One message that is worked on.
struct Place<'a>(&'a Inner);

impl<'a> Place<'a> {
    fn take(inner: &'a Inner) -> Self {
        inner.under_way.fetch_add(1, Ordering::Relaxed);
        Self(inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// XML, with or without a charset, for DM or in general; a client that says nothing is taken at its word, too.
fn is_syncml(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    [SYNCML, "application/vnd.syncml+xml"].iter().any(|known| media.eq_ignore_ascii_case(known))
}

/// Named as a header by one page and as a field by another; nobody has published a trace (oma-dm.md §1.1).
fn origin(headers: &HeaderMap) -> Origin {
    let value = headers.get("UserAgentOrigin").and_then(|value| value.to_str().ok());
    value.map(Origin::parse).unwrap_or_default()
}

fn syncml_response(reply: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(reply));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SYNCML));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

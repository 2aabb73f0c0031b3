//! The emulated WNS's HTTP: the two real endpoints, and `/emulator/` for devices and tests.

use std::convert::Infallible;

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{
    channels::{Delivery, Presence, Registration, Revocation},
    check::MAX_BODY,
    faults::{PushFault, Script, TokenFault},
    handle::Handle,
    machine::Counters,
    reply::{self, Answer},
};

/// Marks a reply in whose place the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutInstead {
    /// By being closed.
    Close,
    /// By being reset.
    Reset,
}

#[derive(Clone)]
struct Emulator {
    handle: Handle,
    shutdown: CancellationToken,
}

/// All routes. Streams of deliveries end with `shutdown`.
pub(super) fn router(handle: Handle, shutdown: CancellationToken) -> Router {
    Router::new()
        .route("/accesstoken.srf", post(token))
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/", post(push).fallback(push))
        .route("/emulator/channels", post(register))
        .route("/emulator/deliveries", get(deliveries))
        .route("/emulator/faults/push", post(fail_pushes))
        .route("/emulator/faults/token", post(fail_tokens))
        .route("/emulator/faults", axum::routing::delete(clear_faults))
        .route("/emulator/presence", post(presence))
        .route("/emulator/revocations", post(revoke))
        .route("/emulator/counters", get(counters))
        .with_state(Emulator { handle, shutdown })
}

async fn token(State(emulator): State<Emulator>, request: Request<Body>) -> Response {
    match whole(request).await {
        Ok(request) => perform(emulator.handle.token(&request), &emulator).await,
        Err(refusal) => refusal,
    }
}

async fn push(State(emulator): State<Emulator>, request: Request<Body>) -> Response {
    match whole(request).await {
        Ok(request) => perform(emulator.handle.push(&request), &emulator).await,
        Err(refusal) => refusal,
    }
}

/// The request with its body; one that is far too large is not read.
async fn whole(request: Request<Body>) -> Result<Request<Bytes>, Response> {
    let (parts, body) = request.into_parts();
    match to_bytes(body, 16 * MAX_BODY).await {
        Ok(body) => Ok(Request::from_parts(parts, body)),
        Err(_) => Err(reply::empty(413).map(Body::from)),
    }
}

/// Answers; a delay ends with the emulated WNS.
async fn perform(answer: Answer, Emulator { handle, shutdown }: &Emulator) -> Response {
    match answer {
        Answer::Reply(reply) => reply.map(Body::from),
        Answer::Later(delay, reply) => {
            shutdown.run_until_cancelled(tokio::time::sleep(delay)).await;
            reply.map(Body::from)
        }
        Answer::Held(cleared, reply) => {
            shutdown.run_until_cancelled(handle.cleared(cleared)).await;
            reply.map(Body::from)
        }
        Answer::Close => marked(CutInstead::Close),
        Answer::Reset => marked(CutInstead::Reset),
    }
}

fn marked(cut: CutInstead) -> Response {
    let mut marked = Response::default();
    marked.extensions_mut().insert(cut);
    marked
}

async fn register(State(emulator): State<Emulator>, Json(registration): Json<Registration>) -> Response {
    match emulator.handle.register(&registration) {
        Ok(grant) => Json(grant).into_response(),
        Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal)).into_response(),
    }
}

#[derive(Deserialize)]
struct Listen {
    #[serde(default)]
    fleet: String,
}

/// A line of JSON per delivery to a device of the fleet. The head of the reply says that the stream is open: whatever
/// is delivered afterwards is in it.
async fn deliveries(State(emulator): State<Emulator>, Query(listen): Query<Listen>) -> Response {
    let received = emulator.handle.deliveries();
    let lines = stream::unfold(received, |mut received| async move {
        loop {
            match received.recv().await {
                Ok(delivery) => return Some((delivery, received)),
                Err(RecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "a reader of deliveries is too slow");
                }
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let lines = lines.filter_map(move |delivery| {
        let ours = delivery.fleet == listen.fleet;
        std::future::ready(ours.then(|| Ok::<_, Infallible>(line(&delivery))))
    });
    let body = Body::from_stream(lines.take_until(emulator.shutdown.cancelled_owned()));
    ([("content-type", "application/x-ndjson")], body).into_response()
}

fn line(delivery: &Delivery) -> Bytes {
    let mut json = serde_json::to_vec(delivery).unwrap_or_default();
    json.push(b'\n');
    json.into()
}

async fn fail_pushes(State(emulator): State<Emulator>, Json(script): Json<Script<PushFault>>) -> StatusCode {
    emulator.handle.fail_pushes(script);
    StatusCode::NO_CONTENT
}

async fn fail_tokens(State(emulator): State<Emulator>, Json(script): Json<Script<TokenFault>>) -> StatusCode {
    emulator.handle.fail_tokens(script);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(emulator): State<Emulator>) -> StatusCode {
    emulator.handle.clear_faults();
    StatusCode::NO_CONTENT
}

/// `{"device": "…", "presence": "disconnected"}`; without a device, all that had a channel.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetPresence {
    device: Option<String>,
    presence: Presence,
}

async fn presence(State(emulator): State<Emulator>, Json(set): Json<SetPresence>) -> StatusCode {
    match set.device {
        Some(device) => emulator.handle.set_presence(&device, set.presence),
        None => emulator.handle.set_presence_of_all(set.presence),
    }
    StatusCode::NO_CONTENT
}

/// `"tokens"` or `{"channels": {"device": "…", "how": "expired"}}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Revoke {
    Tokens,
    Channels { device: String, how: Revocation },
}

async fn revoke(State(emulator): State<Emulator>, Json(revoke): Json<Revoke>) -> StatusCode {
    match revoke {
        Revoke::Tokens => emulator.handle.revoke_tokens(),
        Revoke::Channels { device, how } => {
            if emulator.handle.revoke_channels(&device, how) == 0 {
                return StatusCode::NOT_FOUND;
            }
        }
    }
    StatusCode::NO_CONTENT
}

async fn counters(State(emulator): State<Emulator>) -> Json<Counters> {
    Json(emulator.handle.counters())
}

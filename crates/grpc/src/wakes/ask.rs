//! `Wake`: what is asked for, alone or as one of many.

use model::TraceContext;
use reveille_api::v1::{self as api, ErrorReason};
use ring::digest;
use store::{AskWake, Asked, Idempotency, Refused};
use tonic::{Code, Request, Status};

use super::{Wakes, ended_wake, expectation};
use crate::{
    convert::wake,
    request::{ANONYMOUS, Reader},
    status::{self, Wanted},
};

/// The parent of the wakes that a call asks for: the call's own span, or the caller's where no span is recorded.
pub(super) fn parent<T>(request: &Request<T>) -> Option<TraceContext> {
    telemetry::current_context().or_else(|| telemetry::from_headers(request.metadata().as_ref()))
}

impl Wakes {
    pub(super) async fn ask(
        &self,
        request: api::WakeRequest,
        parent: Option<TraceContext>,
    ) -> Result<api::WakeResponse, Status> {
        let ask = self.read(request, parent)?;
        let id = ask.id;
        let asked = self.0.store.ask(ask).await.map_err(|error| status::of_store(error, Wanted::Device))?;
        answer(id, asked)
    }

    /// As [`Self::ask`], but waits for its turn: for calls that ask for many.
    pub(super) async fn ask_in_turn(
        &self,
        request: api::WakeRequest,
        parent: Option<TraceContext>,
    ) -> Result<api::WakeResponse, Status> {
        let _turn = self.0.turns.acquire().await;
        let ask = self.read(request, parent)?;
        let id = ask.id;
        let asked = self.0.store.ask_in_turn(ask).await;
        answer(id, asked.map_err(|error| status::of_store(error, Wanted::Device))?)
    }

    fn read(&self, request: api::WakeRequest, parent: Option<TraceContext>) -> Result<AskWake, Status> {
        let store = &self.0.store;
        let hash = request_hash(&request);
        let mut reader = Reader::default();
        let device = reader.device("device", request.device.as_ref());
        let timeout = reader.timeout(request.timeout);
        let priority = reader.priority(request.priority);
        let reason = reader.reason(request.reason);
        let key = reader.key(request.idempotency_key);
        let labels = reader.labels("labels", request.labels);
        let read = (|| {
            Some(AskWake {
                id: store.new_id(),
                summons: store.new_id(),
                device: device?,
                timeout: timeout?,
                priority: priority?,
                reason: reason?,
                caller: ANONYMOUS.to_owned(),
                labels: labels?,
                idempotency: key
                    .filter(|key| !key.is_empty())
                    .map(|key| Idempotency { key, request_hash: hash }),
                satisfied_by_open_session: request.satisfied_by_open_session,
                trace: telemetry::new_context(parent),
                parent,
                now: store.now(),
            })
        })();
        reader.finish(read)
    }
}

fn answer(id: model::WakeId, asked: Result<Asked, Refused>) -> Result<api::WakeResponse, Status> {
    let asked = asked.map_err(refusal)?;
    // One that was made before, under the same key, was reported by whoever saw its end.
    if asked.wake.wake.id() == id {
        ended_wake(&asked.wake);
    }
    let expectation = expectation(&asked);
    Ok(api::WakeResponse { wake: Some(wake::wake(&asked.wake)), expectation })
}

/// Everything that was asked for, but not the key itself. The map of labels is sorted, so equal requests are equal.
fn request_hash(request: &api::WakeRequest) -> Vec<u8> {
    use prost::Message;
    let keyless = api::WakeRequest { idempotency_key: String::new(), ..request.clone() };
    digest::digest(&digest::SHA256, &keyless.encode_to_vec()).as_ref().to_vec()
}

fn refusal(refused: Refused) -> Status {
    match refused {
        Refused::UnknownDevice => status::not_found(Wanted::Device),
        Refused::Unenrolled => status::unenrolled(),
        Refused::IdempotencyMismatch => status::refuse(
            Code::AlreadyExists,
            ErrorReason::IdempotencyMismatch,
            "the idempotency key was used for another request",
        ),
    }
}

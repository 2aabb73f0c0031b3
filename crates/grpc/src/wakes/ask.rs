//! `Wake`: what is asked for, alone or as one of many.

use model::{Timestamp, TraceContext, WakeId};
use reveille_api::v1::{self as api, ErrorReason};
use ring::digest;
use store::{AskWake, Asked, Idempotency, Refused, WakeRecord};
use telemetry::Committed;
use tonic::{Code, Request, Status};
use tracing::Span;

use super::{Wakes, ended_with, expectation};
use crate::{
    convert::wake,
    request::{ANONYMOUS, Reader},
    status::{self, Wanted},
    task,
};

/// Where in whose trace a wake is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The wake's own span.
    trace: TraceContext,
    /// The call's span, or the caller's where the call has none.
    parent: Option<TraceContext>,
}

/// The span of a call, or its caller's.
pub(super) fn parent<T>(request: &Request<T>) -> Option<TraceContext> {
    telemetry::current_context().or_else(|| telemetry::from_headers(request.metadata().as_ref()))
}

impl Place {
    /// The only wake of its call: a part of its trace.
    pub(super) fn alone(parent: Option<TraceContext>) -> Self {
        Self { trace: telemetry::new_context(parent), parent }
    }

    /// One of many: a trace of its own, linked to the call's. A trace of thousands of wakes is of no use.
    pub(super) fn among_many(parent: Option<TraceContext>) -> Self {
        Self { trace: telemetry::linked_context(parent), parent }
    }
}

impl Wakes {
    pub(super) async fn ask(
        &self,
        request: api::WakeRequest,
        place: Place,
    ) -> Result<api::WakeResponse, Status> {
        let ask = self.read(request, place)?;
        let (wakes, id, start) = (self.clone(), ask.id, ask.now);
        task::to_its_end(async move {
            let asked = wakes.0.store.ask(ask).await;
            wakes.answer(id, place, start, asked).await
        })
        .await
    }

    /// As [`Self::ask`], but waits for its turn: for calls that ask for many.
    pub(super) async fn ask_in_turn(
        &self,
        request: api::WakeRequest,
        place: Place,
    ) -> Result<api::WakeResponse, Status> {
        let turn = self.0.turn().await;
        let ask = self.read(request, place)?;
        let (wakes, id, start) = (self.clone(), ask.id, ask.now);
        task::to_its_end(async move {
            let asked = wakes.0.store.ask_in_turn(ask).await;
            drop(turn);
            wakes.answer(id, place, start, asked).await
        })
        .await
    }

    async fn answer(
        &self,
        id: WakeId,
        place: Place,
        start: Timestamp,
        asked: Result<Result<Asked, Refused>, store::Error>,
    ) -> Result<api::WakeResponse, Status> {
        let asked = asked.map_err(|error| status::of_store(error, Wanted::Device))?.map_err(refusal)?;
        if asked.wake.wake.id() == id {
            telemetry::metrics().wake_asked(asked.wake.wake.priority());
            let store = &self.0.store;
            Committed { parent: place.trace, system: store.system(), start, end: store.now() }.report();
            ended_with(&asked.wake, self.session_of(&asked.wake).await);
        } else {
            // Made before, under the same key, and reported by whoever saw its end.
            telemetry::add_link(&Span::current(), &asked.wake.trace);
        }
        let expectation = expectation(&asked);
        Ok(api::WakeResponse { wake: Some(wake::wake(&asked.wake)), expectation })
    }

    /// The span of the open session that answered a wake at once. One that cannot be read now is linked by nobody.
    async fn session_of(&self, record: &WakeRecord) -> Option<TraceContext> {
        let answer = record.wake.end()?.outcome.answer()?;
        self.0.store.session(answer.session).await.ok().map(|session| session.trace)
    }

    fn read(&self, request: api::WakeRequest, place: Place) -> Result<AskWake, Status> {
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
                trace: place.trace,
                parent: place.parent,
                now: store.now(),
            })
        })();
        reader.finish(read)
    }
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

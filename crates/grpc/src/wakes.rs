//! `WakeService`.

use std::{pin::Pin, sync::Arc};

use model::WakeId;
use push::Outcome;
use reveille_api::v1::{self as api, ErrorReason, wake_service_server::WakeService};
use ring::digest;
use store::{AskWake, Asked, DeviceRef, Idempotency, Refused, WakeFilter, WakeRecord};
use telemetry::EndedWake;
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::{
    convert::{push::push, wake},
    page,
    request::{ANONYMOUS, Reader},
    service::Edge,
    status::{self, Wanted},
    trace,
};

pub(crate) struct Wakes(pub(crate) Arc<Edge>);

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl WakeService for Wakes {
    async fn wake(&self, request: Request<api::WakeRequest>) -> Result<Response<api::WakeResponse>, Status> {
        let result = self.ask(request.into_inner()).await;
        trace::ended(&result);
        result.map(Response::new)
    }

    async fn get_wake(
        &self,
        request: Request<api::GetWakeRequest>,
    ) -> Result<Response<api::GetWakeResponse>, Status> {
        let result = self.look(&request.into_inner().id).await;
        trace::ended(&result);
        result.map(Response::new)
    }

    async fn list_wakes(
        &self,
        request: Request<api::ListWakesRequest>,
    ) -> Result<Response<api::ListWakesResponse>, Status> {
        let result = self.list(request.into_inner()).await;
        trace::ended(&result);
        result.map(Response::new)
    }

    async fn cancel_wake(
        &self,
        request: Request<api::CancelWakeRequest>,
    ) -> Result<Response<api::CancelWakeResponse>, Status> {
        let result = self.cancel(&request.into_inner().id).await;
        trace::ended(&result);
        result.map(Response::new)
    }

    async fn batch_wake(
        &self,
        _request: Request<api::BatchWakeRequest>,
    ) -> Result<Response<api::BatchWakeResponse>, Status> {
        Err(Status::unimplemented("BatchWake is not included yet: call Wake for each device"))
    }

    type WakeManyStream = Replies<api::WakeManyResponse>;

    async fn wake_many(
        &self,
        _requests: Request<Streaming<api::WakeManyRequest>>,
    ) -> Result<Response<Self::WakeManyStream>, Status> {
        Err(Status::unimplemented("WakeMany is not included yet: call Wake for each device"))
    }

    type WatchWakesStream = Replies<api::WatchWakesResponse>;

    async fn watch_wakes(
        &self,
        _request: Request<api::WatchWakesRequest>,
    ) -> Result<Response<Self::WatchWakesStream>, Status> {
        Err(Status::unimplemented("WatchWakes is not included yet: call GetWake until the wake has ended"))
    }
}

impl Wakes {
    async fn ask(&self, request: api::WakeRequest) -> Result<api::WakeResponse, Status> {
        let store = &self.0.store;
        let asked = store.ask(self.read(request)?).await;
        match asked.map_err(|error| status::of_store(error, Wanted::Device))? {
            Ok(asked) => {
                report(&asked.wake);
                let expectation = expectation(&asked);
                Ok(api::WakeResponse { wake: Some(wake::wake(&asked.wake)), expectation })
            }
            Err(refused) => Err(refusal(refused)),
        }
    }

    fn read(&self, request: api::WakeRequest) -> Result<AskWake, Status> {
        let store = &self.0.store;
        let hash = request_hash(&request);
        let mut reader = Reader::default();
        let device = reader.device("device", request.device.as_ref());
        let timeout = reader.timeout(request.timeout);
        let priority = wake::priority_of(request.priority());
        let reason = reader.reason(request.reason);
        let key = reader.key(request.idempotency_key);
        let labels = reader.labels("labels", request.labels);
        let parent = telemetry::current_context();
        let read = (|| {
            Some(AskWake {
                id: store.new_id(),
                summons: store.new_id(),
                device: device?,
                timeout: timeout?,
                priority,
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

    async fn look(&self, id: &str) -> Result<api::GetWakeResponse, Status> {
        let store = &self.0.store;
        let failed = |error| status::of_store(error, Wanted::Wake);
        let record = store.wake(read_id(id)?).await.map_err(failed)?;
        let pushes = store.pushes(&record).await.map_err(failed)?;
        let asked = store.expect(record, store.now()).await.map_err(failed)?;
        let expectation = expectation(&asked);
        Ok(api::GetWakeResponse {
            wake: Some(wake::wake(&asked.wake)),
            expectation,
            pushes: pushes.iter().map(push).collect(),
        })
    }

    async fn list(&self, request: api::ListWakesRequest) -> Result<api::ListWakesResponse, Status> {
        let mut reader = Reader::default();
        let device = match &request.device {
            None => Some(None),
            given => reader.device("device", given.as_ref()).map(Some),
        };
        let mut states = Vec::new();
        for state in request.states() {
            match wake::state_name(state) {
                Some(name) => states.push(name),
                None => reader.wrong("states", "holds a state that is unknown"),
            }
        }
        let mark = format!("wakes {device:?} {states:?}");
        let page = page::wanted(&mut reader, request.page_size, &request.page_token, &mark);
        let (device, page) = reader.finish(device.zip(page))?;
        let device = match device {
            None => None,
            Some(DeviceRef::Id(id)) => Some(id),
            Some(named) => {
                let found = self.0.store.device(&named).await;
                Some(found.map_err(|error| status::of_store(error, Wanted::Device))?.device.id)
            }
        };
        let filter = WakeFilter { device, caller: None, states };
        let found = self.0.store.wakes(&filter, &page).await;
        let found = found.map_err(|error| status::of_store(error, Wanted::Wake))?;
        Ok(api::ListWakesResponse {
            wakes: found.items.iter().map(wake::wake).collect(),
            next_page_token: page::token(found.next, &mark),
        })
    }

    async fn cancel(&self, id: &str) -> Result<api::CancelWakeResponse, Status> {
        let store = &self.0.store;
        let now = store.now();
        let cancelled = store.cancel_wake(read_id(id)?, now).await;
        let record = cancelled.map_err(|error| status::of_store(error, Wanted::Wake))?;
        match record.wake.end() {
            Some(end) if end.outcome == Outcome::Cancelled => {
                if end.at == now {
                    report(&record);
                }
                Ok(api::CancelWakeResponse { wake: Some(wake::wake(&record)) })
            }
            _ => Err(status::refuse(
                Code::FailedPrecondition,
                ErrorReason::WakeEnded,
                "the wake has ended otherwise",
            )),
        }
    }
}

fn expectation(asked: &Asked) -> Option<api::Expectation> {
    wake::expectation(asked.expectation, asked.channel_state, asked.obstacle)
}

fn read_id(id: &str) -> Result<WakeId, Status> {
    let mut reader = Reader::default();
    let id = reader.parse("id", id);
    reader.finish(id)
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
        Refused::Unenrolled => status::refuse(
            Code::FailedPrecondition,
            ErrorReason::DeviceUnenrolled,
            "the device has left the management; it can be woken again after it enrolled anew",
        ),
        Refused::IdempotencyMismatch => status::refuse(
            Code::AlreadyExists,
            ErrorReason::IdempotencyMismatch,
            "the idempotency key was used for another request",
        ),
    }
}

/// A wake that ended in the call itself: called off, or answered by an open session.
fn report(record: &WakeRecord) {
    let Some(end) = record.wake.end() else { return };
    let (outcome, answer) = match end.outcome {
        Outcome::Answered(answer) => ("answered", Some((answer.session, answer.attribution.name()))),
        Outcome::Cancelled => ("cancelled", None),
        Outcome::Unanswered(_) | Outcome::Failed(_) => return,
    };
    EndedWake {
        id: record.wake.id(),
        device: &record.device_name,
        caller: &record.caller,
        outcome,
        reason: None,
        answer,
        asked_at: record.wake.asked_at(),
        ended_at: end.at,
        context: record.trace,
        parent: record.parent,
    }
    .report();
}

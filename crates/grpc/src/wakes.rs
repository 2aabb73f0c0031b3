//! `WakeService`.

use std::{pin::Pin, sync::Arc};

use model::{TraceContext, WakeId};
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
};

pub(crate) struct Wakes(pub(crate) Arc<Edge>);

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl WakeService for Wakes {
    async fn wake(&self, request: Request<api::WakeRequest>) -> Result<Response<api::WakeResponse>, Status> {
        // The span's own context, or the caller's where no span is recorded.
        let parent =
            telemetry::current_context().or_else(|| telemetry::from_headers(request.metadata().as_ref()));
        self.ask(request.into_inner(), parent).await.map(Response::new)
    }

    async fn get_wake(
        &self,
        request: Request<api::GetWakeRequest>,
    ) -> Result<Response<api::GetWakeResponse>, Status> {
        self.look(&request.into_inner().id).await.map(Response::new)
    }

    async fn list_wakes(
        &self,
        request: Request<api::ListWakesRequest>,
    ) -> Result<Response<api::ListWakesResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new)
    }

    async fn cancel_wake(
        &self,
        request: Request<api::CancelWakeRequest>,
    ) -> Result<Response<api::CancelWakeResponse>, Status> {
        self.cancel(&request.into_inner().id).await.map(Response::new)
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
    async fn ask(
        &self,
        request: api::WakeRequest,
        parent: Option<TraceContext>,
    ) -> Result<api::WakeResponse, Status> {
        let ask = self.read(request, parent)?;
        let id = ask.id;
        let asked = self.0.store.ask(ask).await.map_err(|error| status::of_store(error, Wanted::Device))?;
        let asked = asked.map_err(refusal)?;
        // One that was made before, under the same key, was reported by whoever saw its end.
        if asked.wake.wake.id() == id {
            ended_wake(&asked.wake);
        }
        let expectation = expectation(&asked);
        Ok(api::WakeResponse { wake: Some(wake::wake(&asked.wake)), expectation })
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
        let states = reader.any_of("states", &request.states, wake::state_name);
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
                    ended_wake(&record);
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

/// A wake that ended in a call: called off, answered by an open session, or gone with its device. Call it once for each
/// wake; of one that is live it says nothing.
pub(crate) fn ended_wake(record: &WakeRecord) {
    let WakeRecord { wake, device_name, caller, trace, parent, .. } = record;
    EndedWake { wake, device: device_name, caller, context: *trace, parent: *parent }.report();
}

//! `WakeService`.

use std::{pin::Pin, sync::Arc};

use model::{TraceContext, WakeId};
use push::Outcome;
use reveille_api::v1::{self as api, ErrorReason, wake_service_server::WakeService};
use store::{Asked, WakeFilter, WakeRecord};
use telemetry::EndedWake;
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::{
    convert::{push::push, wake},
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
    task,
};

mod ask;
mod batch;
mod filter;
mod many;
mod watch;

#[derive(Clone)]
pub(crate) struct Wakes(pub(crate) Arc<Edge>);

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl WakeService for Wakes {
    async fn wake(&self, request: Request<api::WakeRequest>) -> Result<Response<api::WakeResponse>, Status> {
        let place = ask::Place::alone(ask::parent(&request));
        self.ask(request.into_inner(), place).await.map(Response::new)
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
        request: Request<api::BatchWakeRequest>,
    ) -> Result<Response<api::BatchWakeResponse>, Status> {
        let parent = ask::parent(&request);
        self.batch(request.into_inner(), parent).await.map(Response::new)
    }

    type WakeManyStream = Replies<api::WakeManyResponse>;

    async fn wake_many(
        &self,
        requests: Request<Streaming<api::WakeManyRequest>>,
    ) -> Result<Response<Self::WakeManyStream>, Status> {
        let parent = ask::parent(&requests);
        Ok(Response::new(Box::pin(self.many(requests.into_inner(), parent))))
    }

    type WatchWakesStream = Replies<api::WatchWakesResponse>;

    async fn watch_wakes(
        &self,
        request: Request<api::WatchWakesRequest>,
    ) -> Result<Response<Self::WatchWakesStream>, Status> {
        Ok(Response::new(Box::pin(self.watch(request.into_inner()).await?)))
    }
}

fn expectation(asked: &Asked) -> Option<api::Expectation> {
    wake::expectation(asked.expectation, asked.channel_state, asked.obstacle)
}

impl Wakes {
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
        let device = filter::device_id(&self.0.store, device).await?;
        let filter = WakeFilter { device, caller: None, states };
        let found = self.0.store.wakes(&filter, &page).await;
        let found = found.map_err(|error| status::of_store(error, Wanted::Wake))?;
        Ok(api::ListWakesResponse {
            wakes: found.items.iter().map(wake::wake).collect(),
            next_page_token: page::token(found.next, &mark),
        })
    }

    async fn cancel(&self, id: &str) -> Result<api::CancelWakeResponse, Status> {
        let (id, store) = (read_id(id)?, self.0.store.clone());
        let cancelled = task::to_its_end(async move {
            let cancelled = store.cancel_wake(id, store.now()).await;
            let cancelled = cancelled.map_err(|error| status::of_store(error, Wanted::Wake))?;
            if cancelled.ended_now {
                ended_wake(&cancelled.wake);
            }
            Ok(cancelled.wake)
        });
        let record = cancelled.await?;
        if record.wake.end().is_some_and(|end| end.outcome == Outcome::Cancelled) {
            return Ok(api::CancelWakeResponse { wake: Some(wake::wake(&record)) });
        }
        let what = "the wake has ended otherwise";
        Err(status::refuse(Code::FailedPrecondition, ErrorReason::WakeEnded, what))
    }
}

fn read_id(id: &str) -> Result<WakeId, Status> {
    let mut reader = Reader::default();
    let id = reader.parse("id", id);
    reader.finish(id)
}

/// A wake that ended in a call: called off, answered by an open session, or gone with its device. Call it once for each
/// wake; of one that is live it says nothing.
pub(crate) fn ended_wake(record: &WakeRecord) {
    ended_with(record, None);
}

/// As [`ended_wake`], of one that a session answered which is no child of it.
fn ended_with(record: &WakeRecord, link: Option<TraceContext>) {
    let WakeRecord { wake, device_name, caller, trace, parent, .. } = record;
    EndedWake { wake, device: device_name, caller, context: *trace, parent: *parent, link }.report();
}

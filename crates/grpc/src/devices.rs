//! `DeviceService`.

use std::{pin::Pin, sync::Arc};

use reveille_api::v1::{self as api, device_service_server::DeviceService};
use store::DeviceRef;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    convert::{device, session::session},
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
    task,
    wakes::ended_wake,
};

mod create;
mod credential;
mod fields;
mod import;
mod list;
mod update;

#[derive(Clone)]
pub(crate) struct Devices(pub(crate) Arc<Edge>);

/// Sessions that are shown with a device.
const SESSIONS: u32 = 5;

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn create_device(
        &self,
        request: Request<api::CreateDeviceRequest>,
    ) -> Result<Response<api::CreateDeviceResponse>, Status> {
        self.create(request.into_inner()).await.map(Response::new)
    }

    async fn get_device(
        &self,
        request: Request<api::GetDeviceRequest>,
    ) -> Result<Response<api::GetDeviceResponse>, Status> {
        self.look(&request.into_inner()).await.map(Response::new)
    }

    async fn list_devices(
        &self,
        request: Request<api::ListDevicesRequest>,
    ) -> Result<Response<api::ListDevicesResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new)
    }

    async fn delete_device(
        &self,
        request: Request<api::DeleteDeviceRequest>,
    ) -> Result<Response<api::DeleteDeviceResponse>, Status> {
        self.delete(&request.into_inner()).await.map(Response::new)
    }

    async fn update_device(
        &self,
        request: Request<api::UpdateDeviceRequest>,
    ) -> Result<Response<api::UpdateDeviceResponse>, Status> {
        self.update(request.into_inner()).await.map(Response::new)
    }

    type ImportDevicesStream = Pin<Box<dyn Stream<Item = Result<api::ImportDevicesResponse, Status>> + Send>>;

    async fn import_devices(
        &self,
        rows: Request<Streaming<api::ImportDevicesRequest>>,
    ) -> Result<Response<Self::ImportDevicesStream>, Status> {
        Ok(Response::new(Box::pin(self.import(rows.into_inner()))))
    }

    async fn reset_channel(
        &self,
        request: Request<api::ResetChannelRequest>,
    ) -> Result<Response<api::ResetChannelResponse>, Status> {
        self.reset(&request.into_inner()).await.map(Response::new)
    }

    async fn list_sessions(
        &self,
        request: Request<api::ListSessionsRequest>,
    ) -> Result<Response<api::ListSessionsResponse>, Status> {
        self.sessions(&request.into_inner()).await.map(Response::new)
    }
}

impl Devices {
    async fn look(&self, request: &api::GetDeviceRequest) -> Result<api::GetDeviceResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let failed = |error| status::of_store(error, Wanted::Device);
        let record = store.device(&wanted(request.device.as_ref())?).await.map_err(failed)?;
        let sessions = store.last_sessions(record.device.id, SESSIONS).await.map_err(failed)?;
        let name = record.device.name.as_str();
        Ok(api::GetDeviceResponse {
            recent_sessions: sessions.iter().map(|it| session(it, name)).collect(),
            device: Some(device::device(&record, store.now(), store.rules())),
        })
    }

    async fn reset(&self, request: &api::ResetChannelRequest) -> Result<api::ResetChannelResponse, Status> {
        let (wanted, store) = (wanted(request.device.as_ref())?, self.0.store.clone());
        task::to_its_end(async move {
            let now = store.now();
            let reset = store.reset_channel(&wanted, now).await;
            let reset = reset.map_err(|error| status::of_store(error, Wanted::Device))?;
            let record = reset.map_err(|store::Unenrolled| status::unenrolled())?;
            tracing::info!(device = %record.device.name, "an operator resets the channel");
            let device = device::device(&record, now, store.rules());
            Ok(api::ResetChannelResponse { device: Some(device) })
        })
        .await
    }

    async fn sessions(
        &self,
        request: &api::ListSessionsRequest,
    ) -> Result<api::ListSessionsResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let mut reader = Reader::default();
        let device = reader.device("device", request.device.as_ref());
        let mark = format!("sessions {device:?}");
        let page = page::wanted(&mut reader, request.page_size, &request.page_token, &mark);
        let (device, page) = reader.finish(device.zip(page))?;
        let failed = |error| status::of_store(error, Wanted::Device);
        let device = store.device(&device).await.map_err(failed)?.device;
        let found = store.sessions(device.id, &page).await.map_err(failed)?;
        Ok(api::ListSessionsResponse {
            sessions: found.items.iter().map(|it| session(it, device.name.as_str())).collect(),
            next_page_token: page::token(found.next, &mark),
        })
    }

    async fn delete(&self, request: &api::DeleteDeviceRequest) -> Result<api::DeleteDeviceResponse, Status> {
        let (wanted, expected) = (wanted(request.device.as_ref())?, expected(&request.etag)?);
        let store = self.0.store.clone();
        task::to_its_end(async move {
            let deleted = store.delete_device(&wanted, expected, store.now()).await;
            let deleted = deleted.map_err(|error| status::of_store(error, Wanted::Device))?;
            deleted.map_err(|store::Changed| status::changed())?.iter().for_each(ended_wake);
            Ok(api::DeleteDeviceResponse {})
        })
        .await
    }
}

fn wanted(device: Option<&api::DeviceRef>) -> Result<DeviceRef, Status> {
    let mut reader = Reader::default();
    let device = reader.device("device", device);
    reader.finish(device)
}

/// The revision that a device must still have; none if any will do.
fn expected(etag: &str) -> Result<Option<i64>, Status> {
    match etag {
        "" => Ok(None),
        etag => device::revision(etag).ok_or_else(status::changed).map(Some),
    }
}

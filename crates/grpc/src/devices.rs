//! `DeviceService`.

use std::{pin::Pin, sync::Arc, time::Duration};

use model::{CertificateFingerprint, DeviceName, ProviderId, PushAppName};
use reveille_api::v1::{self as api, ErrorReason, credential::Secret, device_service_server::DeviceService};
use store::{Credential, DeviceFilter, DeviceRef, InvalidCredential, NewDevice};
use tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::{
    convert::{channel, device, session::session},
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
    wakes::ended_wake,
};

pub(crate) struct Devices(pub(crate) Arc<Edge>);

/// Sessions that are shown with a device.
const SESSIONS: u64 = 5;
/// Bytes of an external id.
const EXTERNAL_ID: usize = 255;

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
        _request: Request<api::UpdateDeviceRequest>,
    ) -> Result<Response<api::UpdateDeviceResponse>, Status> {
        Err(Status::unimplemented("UpdateDevice is not included yet: delete the device and create it anew"))
    }

    type ImportDevicesStream = Pin<Box<dyn Stream<Item = Result<api::ImportDevicesResponse, Status>> + Send>>;

    async fn import_devices(
        &self,
        _rows: Request<Streaming<api::ImportDevicesRequest>>,
    ) -> Result<Response<Self::ImportDevicesStream>, Status> {
        Err(Status::unimplemented("ImportDevices is not included yet: call CreateDevice for each device"))
    }

    async fn reset_channel(
        &self,
        _request: Request<api::ResetChannelRequest>,
    ) -> Result<Response<api::ResetChannelResponse>, Status> {
        Err(Status::unimplemented(
            "ResetChannel is not included yet: the next session repairs a dead channel by itself",
        ))
    }

    async fn list_sessions(
        &self,
        _request: Request<api::ListSessionsRequest>,
    ) -> Result<Response<api::ListSessionsResponse>, Status> {
        Err(Status::unimplemented("ListSessions is not included yet: GetDevice shows the last ones"))
    }
}

impl Devices {
    async fn create(&self, request: api::CreateDeviceRequest) -> Result<api::CreateDeviceResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let now = store.now();
        let new = self.read(request)?;
        let certificate = new.certificate;
        let record = match store.create_device(new, now).await {
            Ok(record) => record,
            Err(error) => return Err(self.not_created(error, certificate).await),
        };
        Ok(api::CreateDeviceResponse { device: Some(device::device(&record, now, store.rules())) })
    }

    /// A name and a certificate belong to one device each: says which of them is taken.
    async fn not_created(&self, error: store::Error, certificate: Option<CertificateFingerprint>) -> Status {
        let conflict = matches!(error, store::Error::Conflict(_));
        if let Some(certificate) = certificate.filter(|_| conflict)
            && let Ok(Some((_, name))) = self.0.store.device_of_certificate(&certificate).await
        {
            let why = format!("the device {name} is bound to this certificate");
            return status::refuse(Code::AlreadyExists, ErrorReason::DeviceExists, &why);
        }
        status::of_store(error, Wanted::NewDevice)
    }

    fn read(&self, request: api::CreateDeviceRequest) -> Result<NewDevice, Status> {
        let mut reader = Reader::default();
        let name = reader.parse::<DeviceName>("name", &request.name);
        let provider_id = if request.provider_id.is_empty() {
            Some(self.0.settings.default_provider_id.clone())
        } else {
            reader.parse::<ProviderId>("provider_id", &request.provider_id)
        };
        let push_app = self.push_app(&mut reader, &request.push_app);
        let labels = reader.labels("labels", request.labels);
        let external_id = reader.text("external_id", request.external_id, EXTERNAL_ID);
        let credential = match request.credential {
            None => Some(None),
            Some(given) => credential(&mut reader, given).map(Some),
        };
        let certificate = match request.certificate_fingerprint.as_str() {
            "" => Some(None),
            text => reader.parse::<CertificateFingerprint>("certificate_fingerprint", text).map(Some),
        };
        let known = push_app.as_ref().is_none_or(|app| self.0.settings.apps.contains_key(app));
        if !known && reader.found_any() {
            reader.wrong("push_app", "no push app of this name is configured");
        }
        let read = (|| {
            Some(NewDevice {
                id: self.0.store.new_id(),
                name: name?,
                provider_id: provider_id?,
                push_app: push_app?,
                labels: labels?,
                external_id: external_id.filter(|id| !id.is_empty()),
                credential: credential?,
                certificate: certificate?,
            })
        })();
        let new = reader.finish(read)?;
        if known { Ok(new) } else { Err(status::not_found(Wanted::PushApp)) }
    }

    /// The app of that name; the only one of the configuration, if there is only one and none is named.
    fn push_app(&self, reader: &mut Reader, name: &str) -> Option<PushAppName> {
        let apps = &self.0.settings.apps;
        let mut names = apps.keys();
        let only = names.next().filter(|_| apps.len() == 1);
        if name.is_empty() {
            if only.is_none() {
                reader.wrong("push_app", "say which: not exactly one push app is configured");
            }
            return only.cloned();
        }
        reader.parse("push_app", name)
    }

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

    async fn list(&self, request: api::ListDevicesRequest) -> Result<api::ListDevicesResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let now = store.now();
        let mut reader = Reader::default();
        let filter = filter(&mut reader, &request, now);
        let mark = format!("devices {}", filter_mark(&request));
        let page = page::wanted(&mut reader, request.page_size, &request.page_token, &mark);
        let (filter, page) = reader.finish(filter.zip(page))?;
        let found =
            store.devices(&filter, &page).await.map_err(|error| status::of_store(error, Wanted::Device))?;
        Ok(api::ListDevicesResponse {
            devices: found.items.iter().map(|record| device::device(record, now, store.rules())).collect(),
            next_page_token: page::token(found.next, &mark),
        })
    }

    async fn delete(&self, request: &api::DeleteDeviceRequest) -> Result<api::DeleteDeviceResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let wanted = wanted(request.device.as_ref())?;
        let failed = |error| status::of_store(error, Wanted::Device);
        if !request.etag.is_empty() {
            let record = store.device(&wanted).await.map_err(failed)?;
            if device::etag(record.device.revision) != request.etag {
                let why = "the device was changed since it was read";
                return Err(status::refuse(Code::Aborted, ErrorReason::EtagMismatch, why));
            }
        }
        let ended = store.delete_device(&wanted, store.now()).await.map_err(failed)?;
        ended.iter().for_each(ended_wake);
        Ok(api::DeleteDeviceResponse {})
    }
}

fn wanted(device: Option<&api::DeviceRef>) -> Result<DeviceRef, Status> {
    let mut reader = Reader::default();
    let device = reader.device("device", device);
    reader.finish(device)
}

fn credential(reader: &mut Reader, given: api::Credential) -> Option<Credential> {
    let Some(secret) = given.secret else {
        reader.wrong("credential.secret", "give a password or an inner hash");
        return None;
    };
    let made = make(&given.user, &secret);
    if let Err(error) = &made {
        reader.wrong(field(*error), error.to_string());
    }
    // The user is looked at first. Should it be wrong, the secret may be too.
    if let (
        Err(InvalidCredential::User | InvalidCredential::Control | InvalidCredential::Colon),
        Err(error),
    ) = (&made, make("anybody", &secret))
    {
        reader.wrong(field(error), error.to_string());
    }
    made.ok()
}

fn make(user: &str, secret: &Secret) -> Result<Credential, InvalidCredential> {
    match secret {
        Secret::Password(password) => Credential::from_password(user, password),
        Secret::InnerHash(hash) => Credential::from_inner_hash(user, hash),
    }
}

fn field(error: InvalidCredential) -> &'static str {
    match error {
        InvalidCredential::User | InvalidCredential::Control | InvalidCredential::Colon => "credential.user",
        InvalidCredential::Password => "credential.password",
        InvalidCredential::InnerHash => "credential.inner_hash",
    }
}

fn filter(
    reader: &mut Reader,
    request: &api::ListDevicesRequest,
    now: model::Timestamp,
) -> Option<DeviceFilter> {
    let channel_states = reader.any_of("channel_states", &request.channel_states, channel::name);
    let push_app = match request.push_app.as_str() {
        "" => Some(None),
        name => reader.parse::<PushAppName>("push_app", name).map(Some),
    };
    let labels = reader.labels("labels", request.labels.clone());
    let silent_for = request.silent_for.map(Duration::try_from).transpose();
    if silent_for.is_err() {
        reader.wrong("silent_for", "must not be negative");
    }
    Some(DeviceFilter {
        channel_states,
        silent_since: silent_for.ok()?.map(|span| now - span),
        push_app: push_app?,
        labels: labels?.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        external_id: Some(request.external_id.clone()).filter(|id| !id.is_empty()),
    })
}

/// What makes one list another, apart from the page.
fn filter_mark(request: &api::ListDevicesRequest) -> String {
    let api::ListDevicesRequest { channel_states, push_app, labels, external_id, silent_for, .. } = request;
    format!("{channel_states:?} {push_app:?} {labels:?} {external_id:?} {silent_for:?}")
}

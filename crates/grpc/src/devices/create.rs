//! `CreateDevice`.

use model::DeviceName;
use reveille_api::v1 as api;
use store::NewDevice;
use tonic::Status;

use super::{Devices, credential::credential, fields};
use crate::{
    convert::device,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
};

impl Devices {
    pub(super) async fn create(
        &self,
        request: api::CreateDeviceRequest,
    ) -> Result<api::CreateDeviceResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let now = store.now();
        let new = self.read(request)?;
        let certificate = new.certificate;
        let record = match store.create_device(new, now).await {
            Ok(record) => record,
            Err(error) => return Err(self.taken(error, certificate, Wanted::NewDevice).await),
        };
        Ok(api::CreateDeviceResponse { device: Some(device::device(&record, now, store.rules())) })
    }

    fn read(&self, request: api::CreateDeviceRequest) -> Result<NewDevice, Status> {
        let mut reader = Reader::default();
        let name = reader.parse::<DeviceName>("name", &request.name);
        let provider_id = self.provider_id(&mut reader, "provider_id", &request.provider_id);
        let push_app = self.push_app(&mut reader, "push_app", &request.push_app);
        let labels = reader.labels("labels", request.labels);
        let external_id = fields::external_id(&mut reader, "external_id", request.external_id);
        let credential = match request.credential {
            None => Some(None),
            Some(given) => credential(&mut reader, given).map(Some),
        };
        let fingerprint = &request.certificate_fingerprint;
        let certificate = fields::certificate(&mut reader, "certificate_fingerprint", fingerprint);
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
                external_id: external_id.ok()?,
                credential: credential?,
                certificate: certificate.ok()?,
            })
        })();
        let new = reader.finish(read)?;
        if known { Ok(new) } else { Err(status::not_found(Wanted::PushApp)) }
    }
}

//! `UpdateDevice`.

use reveille_api::v1 as api;
use store::{DeviceRef, DeviceUpdate};
use tonic::Status;

use super::{Devices, credential::credential, expected, fields};
use crate::{
    convert::device,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
};

/// What may be changed, as a mask names it.
const PATHS: [&str; 6] =
    ["provider_id", "push_app", "labels", "external_id", "credential", "certificate_fingerprint"];

impl Devices {
    pub(super) async fn update(
        &self,
        request: api::UpdateDeviceRequest,
    ) -> Result<api::UpdateDeviceResponse, Status> {
        let Edge { store, .. } = &*self.0;
        let now = store.now();
        let etag = request.device.as_ref().map(|device| device.etag.clone()).unwrap_or_default();
        let (wanted, update) = self.read_update(request)?;
        let expected = expected(&etag)?;
        let certificate = update.certificate.flatten();
        match store.update_device(&wanted, expected, update, now).await {
            Ok(Ok(record)) => {
                let device = device::device(&record, now, store.rules());
                Ok(api::UpdateDeviceResponse { device: Some(device) })
            }
            Ok(Err(store::Changed)) => Err(status::changed()),
            Err(error) => Err(self.taken(error, certificate, Wanted::Device).await),
        }
    }

    fn read_update(&self, request: api::UpdateDeviceRequest) -> Result<(DeviceRef, DeviceUpdate), Status> {
        let api::UpdateDeviceRequest { device, update_mask, credential } = request;
        let mut reader = Reader::default();
        let device = device.unwrap_or_default();
        let wanted = named(&mut reader, &device);
        let paths = update_mask.map(|mask| mask.paths).unwrap_or_default();
        check(&mut reader, &paths);
        let mut update = DeviceUpdate::default();
        let mut known = true;
        for path in paths {
            match path.as_str() {
                "provider_id" => {
                    update.provider_id =
                        self.provider_id(&mut reader, "device.provider_id", &device.provider_id);
                }
                "push_app" => {
                    let name = self.push_app(&mut reader, "device.push_app", &device.push_app);
                    let info = name.as_ref().and_then(|name| self.0.settings.apps.get(name));
                    known &= name.is_none() || info.is_some();
                    update.push_app = name.zip(info.map(|info| info.pfn.clone()));
                }
                "labels" => update.labels = reader.labels("device.labels", device.labels.clone()),
                "external_id" => {
                    let id = device.external_id.clone();
                    update.external_id = fields::external_id(&mut reader, "device.external_id", id).ok();
                }
                "credential" => {
                    update.credential = match credential.clone() {
                        None => Some(None),
                        Some(given) => self::credential(&mut reader, given).map(Some),
                    };
                }
                "certificate_fingerprint" => {
                    let (field, text) = ("device.certificate_fingerprint", &device.certificate_fingerprint);
                    update.certificate = fields::certificate(&mut reader, field, text).ok();
                }
                _ => {}
            }
        }
        if !known && reader.found_any() {
            reader.wrong("device.push_app", "no push app of this name is configured");
        }
        let read = reader.finish(wanted.map(|wanted| (wanted, update)))?;
        if known { Ok(read) } else { Err(status::not_found(Wanted::PushApp)) }
    }
}

/// The device that is meant: by its id, or by its name if there is no id.
fn named(reader: &mut Reader, device: &api::Device) -> Option<DeviceRef> {
    match (device.id.as_str(), device.name.as_str()) {
        ("", "") => {
            reader.wrong("device", "name a device, by `id` or by `name`");
            None
        }
        ("", name) => reader.parse("device.name", name).map(DeviceRef::Name),
        (id, _) => reader.parse("device.id", id).map(DeviceRef::Id),
    }
}

fn check(reader: &mut Reader, paths: &[String]) {
    if paths.is_empty() {
        reader.wrong("update_mask", format!("says what to change: any of {}", PATHS.join(", ")));
    }
    for path in paths.iter().filter(|path| !PATHS.contains(&path.as_str())) {
        let path: String = path.chars().filter(|it| !it.is_control()).take(64).collect();
        let why = format!("`{path}` cannot be changed: only {} can", PATHS.join(", "));
        reader.wrong("update_mask", why);
    }
}

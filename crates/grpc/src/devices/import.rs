//! `ImportDevices`: devices from another system, row by row.

use futures_util::{Stream, StreamExt};
use model::{DeviceName, Timestamp};
use push::{ChannelUri, ImportedChannel};
use reveille_api::v1::{self as api, ErrorReason, import_devices_response::Result as Kind};
use store::{ImportDevice, ImportMode, ImportRefused, Imported};
use tonic::{Code, Status};

use super::{Devices, credential::credential, fields};
use crate::{
    convert::{self, import},
    request::{Noted, Reader},
    service::UNDER_WAY,
    status::{self, Wanted},
    streams::{self, Lanes, Turn},
    task,
};

impl Devices {
    /// Rows of different devices go side by side, and those of one device one after the other. What is under way goes on
    /// while nobody reads the results: it holds what others wait for.
    pub(super) fn import<S>(
        &self,
        rows: S,
    ) -> impl Stream<Item = Result<api::ImportDevicesResponse, Status>> + Send + use<S>
    where
        S: Stream<Item = Result<api::ImportDevicesRequest, Status>> + Send + 'static,
    {
        let (devices, ending) = (self.clone(), self.0.ending.clone());
        let mut lanes = Lanes::new();
        let answers = streams::until(rows, ending.clone()).map(move |row| {
            let name = |row: &api::ImportDevicesRequest| row.row.as_ref().map(|row| row.name.clone());
            let turn = lanes.enter(&row.as_ref().ok().and_then(name).unwrap_or_default());
            let devices = devices.clone();
            let result = row.map(|row| task::while_wanted(async move { devices.row(row, turn).await }));
            async move { result?.await }
        });
        streams::with_end(answers.buffered(UNDER_WAY), ending)
    }

    async fn row(&self, request: api::ImportDevicesRequest, turn: Turn) -> api::ImportDevicesResponse {
        let row_ref = streams::reference(&request.row_ref);
        let mode = if request.validate_only { ImportMode::ValidateOnly } else { ImportMode::Apply };
        let imported = self.one(request, mode, turn).await;
        let result = imported.map_or_else(
            |status| Kind::Error(status::of_item(&status)),
            |imported| Kind::Imported(import::imported(&imported, mode)),
        );
        api::ImportDevicesResponse { row_ref, result: Some(result) }
    }

    async fn one(
        &self,
        request: api::ImportDevicesRequest,
        mode: ImportMode,
        mut turn: Turn,
    ) -> Result<Imported, Status> {
        // What is too large waits for its turn, as others wait for it; but it is not kept.
        let request = streams::fits("row", &request).map(|()| request);
        turn.come().await;
        let request = request?;
        let _under_way = self.0.turn().await;
        let store = &self.0.store;
        let now = store.now();
        let row = self.read_row(request.row_ref, request.row.unwrap_or_default(), now)?;
        let imported = store.import_device(row, mode, now).await;
        imported.map_err(|error| status::of_store(error, Wanted::Device))?.map_err(refusal)
    }

    fn read_row(&self, row_ref: String, row: api::ImportRow, now: Timestamp) -> Result<ImportDevice, Status> {
        let mut reader = Reader::default();
        let row_ref = reader.text("row_ref", row_ref, streams::REFERENCE);
        let name = reader.parse::<DeviceName>("name", &row.name);
        let provider_id = self.provider_id(&mut reader, "provider_id", &row.provider_id);
        let app = self.push_app(&mut reader, "push_app", &row.push_app);
        let info = app.as_ref().and_then(|name| self.0.settings.apps.get(name));
        let known = app.is_none() || info.is_some();
        let labels = reader.labels("labels", row.labels.clone());
        let external_id = fields::external_id(&mut reader, "external_id", row.external_id.clone());
        let certificate =
            fields::certificate(&mut reader, "certificate_fingerprint", &row.certificate_fingerprint);
        let channel = self.read_channel(&mut reader, &row, now);
        let credential = match row.credential {
            None => Some(None),
            Some(given) => credential(&mut reader, given).map(Some),
        };
        if !known && !reader.found_any() {
            return Err(status::not_found(Wanted::PushApp));
        }
        if !known {
            reader.wrong("push_app", "no push app of this name is configured");
        }
        let read = (|| {
            row_ref?;
            Some(ImportDevice {
                id: self.0.store.new_id(),
                name: name?,
                provider_id: provider_id?,
                push_app: (app?, info?.pfn.clone()),
                labels: labels?,
                external_id: external_id.ok()?,
                credential: credential?,
                certificate: certificate.ok()?,
                channel: channel.ok()?,
            })
        })();
        reader.finish(read)
    }

    /// What is known of the channel; none if the row says nothing of it.
    fn read_channel(
        &self,
        reader: &mut Reader,
        row: &api::ImportRow,
        now: Timestamp,
    ) -> Result<Option<ImportedChannel>, Noted> {
        let first_seen = match row.channel_first_seen_time {
            None => Some(now),
            Some(time) => convert::timestamp(time).filter(|seen| *seen <= now),
        };
        if first_seen.is_none() {
            reader.wrong("channel_first_seen_time", "must be a time that has been");
        }
        let uri = match row.channel_uri.as_str() {
            "" => Some(None),
            text => match ChannelUri::parse(text, &self.0.store.rules().extra_origins) {
                Ok(uri) => Some(Some(uri)),
                Err(error) => {
                    reader.wrong("channel_uri", error.to_string());
                    None
                }
            },
        };
        if row.pfn.is_empty() {
            if !row.channel_uri.is_empty() {
                reader.wrong("pfn", "say which PFN the ChannelURI was made under");
            }
            return Ok(None);
        }
        let pfn = reader.parse("pfn", &row.pfn);
        let read = || Some(ImportedChannel { pfn: pfn?, uri: uri?, first_seen: first_seen? });
        read().ok_or(Noted).map(Some)
    }
}

fn refusal(refused: ImportRefused) -> Status {
    let exists = |why: String| status::refuse(Code::AlreadyExists, ErrorReason::DeviceExists, &why);
    match refused {
        ImportRefused::Certificate(name) => exists(format!("the device {name} is bound to this certificate")),
        ImportRefused::ChannelUri(name) => exists(format!("the device {name} has this ChannelURI")),
        ImportRefused::Labels(error) => {
            let why = format!("with those that the device has: {error}");
            status::invalid(vec![("labels".into(), why)])
        }
    }
}

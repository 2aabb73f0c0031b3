//! `ListDevices`.

use std::time::Duration;

use model::PushAppName;
use reveille_api::v1 as api;
use store::DeviceFilter;
use tonic::Status;

use super::Devices;
use crate::{
    convert::{channel, device},
    page,
    request::Reader,
    service::Edge,
    status::{self, Wanted},
};

impl Devices {
    pub(super) async fn list(
        &self,
        request: api::ListDevicesRequest,
    ) -> Result<api::ListDevicesResponse, Status> {
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

//! Which wakes are watched.

use std::collections::BTreeSet;

use model::{DeviceId, Labels, WakeId};
use reveille_api::v1 as api;
use store::{DeviceRef, Event, Store, WakeRecord};
use tonic::Status;

use super::Wakes;
use crate::{
    request::Reader,
    status::{self, Wanted},
};

/// Wakes that a filter may name.
const WAKES: usize = 1_000;
/// Bytes of a caller's name.
const CALLER: usize = 255;

/// Conditions that must all hold.
pub(super) struct Filter {
    wakes: BTreeSet<WakeId>,
    device: Option<DeviceId>,
    labels: Labels,
    caller: Option<String>,
}

impl Filter {
    /// Whether an event may be about such a wake; its labels are not known yet.
    pub(super) fn may_be_wanted(&self, event: &Event) -> bool {
        (self.wakes.is_empty() || self.wakes.contains(&event.wake))
            && self.device.is_none_or(|device| device == event.device)
            && self.caller.as_ref().is_none_or(|caller| *caller == event.caller)
    }

    /// Whether a wake of such an event has all of the labels.
    pub(super) fn wants(&self, record: &WakeRecord) -> bool {
        let has = |(key, value)| record.labels.iter().any(|label| label == (key, value));
        self.labels.iter().all(has)
    }
}

impl Wakes {
    pub(super) async fn read_filter(&self, filter: api::WakeFilter) -> Result<Filter, Status> {
        let mut reader = Reader::default();
        let wakes = wakes(&mut reader, &filter.wake_ids);
        let device = match &filter.device {
            None => Some(None),
            given => reader.device("filter.device", given.as_ref()).map(Some),
        };
        let labels = reader.labels("filter.labels", filter.labels);
        let caller = reader.text("filter.caller", filter.caller, CALLER);
        let read = wakes.zip(device).zip(labels.zip(caller));
        let ((wakes, device), (labels, caller)) = reader.finish(read)?;
        let device = device_id(&self.0.store, device).await?;
        Ok(Filter { wakes, device, labels, caller: Some(caller).filter(|caller| !caller.is_empty()) })
    }
}

/// The id of a device that a list is to be narrowed to.
pub(super) async fn device_id(store: &Store, device: Option<DeviceRef>) -> Result<Option<DeviceId>, Status> {
    match device {
        None => Ok(None),
        Some(DeviceRef::Id(id)) => Ok(Some(id)),
        Some(named) => {
            let found = store.device(&named).await;
            Ok(Some(found.map_err(|error| status::of_store(error, Wanted::Device))?.device.id))
        }
    }
}

fn wakes(reader: &mut Reader, ids: &[String]) -> Option<BTreeSet<WakeId>> {
    if ids.len() > WAKES {
        reader.wrong("filter.wake_ids", format!("has {} ids, {WAKES} is the limit", ids.len()));
        return None;
    }
    let parsed: Option<_> = ids.iter().map(|id| id.parse().ok()).collect();
    if parsed.is_none() {
        reader.wrong("filter.wake_ids", "holds what is no id of a wake");
    }
    parsed
}

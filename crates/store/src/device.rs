//! Devices: created by their owner, known by the name that their credential vouches for.

use model::{
    CertificateFingerprint, DeviceId, DeviceName, Labels, ProviderId, PushAppName, SessionKey, Timestamp,
};
use push::Channel;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func},
};
use uuid::Uuid;

use crate::{
    Credential, Error, Page, PageRequest, Store, StoredChannel, WakeRecord,
    commit::{Operation, Scope, Tools},
    entity::{channel, device},
    record::{channel_of, corrupt, labels_of, lock_device, timestamp},
    wake::{End, end_all},
};

mod create;
mod import;
mod refusal;
mod reset;
mod update;

pub use import::{ImportAction, ImportDevice, ImportMode, ImportRefused, Imported};
pub use refusal::{LastRefusal, Refusal};
pub use reset::Unenrolled;
pub use update::{Changed, DeviceUpdate};

use create::Create;
use refusal::last_refusal;

pub(crate) const AUTH_HASH: &str = "devices.auth_hash";

/// A device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its key.
    pub id: DeviceId,
    /// Its `SyncHdr/Source/LocURI`.
    pub name: DeviceName,
    /// The `{ProviderID}` of its `DMClient` nodes.
    pub provider_id: ProviderId,
    /// The push app it is set up for.
    pub push_app: PushAppName,
    /// Its owner's labels.
    pub labels: Labels,
    /// Its owner's id for it.
    pub external_id: Option<String>,
    /// The user name of its md5 or basic credential.
    pub user: Option<String>,
    /// The client certificate that it is bound to.
    pub certificate: Option<CertificateFingerprint>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When a session was last heard.
    pub last_seen_at: Option<Timestamp>,
    /// When it left the management; none while it is enrolled.
    pub unenrolled_at: Option<Timestamp>,
    /// The last message that spoke for it and was refused.
    pub last_refusal: Option<LastRefusal>,
    /// What it said of itself.
    pub info: DeviceInfo,
    /// When `./DevDetail` was last read.
    pub detail_read_at: Option<Timestamp>,
    /// Its newest session in the device's scope, open or not.
    pub device_session: Option<SessionKey>,
    /// Its newest session in a user's scope.
    pub user_session: Option<SessionKey>,
    /// Counts the owner's changes.
    pub revision: i64,
}

/// What a device said of itself in `./DevInfo` and `./DevDetail` (oma-dm.md §3.2, §8.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    /// `./DevInfo/Man`.
    pub manufacturer: Option<String>,
    /// `./DevInfo/Mod`.
    pub model: Option<String>,
    /// `./DevInfo/DmV`.
    pub dm_version: Option<String>,
    /// `./DevInfo/Lang`.
    pub language: Option<String>,
    /// `./DevDetail/SwV`: the OS build.
    pub os_version: Option<String>,
    /// `./DevDetail/LrgObj`.
    pub large_objects: Option<bool>,
}

/// A device that is to be created.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its key, made by the caller.
    pub id: DeviceId,
    /// Its `SyncHdr/Source/LocURI`.
    pub name: DeviceName,
    /// The `{ProviderID}` of its `DMClient` nodes.
    pub provider_id: ProviderId,
    /// The push app it is to be set up for.
    pub push_app: PushAppName,
    /// Its owner's labels.
    pub labels: Labels,
    /// Its owner's id for it.
    pub external_id: Option<String>,
    /// How it proves who it is.
    pub credential: Option<Credential>,
    /// The client certificate that it is bound to. No other device may have it.
    pub certificate: Option<CertificateFingerprint>,
}

/// A device with its channel.
#[derive(Clone, Debug)]
pub struct DeviceRecord {
    /// The device.
    pub device: Device,
    /// Its channel.
    pub channel: Channel,
    /// The push app that pushes to it: its own, or while it moves still the one that it comes from.
    pub pushed_by: PushAppName,
}

/// How a caller names a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceRef {
    /// By its key.
    Id(DeviceId),
    /// By its `SyncHdr/Source/LocURI`.
    Name(DeviceName),
}

/// Which devices are listed.
#[derive(Clone, Debug, Default)]
pub struct DeviceFilter {
    /// Those whose channel is in one of these states (their names). Empty: in any.
    pub channel_states: Vec<&'static str>,
    /// Those not heard since.
    pub silent_since: Option<Timestamp>,
    /// Those of this push app.
    pub push_app: Option<PushAppName>,
    /// Those with all of these labels.
    pub labels: Vec<(String, String)>,
    /// Those with this external id.
    pub external_id: Option<String>,
}

impl Store {
    /// Creates a device, with an `unset` channel. [`Error::Conflict`] if there is one of that name, or one that is bound
    /// to that certificate.
    pub async fn create_device(&self, new: NewDevice, now: Timestamp) -> Result<DeviceRecord, Error> {
        let id = new.id;
        self.submit(Create { new, now }).await?;
        self.device(&DeviceRef::Id(id)).await
    }

    /// A device with its channel.
    pub async fn device(&self, wanted: &DeviceRef) -> Result<DeviceRecord, Error> {
        let find = device::Entity::find().find_also_related(channel::Entity).filter(condition(wanted));
        let (row, channel) = find.one(self.readers()).await?.ok_or(Error::NotFound)?;
        record(row, channel, self.tools())
    }

    /// Devices by name.
    pub async fn devices(
        &self,
        filter: &DeviceFilter,
        page: &PageRequest,
    ) -> Result<Page<DeviceRecord>, Error> {
        let mut find = device::Entity::find()
            .find_also_related(channel::Entity)
            .filter(filter.condition())
            .order_by_asc(device::Column::Name)
            .limit(page.limit());
        if let Some(after) = &page.after {
            find = find.filter(device::Column::Name.gt(after));
        }
        let rows = find.all(self.readers()).await?;
        Ok(page.cut(rows, |(row, _)| row.name.clone(), |(row, channel)| record(row, channel, self.tools())))
    }

    /// Deletes a device with its sessions, if it still has the revision that is expected. Its wakes end unanswered, and are
    /// returned.
    pub async fn delete_device(
        &self,
        wanted: &DeviceRef,
        expected: Option<i64>,
        now: Timestamp,
    ) -> Result<Result<Vec<WakeRecord>, Changed>, Error> {
        let device = self.device_id(wanted).await?;
        self.submit(Delete { device, expected, now }).await
    }

    /// The device that a client certificate is bound to.
    pub async fn device_of_certificate(
        &self,
        fingerprint: &CertificateFingerprint,
    ) -> Result<Option<(DeviceId, DeviceName)>, Error> {
        let bound: Option<(Uuid, String)> = device::Entity::find()
            .select_only()
            .columns([device::Column::Id, device::Column::Name])
            .filter(device::Column::Certificate.eq(fingerprint.to_string()))
            .into_tuple()
            .one(self.readers())
            .await?;
        let named = |(id, name): (Uuid, String)| Ok((DeviceId::new(id), name.try_into().map_err(corrupt)?));
        bound.map(named).transpose()
    }

    pub(crate) async fn device_id(&self, wanted: &DeviceRef) -> Result<DeviceId, Error> {
        let find = device::Entity::find().filter(condition(wanted)).select_only().column(device::Column::Id);
        let id: Option<Uuid> = find.into_tuple().one(self.readers()).await?;
        id.map(DeviceId::new).ok_or(Error::NotFound)
    }
}

impl DeviceFilter {
    fn condition(&self) -> Condition {
        let states = &self.channel_states;
        let any_state = (!states.is_empty()).then(|| channel::Column::State.is_in(states.iter().copied()));
        let wanted = Condition::all()
            .add_option(any_state)
            .add_option(self.push_app.as_ref().map(|app| device::Column::PushApp.eq(app.as_str())))
            .add_option(self.external_id.as_ref().map(|id| device::Column::ExternalId.eq(id)))
            .add_option(self.silent_since.map(|at| {
                Condition::any()
                    .add(device::Column::LastSeenAt.is_null())
                    .add(device::Column::LastSeenAt.lt(at.as_micros()))
            }));
        self.labels.iter().fold(wanted, |wanted, (key, value)| wanted.add(has_label(key, value)))
    }
}

/// Whether the JSON object of all labels has this pair, at its beginning or later. Quotes within labels are escaped there,
/// so that neither spelling can occur within one. `LIKE` would not do: SQLite's does not tell upper from lower case.
fn has_label(key: &str, value: &str) -> Condition {
    let object = serde_json::json!({ key: value }).to_string();
    let pair = object.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or_default();
    let labels = || Expr::col((device::Entity, device::Column::Labels));
    let holds = |text: String| {
        let without = Func::cust("replace").args([labels(), Expr::val(text), Expr::val("")]);
        labels().ne(without)
    };
    Condition::any().add(holds(format!("{{{pair}"))).add(holds(format!(",{pair}")))
}

fn condition(wanted: &DeviceRef) -> Condition {
    Condition::all().add(match wanted {
        DeviceRef::Id(id) => device::Column::Id.eq(id.uuid()),
        DeviceRef::Name(name) => device::Column::Name.eq(name.as_str()),
    })
}

fn record(row: device::Model, channel: Option<channel::Model>, tools: &Tools) -> Result<DeviceRecord, Error> {
    let channel = channel.ok_or_else(|| Error::Corrupt(format!("device {} has no channel", row.id)))?;
    let pushed_by = channel.push_app.clone().try_into().map_err(corrupt)?;
    let StoredChannel { channel, .. } = channel_of(&channel, tools)?;
    Ok(DeviceRecord { device: device_of(row)?, channel, pushed_by })
}

pub(crate) fn device_of(row: device::Model) -> Result<Device, Error> {
    Ok(Device {
        id: DeviceId::new(row.id),
        name: row.name.try_into().map_err(corrupt)?,
        provider_id: row.provider_id.try_into().map_err(corrupt)?,
        push_app: row.push_app.try_into().map_err(corrupt)?,
        labels: labels_of(&row.labels)?,
        external_id: row.external_id,
        user: row.auth_user,
        certificate: row.certificate.map(|digits| digits.parse()).transpose().map_err(corrupt)?,
        created_at: Timestamp::from_micros(row.created_at),
        last_seen_at: timestamp(row.last_seen_at),
        unenrolled_at: timestamp(row.unenrolled_at),
        last_refusal: last_refusal(row.refusal, row.refused_at),
        info: DeviceInfo {
            manufacturer: row.manufacturer,
            model: row.model,
            dm_version: row.dm_version,
            language: row.language,
            os_version: row.os_version,
            large_objects: row.large_objects,
        },
        detail_read_at: timestamp(row.detail_read_at),
        device_session: row.device_session.map(SessionKey::new),
        user_session: row.user_session.map(SessionKey::new),
        revision: row.revision,
    })
}

struct Delete {
    device: DeviceId,
    expected: Option<i64>,
    now: Timestamp,
}

impl Operation for Delete {
    type Output = Result<Vec<WakeRecord>, Changed>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error> {
        let row = lock_device(scope, self.device).await?;
        if self.expected.is_some_and(|revision| revision != row.revision) {
            return Ok(Err(Changed));
        }
        let ended = end_all(scope, self.device, End::Unanswered(push::EndReason::Deleted), self.now).await?;
        device::Entity::delete_by_id(self.device.uuid()).exec(scope.tx).await?;
        Ok(Ok(ended))
    }
}

//! Between rows and the values of the rules.

use model::{DeviceId, Labels, Priority, Timestamp};
use push::{AppCondition, Channel, ChannelState, ChannelUri, Mode, Summons};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Error,
    commit::{Scope, Shared, Tools},
    entity::{channel, device, push_app, summons},
    upkeep::take_turn,
};

const URI: &str = "channels.uri";

/// A channel with the revision of its row: whoever writes it must have read the last one.
#[derive(Clone, Debug)]
pub struct StoredChannel {
    /// The channel.
    pub channel: Channel,
    /// The row's revision.
    pub revision: i64,
}

pub(crate) fn channel_of(row: &channel::Model, tools: &Tools) -> Result<StoredChannel, Error> {
    let channel: Channel = serde_json::from_str(&row.rules)?;
    let uri = row.uri.as_deref().map(|sealed| unseal_uri(row, sealed, tools)).transpose()?;
    // Validated again: the origins that are allowed may have been narrowed since it was stored.
    let uri = uri.and_then(|uri| ChannelUri::parse(&uri, &tools.rules.extra_origins).ok());
    Ok(StoredChannel { channel: channel.restore(uri), revision: row.revision })
}

fn unseal_uri(row: &channel::Model, sealed: &[u8], tools: &Tools) -> Result<String, Error> {
    let bytes = tools.sealer.unseal(URI, row.device_id.as_bytes(), sealed)?;
    String::from_utf8(bytes).map_err(|_| Error::Corrupt("a ChannelURI is not text".into()))
}

/// The columns of a channel that change with it.
fn channel_columns(
    device: DeviceId,
    channel: &Channel,
    tools: &Tools,
) -> Result<channel::ActiveModel, Error> {
    let row = device.uuid();
    let seal = |uri: &ChannelUri| tools.sealer.seal(URI, row.as_bytes(), uri.expose().as_bytes());
    Ok(channel::ActiveModel {
        state: Set(channel.state().name().to_owned()),
        generation: Set(i32::try_from(channel.generation()).unwrap_or(i32::MAX)),
        uri: Set(channel.uri().map(seal).transpose()?),
        uri_fingerprint: Set(channel.uri().map(|uri| uri.fingerprint().bytes().to_vec())),
        expires_at: Set(channel.expires_at(&tools.rules).map(Timestamp::as_micros)),
        written_at: Set(channel.last_write().map(Timestamp::as_micros)),
        rules: Set(serde_json::to_string(channel)?),
        ..Default::default()
    })
}

pub(crate) async fn insert_channel(
    scope: &Scope<'_>,
    device: DeviceId,
    push_app: &str,
    channel: &Channel,
) -> Result<(), Error> {
    let row = channel::ActiveModel {
        device_id: Set(device.uuid()),
        push_app: Set(push_app.to_owned()),
        revision: Set(0),
        ..channel_columns(device, channel, scope.tools)?
    };
    channel::Entity::insert(row).exec_without_returning(scope.tx).await?;
    Ok(())
}

pub(crate) async fn load_channel(scope: &Scope<'_>, device: DeviceId) -> Result<StoredChannel, Error> {
    let row = channel::Entity::find_by_id(device.uuid()).one(scope.tx).await?;
    let row = row.ok_or_else(|| Error::Corrupt(format!("device {device} has no channel")))?;
    channel_of(&row, scope.tools)
}

/// Writes a channel over the revision it was read at.
pub(crate) async fn save_channel(
    scope: &Scope<'_>,
    device: DeviceId,
    stored: &StoredChannel,
) -> Result<(), Error> {
    let mut row = channel_columns(device, &stored.channel, scope.tools)?;
    row.revision = Set(stored.revision + 1);
    let mut update = channel::Entity::update_many().set(row);
    if stored.channel.state() != ChannelState::Moving {
        // Only a device that moves is pushed to by another app than its own.
        update = update.col_expr(channel::Column::PushApp, own_app(device));
    }
    let updated = update
        .filter(channel::Column::DeviceId.eq(device.uuid()))
        .filter(channel::Column::Revision.eq(stored.revision))
        .exec(scope.tx)
        .await?;
    if updated.rows_affected == 1 { Ok(()) } else { Err(Error::Conflict("the channel changed meanwhile")) }
}

/// Devices with this URI, but for `device`.
pub(crate) async fn others_with(
    scope: &Scope<'_>,
    device: DeviceId,
    uri: &ChannelUri,
) -> Result<Vec<Uuid>, Error> {
    let others = channel::Entity::find()
        .select_only()
        .column(channel::Column::DeviceId)
        .filter(channel::Column::UriFingerprint.eq(uri.fingerprint().bytes().to_vec()))
        .filter(channel::Column::DeviceId.ne(device.uuid()));
    Ok(others.into_tuple().all(scope.tx).await?)
}

/// The turn of whoever brings a device a URI.
pub(crate) const URI_TURN: Shared<'static> = Shared::Turn(URIS);
const URIS: &str = "channel_uris";

/// Whoever brings a device a URI takes turns with all replicas until the commit: two that bring the same one at the same
/// time would not see each other, and both keep it.
pub(crate) async fn bring_uri(scope: &Scope<'_>, now: Timestamp) -> Result<(), Error> {
    take_turn(scope, URIS, now).await
}

/// The push app that a device is set up for, within a statement.
fn own_app(device: DeviceId) -> Expr {
    let own = device::Entity::find_by_id(device.uuid()).select_only().column(device::Column::PushApp);
    Expr::SubQuery(None, Box::new(own.into_query().into()))
}

/// The push app that pushes to a device: its own, or while it moves still the one that it comes from.
pub(crate) async fn pushing_app(
    scope: &Scope<'_>,
    device: &device::Model,
    channel: &Channel,
) -> Result<String, Error> {
    if channel.state() != ChannelState::Moving {
        return Ok(device.push_app.clone());
    }
    let app = channel::Entity::find_by_id(device.id).select_only().column(channel::Column::PushApp);
    let app = app.into_tuple().one(scope.tx).await?;
    app.ok_or_else(|| Error::Corrupt(format!("device {} has no channel", device.id)))
}

pub(crate) fn summons_of(row: &summons::Model) -> Result<Summons, Error> {
    Ok(serde_json::from_str(&row.rules)?)
}

/// The columns of a summons, with the time at which it is due now.
pub(crate) fn summons_columns(
    summons: &Summons,
    channel: &Channel,
    now: Timestamp,
    tools: &Tools,
) -> Result<summons::ActiveModel, Error> {
    Ok(summons::ActiveModel {
        priority: Set(priority_column(summons.priority())),
        next_at: Set(summons.next_at(channel, now, &tools.rules).as_micros()),
        push_id: Set(summons.in_flight().map(model::PushId::uuid)),
        rules: Set(serde_json::to_string(summons)?),
        ..Default::default()
    })
}

/// Writes a summons back, due when its channel lets it.
pub(crate) async fn save_summons(
    scope: &Scope<'_>,
    summons: &Summons,
    channel: &Channel,
    now: Timestamp,
) -> Result<(), Error> {
    let columns = summons_columns(summons, channel, now, scope.tools)?;
    update_summons(scope, summons, columns).await
}

pub(crate) async fn update_summons(
    scope: &Scope<'_>,
    summons: &Summons,
    columns: summons::ActiveModel,
) -> Result<(), Error> {
    // Whoever pushes to the device pushes for its summons.
    let app = channel::Entity::find()
        .select_only()
        .column(channel::Column::PushApp)
        .filter(
            Expr::col((channel::Entity, channel::Column::DeviceId))
                .equals((summons::Entity, summons::Column::DeviceId)),
        )
        .into_query();
    summons::Entity::update_many()
        .set(columns)
        .col_expr(summons::Column::PushApp, Expr::SubQuery(None, Box::new(app.into())))
        .filter(summons::Column::Id.eq(summons.id().uuid()))
        .exec(scope.tx)
        .await?;
    Ok(())
}

pub(crate) async fn summons_of_device(scope: &Scope<'_>, device: DeviceId) -> Result<Option<Summons>, Error> {
    let row =
        summons::Entity::find().filter(summons::Column::DeviceId.eq(device.uuid())).one(scope.tx).await?;
    row.as_ref().map(summons_of).transpose()
}

/// How the configuration treats a device.
pub(crate) fn mode_of(device: &device::Model, tools: &Tools) -> Result<Mode, Error> {
    Ok(tools.rules.mode_of(&device.push_app, &labels_of(&device.labels)?))
}

pub(crate) async fn condition_of(scope: &Scope<'_>, app: &str) -> Result<AppCondition, Error> {
    let row = push_app::Entity::find_by_id(app).one(scope.tx).await?;
    row.map_or_else(|| Ok(AppCondition::default()), |row| Ok(serde_json::from_str(&row.condition)?))
}

/// Locks a device's row, before any other row of the device: asking for wakes, starting sessions and judging pushes of one
/// device happen one after the other.
pub(crate) async fn lock_device(scope: &Scope<'_>, device: DeviceId) -> Result<device::Model, Error> {
    lock_if_known(scope, device).await?.ok_or(Error::NotFound)
}

/// As [`lock_device`], for those who do not mind that the device was deleted meanwhile.
pub(crate) async fn lock_if_known(
    scope: &Scope<'_>,
    device: DeviceId,
) -> Result<Option<device::Model>, Error> {
    Ok(device::Entity::find_by_id(device.uuid()).lock_exclusive().one(scope.tx).await?)
}

/// Locks those of the devices that nobody else holds: whoever came upon them without being asked does not wait.
pub(crate) async fn lock_free_devices(
    scope: &Scope<'_>,
    devices: Vec<Uuid>,
) -> Result<Vec<device::Model>, Error> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let lock = device::Entity::find()
        .filter(device::Column::Id.is_in(devices))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(lock.all(scope.tx).await?)
}

/// The word that stands for a value in a column.
pub(crate) fn word<T: Serialize>(value: T) -> Result<String, Error> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Error::Corrupt(format!("{other} is not one word"))),
    }
}

pub(crate) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, Error> {
    Ok(serde_json::from_value(serde_json::Value::String(word.to_owned()))?)
}

pub(crate) fn labels_column(labels: &Labels) -> Result<String, Error> {
    Ok(serde_json::to_string(labels)?)
}

pub(crate) fn labels_of(text: &str) -> Result<Labels, Error> {
    Ok(serde_json::from_str(text)?)
}

pub(crate) fn priority_column(priority: Priority) -> i16 {
    match priority {
        Priority::Bulk => 0,
        Priority::Interactive => 1,
    }
}

pub(crate) fn priority_of(column: i16) -> Priority {
    if column > 0 { Priority::Interactive } else { Priority::Bulk }
}

pub(crate) fn corrupt<E: std::fmt::Display>(error: E) -> Error {
    Error::Corrupt(error.to_string())
}

pub(crate) fn timestamp(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}

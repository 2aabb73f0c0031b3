//! What a device's owner changes: all of it or nothing.

use model::{CertificateFingerprint, DeviceId, Labels, Pfn, ProviderId, PushAppName, Timestamp};
use push::{ChannelState, Mode};
use sea_orm::{
    ActiveValue::{self, Set},
    ColumnTrait, EntityTrait, QueryFilter,
};
use secrecy::ExposeSecret;

use super::create::seal_hash;
use crate::{
    Credential, DeviceRecord, DeviceRef, Error, Store, StoredChannel,
    commit::{Operation, Scope, Tools},
    entity::device,
    record::{
        labels_column, labels_of, load_channel, lock_device, save_channel, save_summons, summons_of_device,
    },
    session::credential,
};

/// What is to change of a device; none leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct DeviceUpdate {
    /// The `{ProviderID}` of its `DMClient` nodes.
    pub provider_id: Option<ProviderId>,
    /// The push app that it is to be set up for, with its PFN. A live channel goes on under the old app until a session has
    /// written the new PFN (DESIGN §4, `moving`).
    pub push_app: Option<(PushAppName, Pfn)>,
    /// Its owner's labels: these instead of what it has.
    pub labels: Option<Labels>,
    /// Its owner's id for it, or that it has none.
    pub external_id: Option<Option<String>>,
    /// How it proves who it is, or that it has no credential.
    pub credential: Option<Option<Credential>>,
    /// The client certificate that it is bound to, or that it is bound to none.
    pub certificate: Option<Option<CertificateFingerprint>>,
}

/// The device is not as the caller knew it: somebody changed it meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed;

impl Store {
    /// Changes a device, if it still has the revision that is expected. [`Error::Conflict`] if another device is bound to
    /// the certificate.
    pub async fn update_device(
        &self,
        wanted: &DeviceRef,
        expected: Option<i64>,
        update: DeviceUpdate,
        now: Timestamp,
    ) -> Result<Result<DeviceRecord, Changed>, Error> {
        let device = self.device_id(wanted).await?;
        match self.submit(Update { device, expected, to: update, now }).await? {
            Ok(()) => self.device(&DeviceRef::Id(device)).await.map(Ok),
            Err(changed) => Ok(Err(changed)),
        }
    }
}

struct Update {
    device: DeviceId,
    expected: Option<i64>,
    to: DeviceUpdate,
    now: Timestamp,
}

impl Operation for Update {
    type Output = Result<(), Changed>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error> {
        let row = lock_device(scope, self.device).await?;
        if self.expected.is_some_and(|revision| revision != row.revision) {
            return Ok(Err(Changed));
        }
        let stored = load_channel(scope, self.device).await?;
        let plan = Plan::of(&self.to, &row, stored, scope.tools, self.now)?;
        plan.carry_out(scope, self.now).await?;
        Ok(Ok(()))
    }
}

/// What an update comes to for one device.
pub(super) struct Plan {
    device: DeviceId,
    columns: device::ActiveModel,
    pub(super) stored: StoredChannel,
    before: push::Channel,
    mode: Mode,
}

impl Plan {
    pub(super) fn of(
        update: &DeviceUpdate,
        row: &device::Model,
        mut stored: StoredChannel,
        tools: &Tools,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let before = stored.channel.clone();
        let mut columns = columns(update, row, tools)?;
        if let (Some((_, pfn)), Set(_)) = (&update.push_app, &columns.push_app) {
            stored.channel.move_to(pfn, now);
        }
        // What was refused under a wrong provider id is asked anew under the right one.
        let refused = matches!(stored.channel.state(), ChannelState::Refused(_));
        if refused && columns.provider_id.is_set() {
            stored.channel.request_reset(now);
        }
        if is_changed(&columns) {
            columns.revision = Set(row.revision + 1);
        }
        let mode = mode(update, row, tools)?;
        Ok(Self { device: DeviceId::new(row.id), columns, stored, before, mode })
    }

    /// Whether there is anything to do.
    pub(super) fn is_change(&self) -> bool {
        is_changed(&self.columns) || self.stored.channel != self.before
    }

    pub(super) async fn carry_out(self, scope: &Scope<'_>, now: Timestamp) -> Result<(), Error> {
        if !self.is_change() {
            return Ok(());
        }
        if is_changed(&self.columns) {
            let update = device::Entity::update_many().set(self.columns);
            update.filter(device::Column::Id.eq(self.device.uuid())).exec(scope.tx).await?;
        }
        // Also if only the app changed: the channel's row says who pushes.
        save_channel(scope, self.device, &self.stored).await?;
        if let Some(mut summons) = summons_of_device(scope, self.device).await? {
            // Its wakes heed the new labels and the new app at once.
            summons.set_mode(self.mode);
            save_summons(scope, &summons, &self.stored.channel, now).await?;
        }
        Ok(())
    }
}

/// The columns that are another value now.
fn columns(update: &DeviceUpdate, row: &device::Model, tools: &Tools) -> Result<device::ActiveModel, Error> {
    let mut to = device::ActiveModel::default();
    let text = |text: &dyn ToString| text.to_string();
    change(&mut to.provider_id, update.provider_id.as_ref().map(|id| text(id)), &row.provider_id);
    change(&mut to.push_app, update.push_app.as_ref().map(|(name, _)| text(name)), &row.push_app);
    change(&mut to.labels, update.labels.as_ref().map(labels_column).transpose()?, &row.labels);
    change(&mut to.external_id, update.external_id.clone(), &row.external_id);
    let certificate = update.certificate.map(|bound| bound.map(|it| text(&it)));
    change(&mut to.certificate, certificate, &row.certificate);
    if let Some(new) = &update.credential
        && !same(new.as_ref(), row, tools)
    {
        to.auth_user = Set(new.as_ref().map(|new| new.user.clone()));
        to.auth_hash = Set(new.as_ref().map(|new| seal_hash(tools, row.id, new)).transpose()?);
    }
    Ok(to)
}

/// How the configuration treats the device after the update.
fn mode(update: &DeviceUpdate, row: &device::Model, tools: &Tools) -> Result<Mode, Error> {
    let app = update.push_app.as_ref().map_or(row.push_app.as_str(), |(name, _)| name.as_str());
    Ok(match &update.labels {
        Some(labels) => tools.rules.mode_of(app, labels),
        None => tools.rules.mode_of(app, &labels_of(&row.labels)?),
    })
}

fn is_changed(columns: &device::ActiveModel) -> bool {
    sea_orm::ActiveModelTrait::is_changed(columns)
}

fn change<T: Into<sea_orm::Value> + PartialEq>(column: &mut ActiveValue<T>, new: Option<T>, old: &T) {
    if let Some(new) = new.filter(|new| new != old) {
        *column = Set(new);
    }
}

/// Whether a credential is the one that the device has. One that cannot be read is another.
fn same(new: Option<&Credential>, row: &device::Model, tools: &Tools) -> bool {
    let Ok(old) = credential(row, tools) else { return false };
    match (new, old) {
        (None, None) => row.auth_user.is_none() && row.auth_hash.is_none(),
        (Some(new), Some(old)) => {
            let hashes = [&new.inner_hash, &old.inner_hash].map(ExposeSecret::expose_secret);
            new.user == old.user && hashes[0] == hashes[1]
        }
        _ => false,
    }
}

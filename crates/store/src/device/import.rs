//! Devices that are taken over from another system, one by one.

use model::{
    CertificateFingerprint, DeviceId, DeviceName, InvalidLabels, Labels, Pfn, ProviderId, PushAppName,
    Timestamp,
};
use push::{Channel, ChannelState, ImportedChannel};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{DeviceUpdate, NewDevice, create::insert, update::Plan};
use crate::{
    Credential, DeviceRef, Error, Store,
    commit::{Operation, Scope, Shared},
    entity::{channel, device},
    record::{URI_TURN, bring_uri, corrupt, labels_of, load_channel, lock_free_devices, lock_if_known},
};

/// A device to take over. One of this name is changed, otherwise one is created.
#[derive(Clone, Debug)]
pub struct ImportDevice {
    /// Its key, should it be created.
    pub id: DeviceId,
    /// Its `SyncHdr/Source/LocURI`.
    pub name: DeviceName,
    /// The `{ProviderID}` of its `DMClient` nodes.
    pub provider_id: ProviderId,
    /// The push app that it is set up for, with its PFN.
    pub push_app: (PushAppName, Pfn),
    /// Its owner's labels, besides those that it has.
    pub labels: Labels,
    /// Its owner's id for it; none keeps what it has.
    pub external_id: Option<String>,
    /// How it proves who it is; none keeps what it has.
    pub credential: Option<Credential>,
    /// The client certificate that it is bound to; none keeps what it has.
    pub certificate: Option<CertificateFingerprint>,
    /// What is known of its channel.
    pub channel: Option<ImportedChannel>,
}

/// Whether an import is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// It is.
    Apply,
    /// It is only said what would be done.
    ValidateOnly,
}

/// What became of an import, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What was done.
    pub action: ImportAction,
    /// The device.
    pub device: DeviceId,
    /// The state of its channel after it.
    pub channel: ChannelState,
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportAction {
    /// The device is new.
    Created,
    /// Something changed.
    Updated,
    /// The device had all of this already.
    Unchanged,
}

/// Why an import was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportRefused {
    /// Another device is bound to the certificate: this one.
    Certificate(DeviceName),
    /// Another device has the `ChannelURI`: this one.
    ChannelUri(DeviceName),
    /// With those that the device has, there would be labels that cannot be.
    Labels(InvalidLabels),
}

impl Store {
    /// Takes over a device. Waits for room in the queue of writes: for callers that import many, and bound how many at a
    /// time.
    pub async fn import_device(
        &self,
        import: ImportDevice,
        mode: ImportMode,
        now: Timestamp,
    ) -> Result<Result<Imported, ImportRefused>, Error> {
        match self.submit_import(&import, mode, now).await {
            // Somebody else created the device, or changed it, at the same moment: now it is there to be found.
            Err(Error::Conflict(_)) => self.submit_import(&import, mode, now).await,
            imported => imported,
        }
    }

    async fn submit_import(
        &self,
        import: &ImportDevice,
        mode: ImportMode,
        now: Timestamp,
    ) -> Result<Result<Imported, ImportRefused>, Error> {
        let device = match self.device_id(&DeviceRef::Name(import.name.clone())).await {
            Ok(known) => known,
            Err(Error::NotFound) => import.id,
            Err(error) => return Err(error),
        };
        self.submit_in_turn(Import { row: import.clone(), device, mode, now }).await
    }
}

struct Import {
    row: ImportDevice,
    device: DeviceId,
    mode: ImportMode,
    now: Timestamp,
}

impl Operation for Import {
    type Output = Result<Imported, ImportRefused>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    fn shared(&self) -> Option<Shared<'_>> {
        let uri = self.row.channel.as_ref().and_then(|channel| channel.uri.as_ref());
        uri.filter(|_| self.mode == ImportMode::Apply).map(|_| URI_TURN)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error> {
        let known = self.known(scope).await?;
        let own = known.as_ref().map(|row| DeviceId::new(row.id));
        if let Some(refused) = self.taken(scope, own).await? {
            return Ok(Err(refused));
        }
        match known {
            Some(row) => self.change(scope, &row).await,
            None => self.create(scope).await.map(Ok),
        }
    }
}

impl Import {
    /// The device of this name, locked. One that was created since it was looked up is none of those that the batch locked
    /// first: it is only tried.
    async fn known(&self, scope: &Scope<'_>) -> Result<Option<device::Model>, Error> {
        if let Some(known) = lock_if_known(scope, self.device).await? {
            return Ok(Some(known));
        }
        let named = device::Entity::find().filter(device::Column::Name.eq(self.row.name.as_str()));
        let Some(created) = named.one(scope.tx).await? else { return Ok(None) };
        match lock_free_devices(scope, vec![created.id]).await?.pop() {
            None => Err(Error::Conflict("the device was created meanwhile, and is busy")),
            known => Ok(known),
        }
    }

    /// Certificates and URIs belong to one device each.
    async fn taken(&self, scope: &Scope<'_>, own: Option<DeviceId>) -> Result<Option<ImportRefused>, Error> {
        let others = || {
            let own = own.map(|own| device::Column::Id.ne(own.uuid()));
            own.into_iter().fold(device::Entity::find(), QueryFilter::filter)
        };
        let name =
            |row: Option<device::Model>| row.map(|row| row.name.try_into().map_err(corrupt)).transpose();
        if let Some(certificate) = &self.row.certificate {
            let bound = others().filter(device::Column::Certificate.eq(certificate.to_string()));
            if let Some(other) = name(bound.one(scope.tx).await?)? {
                return Ok(Some(ImportRefused::Certificate(other)));
            }
        }
        if let Some(uri) = self.row.channel.as_ref().and_then(|channel| channel.uri.as_ref()) {
            if self.mode == ImportMode::Apply {
                bring_uri(scope, self.now).await?;
            }
            let same = channel::Column::UriFingerprint.eq(uri.fingerprint().bytes().to_vec());
            let having = others().inner_join(channel::Entity).filter(same);
            if let Some(other) = name(having.one(scope.tx).await?)? {
                return Ok(Some(ImportRefused::ChannelUri(other)));
            }
        }
        Ok(None)
    }

    async fn create(&self, scope: &Scope<'_>) -> Result<Imported, Error> {
        let import = &self.row;
        let mut channel = Channel::default();
        self.adopt(&mut channel, scope);
        let imported =
            Imported { action: ImportAction::Created, device: import.id, channel: channel.state() };
        if self.mode == ImportMode::Apply {
            let new = NewDevice {
                id: import.id,
                name: import.name.clone(),
                provider_id: import.provider_id.clone(),
                push_app: import.push_app.0.clone(),
                labels: import.labels.clone(),
                external_id: import.external_id.clone(),
                credential: import.credential.clone(),
                certificate: import.certificate,
            };
            insert(scope, &new, &channel, self.now).await?;
        }
        Ok(imported)
    }

    async fn change(
        &self,
        scope: &Scope<'_>,
        row: &device::Model,
    ) -> Result<Result<Imported, ImportRefused>, Error> {
        let update = match self.update(row)? {
            Ok(update) => update,
            Err(error) => return Ok(Err(ImportRefused::Labels(error))),
        };
        let device = DeviceId::new(row.id);
        let stored = load_channel(scope, device).await?;
        let mut plan = Plan::of(&update, row, stored, scope.tools, self.now)?;
        self.adopt(&mut plan.stored.channel, scope);
        let action = if plan.is_change() { ImportAction::Updated } else { ImportAction::Unchanged };
        let imported = Imported { action, device, channel: plan.stored.channel.state() };
        if self.mode == ImportMode::Apply {
            plan.carry_out(scope, self.now).await?;
        }
        Ok(Ok(imported))
    }

    fn update(&self, row: &device::Model) -> Result<Result<DeviceUpdate, InvalidLabels>, Error> {
        let import = &self.row;
        let had = labels_of(&row.labels)?;
        let pairs = had.iter().chain(import.labels.iter());
        let labels = match Labels::new(pairs.map(|(key, value)| (key.to_owned(), value.to_owned()))) {
            Ok(labels) => labels,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(DeviceUpdate {
            provider_id: Some(import.provider_id.clone()),
            push_app: Some(import.push_app.clone()),
            labels: Some(labels),
            external_id: import.external_id.clone().map(Some),
            credential: import.credential.clone().map(Some),
            certificate: import.certificate.map(Some),
        }))
    }

    fn adopt(&self, channel: &mut Channel, scope: &Scope<'_>) {
        if let Some(known) = &self.row.channel {
            channel.import(known, &self.row.push_app.1, self.now, &scope.tools.rules);
        }
    }
}

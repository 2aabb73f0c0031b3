//! A new device, with its channel.

use model::{DeviceId, Timestamp};
use push::Channel;
use sea_orm::{ActiveValue::Set, EntityTrait};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::{AUTH_HASH, NewDevice};
use crate::{
    Credential, Error,
    commit::{Operation, Scope, Tools},
    entity::device,
    record::{insert_channel, labels_column},
};

/// The inner hash of a credential, as it is stored.
pub(super) fn seal_hash(tools: &Tools, row: Uuid, credential: &Credential) -> Result<Vec<u8>, Error> {
    tools.sealer.seal(AUTH_HASH, row.as_bytes(), credential.inner_hash.expose_secret().as_bytes())
}

pub(super) struct Create {
    pub(super) new: NewDevice,
    pub(super) now: Timestamp,
}

impl Operation for Create {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.new.id)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        insert(scope, &self.new, &Channel::default(), self.now).await
    }
}

/// A new device with its channel.
pub(super) async fn insert(
    scope: &Scope<'_>,
    new: &NewDevice,
    channel: &Channel,
    now: Timestamp,
) -> Result<(), Error> {
    let row = new.id.uuid();
    let seal = |credential: &Credential| seal_hash(scope.tools, row, credential);
    let columns = device::ActiveModel {
        id: Set(row),
        name: Set(new.name.to_string()),
        provider_id: Set(new.provider_id.to_string()),
        push_app: Set(new.push_app.to_string()),
        labels: Set(labels_column(&new.labels)?),
        external_id: Set(new.external_id.clone()),
        auth_user: Set(new.credential.as_ref().map(|credential| credential.user.clone())),
        auth_hash: Set(new.credential.as_ref().map(seal).transpose()?),
        certificate: Set(new.certificate.map(|certificate| certificate.to_string())),
        created_at: Set(now.as_micros()),
        revision: Set(0),
        ..Default::default()
    };
    device::Entity::insert(columns).exec_without_returning(scope.tx).await?;
    insert_channel(scope, new.id, new.push_app.as_str(), channel).await
}

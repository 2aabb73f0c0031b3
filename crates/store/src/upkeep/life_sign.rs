//! The gateway's life sign, and what its absence does to answer windows.

use std::collections::HashMap;

use model::{DeviceId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use super::ROUND;
use crate::{
    Error,
    commit::{Operation, Scope, Shared},
    entity::{channel, device, heartbeat, summons},
    record::{channel_of, lock_free_devices, mode_of, save_summons, summons_of},
};

/// Whose life signs answer windows depend on.
pub(super) const GATEWAY: &str = "gateway";
/// What is written to see whether writing works.
pub(super) const PROBE: &str = "probe";

pub(super) struct Beat {
    pub(super) name: &'static str,
    pub(super) now: Timestamp,
}

impl Operation for Beat {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::Turn(self.name))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let row = heartbeat::ActiveModel { name: Set(self.name.to_owned()), at: Set(self.now.as_micros()) };
        heartbeat::Entity::insert(row)
            .on_conflict(
                OnConflict::column(heartbeat::Column::Name).update_column(heartbeat::Column::At).to_owned(),
            )
            .exec_without_returning(scope.tx)
            .await?;
        Ok(())
    }

    fn is_news((): &()) -> bool {
        false
    }
}

/// Waits until no other transaction has this turn, and has it until the commit: what those before it wrote is there to be
/// read. For what only one may do at a time, and seldom.
pub(crate) async fn take_turn(scope: &Scope<'_>, name: &'static str, now: Timestamp) -> Result<(), Error> {
    Beat { name, now }.run(scope).await
}

/// The gateway is back: when its last life sign was, if it ever gave one.
pub(super) struct Return {
    pub(super) now: Timestamp,
}

impl Operation for Return {
    type Output = Option<Timestamp>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::Turn(GATEWAY))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Option<Timestamp>, Error> {
        let last = heartbeat::Entity::find_by_id(GATEWAY).lock_exclusive().one(scope.tx).await?;
        if last.is_some() {
            // This is a life sign as well: whoever comes back at the same time finds that nobody was away.
            Beat { name: GATEWAY, now: self.now }.run(scope).await?;
        }
        Ok(last.map(|row| Timestamp::from_micros(row.at)))
    }

    fn is_news(_: &Option<Timestamp>) -> bool {
        false
    }
}

/// Moves the windows of a round of devices, those after `after`; says which was the last. Other replicas do not wait for
/// it: it holds no turn.
pub(super) struct ResumeWindows {
    pub(super) after: Uuid,
    pub(super) since: Timestamp,
    pub(super) now: Timestamp,
}

impl Operation for ResumeWindows {
    type Output = Option<Uuid>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Option<Uuid>, Error> {
        let devices: Vec<Uuid> = summons::Entity::find()
            .select_only()
            .column(summons::Column::DeviceId)
            .filter(summons::Column::DeviceId.gt(self.after))
            .order_by_asc(summons::Column::DeviceId)
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        let last = devices.last().copied();
        let devices = lock_free_devices(scope, devices).await?;
        let ids: Vec<_> = devices.iter().map(|device| device.id).collect();
        let rows = summons::Entity::find().filter(summons::Column::DeviceId.is_in(ids.clone()));
        let rows: HashMap<_, _> =
            rows.all(scope.tx).await?.into_iter().map(|row| (row.device_id, row)).collect();
        let channels = channel::Entity::find().filter(channel::Column::DeviceId.is_in(ids));
        let channels: HashMap<_, _> =
            channels.all(scope.tx).await?.into_iter().map(|row| (row.device_id, row)).collect();
        for device in &devices {
            let Some(rows) = rows.get(&device.id).zip(channels.get(&device.id)) else { continue };
            match self.extend(scope, device, rows).await {
                // One record that cannot be read must not keep a replica from starting.
                Err(Error::Corrupt(what)) => {
                    tracing::error!(device = %device.id, what, "an answer window cannot be moved");
                }
                extended => extended?,
            }
        }
        Ok(last)
    }
}

impl ResumeWindows {
    async fn extend(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        (row, channel): (&summons::Model, &channel::Model),
    ) -> Result<(), Error> {
        let (channel, mut summons) = (channel_of(channel, scope.tools)?.channel, summons_of(row)?);
        let before = summons.clone();
        summons.extend_window(self.now - self.since, self.since);
        summons.set_mode(mode_of(device, scope.tools)?);
        // The rules may be others than when the process went: what is due is worked out anew.
        let due = summons.next_at(&channel, self.now, &scope.tools.rules).as_micros();
        if summons != before || due != row.next_at {
            save_summons(scope, &summons, &channel, self.now).await?;
        }
        Ok(())
    }
}

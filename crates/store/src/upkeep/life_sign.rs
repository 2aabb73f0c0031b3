//! The gateway's life sign, and what its absence does to answer windows.

use std::{collections::HashMap, time::Duration};

use model::{DeviceId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use super::ROUND;
use crate::{
    Error,
    commit::{Operation, Scope},
    entity::{channel, heartbeat, summons},
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

pub(super) struct ResumeWindows {
    pub(super) now: Timestamp,
}

impl Operation for ResumeWindows {
    type Output = Duration;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Duration, Error> {
        let last = heartbeat::Entity::find_by_id(GATEWAY).lock_exclusive().one(scope.tx).await?;
        let Some(last) = last.map(|row| Timestamp::from_micros(row.at)) else { return Ok(Duration::ZERO) };
        let away = self.now - last;
        // This is a life sign as well: whoever comes back at the same time finds that nobody was away.
        Beat { name: GATEWAY, now: self.now }.run(scope).await?;
        let mut after = Uuid::nil();
        while let Some(last_device) = self.extend(scope, after, (away, last)).await? {
            after = last_device;
        }
        Ok(away)
    }
}

impl ResumeWindows {
    /// Moves the windows of the next devices. Returns the last of them.
    async fn extend(
        &self,
        scope: &Scope<'_>,
        after: Uuid,
        (away, since): (Duration, Timestamp),
    ) -> Result<Option<Uuid>, Error> {
        let devices: Vec<Uuid> = summons::Entity::find()
            .select_only()
            .column(summons::Column::DeviceId)
            .filter(summons::Column::DeviceId.gt(after))
            .order_by_asc(summons::Column::DeviceId)
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        let last = devices.last().copied();
        let locked = lock_free_devices(scope, devices).await?;
        let devices: Vec<_> = locked.iter().map(|device| device.id).collect();
        let modes: HashMap<_, _> = locked
            .iter()
            .map(|device| Ok((device.id, mode_of(device, scope.tools)?)))
            .collect::<Result<_, Error>>()?;
        let rows = summons::Entity::find().filter(summons::Column::DeviceId.is_in(devices.clone()));
        let rows = rows.all(scope.tx).await?;
        let channels = channel::Entity::find().filter(channel::Column::DeviceId.is_in(devices));
        let channels: HashMap<_, _> =
            channels.all(scope.tx).await?.into_iter().map(|row| (row.device_id, row)).collect();
        for row in rows {
            let Some(channel) = channels.get(&row.device_id) else { continue };
            let (channel, mut summons) = (channel_of(channel, scope.tools)?.channel, summons_of(&row)?);
            let before = summons.clone();
            summons.extend_window(away, since);
            summons.set_mode(modes.get(&row.device_id).copied().unwrap_or_default());
            // The rules may be others than when the process went: what is due is worked out anew.
            let due = summons.next_at(&channel, self.now, &scope.tools.rules).as_micros();
            if summons != before || due != row.next_at {
                save_summons(scope, &summons, &channel, self.now).await?;
            }
        }
        Ok(last)
    }
}

//! Leases that ran out: whoever claimed a push never told what became of it.

use model::{DeviceId, DeviceName, PushId, Timestamp, TraceContext};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, LockBehavior, LockType},
};
use uuid::Uuid;

use super::ROUND;
use crate::{
    Error, PushRecord,
    commit::{Operation, Scope},
    dispatch::{ASIDE, push_record},
    entity::{device, push, summons, wake},
    record::{corrupt, load_channel, lock_free_devices, save_summons, summons_of},
};

/// A push whose end nobody reported: its lease ran out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostPush {
    /// The push, as it ended.
    pub push: PushRecord,
    /// The device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: DeviceName,
    /// The contexts of the wakes that were live while it was under way, oldest first.
    pub wakes: Vec<TraceContext>,
}

/// The devices of pushes in flight whose lease ran out.
pub(crate) fn lost_leases(db_now: Timestamp) -> Select<summons::Entity> {
    summons::Entity::find()
        .select_only()
        .column(summons::Column::DeviceId)
        .filter(summons::Column::PushId.is_not_null())
        .filter(summons::Column::LeaseUntil.lte(db_now.as_micros()))
        .limit(ROUND)
}

/// The pushes that outlived their summons, and whose lease ran out; locked, but for those that somebody else holds.
pub(crate) fn left_alone(db_now: Timestamp) -> Select<push::Entity> {
    push::Entity::find()
        .select_only()
        .column(push::Column::Id)
        .filter(push::Column::FinishedAt.is_null())
        .filter(push::Column::LeaseUntil.lte(db_now.as_micros()))
        .limit(ROUND)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
}

/// The summons of a device ends. A push that is under way then keeps the lease.
pub(crate) async fn end_summons(scope: &Scope<'_>, device: DeviceId) -> Result<(), Error> {
    let ended = summons::Entity::delete_many()
        .filter(summons::Column::DeviceId.eq(device.uuid()))
        .exec_with_returning(scope.tx)
        .await?;
    for (id, until) in ended.into_iter().filter_map(|row| row.push_id.zip(row.lease_until)) {
        push::Entity::update_many()
            .col_expr(push::Column::LeaseUntil, Expr::val(until))
            .filter(push::Column::Id.eq(id))
            .exec(scope.tx)
            .await?;
    }
    Ok(())
}

pub(super) struct ExpireLeases {
    pub(super) now: Timestamp,
}

impl Operation for ExpireLeases {
    type Output = Vec<LostPush>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    /// Pushes that outlived their summons.
    fn is_last(&self) -> bool {
        true
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<LostPush>, Error> {
        let db_now = scope.db_now().await?;
        let devices: Vec<Uuid> = lost_leases(db_now).into_tuple().all(scope.tx).await?;
        let mut lost = Vec::new();
        for device in lock_free_devices(scope, devices).await? {
            let id = device.id;
            match self.free(scope, device, db_now.as_micros()).await {
                Ok(push) => lost.extend(push),
                // One record that cannot be read must not hold up all the others.
                Err(Error::Corrupt(what)) => {
                    tracing::error!(device = %id, what, "a device cannot be pushed to");
                    self.release(scope, id).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let alone: Vec<Uuid> = left_alone(db_now).into_tuple().all(scope.tx).await?;
        for row in self.close(scope, alone).await? {
            let id = row.id;
            match told(scope, row).await {
                Err(Error::Corrupt(what)) => {
                    tracing::error!(push = %id, what, "a push was lost, and nobody can read whose it was");
                }
                push => lost.extend(push?),
            }
        }
        Ok(lost)
    }

    fn is_news(lost: &Vec<LostPush>) -> bool {
        !lost.is_empty()
    }
}

impl ExpireLeases {
    async fn free(
        &self,
        scope: &Scope<'_>,
        device: device::Model,
        db_now: i64,
    ) -> Result<Option<LostPush>, Error> {
        let row =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device.id)).one(scope.tx).await?;
        // The verdict may have come while the device was not locked yet.
        let row = row.filter(|row| row.lease_until.is_some_and(|until| until <= db_now));
        let Some((row, id)) = row.and_then(|row| row.push_id.map(|id| (row, id))) else { return Ok(None) };
        // Whatever cannot be read is found before anything is written.
        let device_name: DeviceName = device.name.try_into().map_err(corrupt)?;
        let mut summons = summons_of(&row)?;
        summons.lease_expired(PushId::new(id));
        let device_id = DeviceId::new(device.id);
        let stored = load_channel(scope, device_id).await?;
        save_summons(scope, &summons, &stored.channel, self.now).await?;
        let Some(closed) = self.close(scope, vec![id]).await?.pop() else { return Ok(None) };
        let wakes = served(&wakes_of(scope, &closed).await?, &closed);
        Ok(Some(LostPush { push: push_record(closed), device: device_id, device_name, wakes }))
    }

    /// Frees a summons that cannot be read, or whose channel cannot. Whoever claims it sees whether it still is so.
    async fn release(&self, scope: &Scope<'_>, device: Uuid) -> Result<(), Error> {
        let row = summons::Entity::find().filter(summons::Column::DeviceId.eq(device)).one(scope.tx).await?;
        let Some((row, id)) = row.and_then(|row| row.push_id.map(|id| (row, id))) else { return Ok(()) };
        let mut freed = summons::ActiveModel {
            push_id: Set(None),
            next_at: Set((self.now + ASIDE).as_micros()),
            ..Default::default()
        };
        if let Ok(mut summons) = summons_of(&row) {
            summons.lease_expired(PushId::new(id));
            freed.rules = Set(serde_json::to_string(&summons)?);
        }
        let update = summons::Entity::update_many().set(freed);
        update.filter(summons::Column::Id.eq(row.id)).exec(scope.tx).await?;
        self.close(scope, vec![id]).await?;
        Ok(())
    }

    /// Writes that nobody knows what became of these. Returns those of which nobody did.
    async fn close(&self, scope: &Scope<'_>, ids: Vec<Uuid>) -> Result<Vec<push::Model>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let closed = push::Entity::update_many()
            .col_expr(push::Column::FinishedAt, Expr::val(self.now.as_micros()))
            .col_expr(push::Column::Verdict, Expr::val("lease_expired"))
            .filter(push::Column::Id.is_in(ids))
            .filter(push::Column::FinishedAt.is_null())
            .exec_with_returning(scope.tx)
            .await?;
        Ok(closed)
    }
}

/// A push that outlived its summons, and perhaps its device: the wakes that it was made for know the name.
async fn told(scope: &Scope<'_>, row: push::Model) -> Result<Option<LostPush>, Error> {
    let rows = wakes_of(scope, &row).await?;
    let Some(wake) = rows.first() else { return Ok(None) };
    let device_name = wake.device_name.as_str().parse().map_err(corrupt)?;
    let (device, wakes) = (DeviceId::new(row.device_id), served(&rows, &row));
    Ok(Some(LostPush { push: push_record(row), device, device_name, wakes }))
}

/// The wakes of the summons that a push was made for, oldest first.
async fn wakes_of(scope: &Scope<'_>, push: &push::Model) -> Result<Vec<wake::Model>, Error> {
    let wakes = wake::Entity::find()
        .filter(wake::Column::DeviceId.eq(push.device_id))
        .filter(wake::Column::SummonsId.eq(push.summons_id))
        .order_by_asc(wake::Column::Id);
    Ok(wakes.all(scope.tx).await?)
}

/// The contexts of those that had not ended when the push was claimed.
fn served(wakes: &[wake::Model], push: &push::Model) -> Vec<TraceContext> {
    let live = wakes.iter().filter(|wake| wake.ended_at.is_none_or(|at| at >= push.claimed_at));
    live.filter_map(|wake| wake.trace.parse().ok()).collect()
}

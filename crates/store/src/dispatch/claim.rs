//! Claiming: the intent is durable before anything is sent.

use std::time::Duration;

use ::push::{ChannelUri, Claim, Summons};
use model::{DeviceId, PushId, SummonsId, Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use super::{ClaimRequest, ClaimedPush};
use crate::{
    Error, StoredChannel, WakeRecord,
    commit::{Operation, Scope},
    entity::{device, push, summons},
    record::{
        corrupt, load_channel, lock_free_devices, lock_if_known, mode_of, priority_column, save_channel,
        save_summons, summons_columns, summons_of, summons_of_device, update_summons,
    },
    wake::live_wakes,
};

impl Operation for ClaimRequest {
    type Output = Vec<ClaimedPush>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<ClaimedPush>, Error> {
        let lease_until = scope.db_now().await? + self.lease;
        let mut claimed = Vec::new();
        let due = self.lock_due(scope).await?;
        for (device, id) in due.into_iter().zip(&self.ids) {
            let key = device.id;
            match self.claim(scope, device, *id, lease_until).await {
                Ok(push) => claimed.extend(push),
                // One record that cannot be read must not hold up all the others.
                Err(Error::Corrupt(what)) => {
                    tracing::error!(device = %key, what, "a device cannot be pushed to");
                    self.set_aside(scope, key).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    fn is_news(claimed: &Vec<ClaimedPush>) -> bool {
        !claimed.is_empty()
    }
}

/// Stands where a verdict would, if nothing was sent.
const OBSERVED: &str = "observed";
/// How long a summons is set aside that cannot be pushed for now.
const ASIDE: Duration = Duration::from_mins(1);

impl ClaimRequest {
    /// Locks the devices whose summonses are due, skipping those that somebody else holds.
    async fn lock_due(&self, scope: &Scope<'_>) -> Result<Vec<device::Model>, Error> {
        let due = summons::Entity::find()
            .select_only()
            .column(summons::Column::DeviceId)
            .filter(summons::Column::PushApp.eq(self.app.as_str()))
            .filter(summons::Column::Priority.eq(priority_column(self.priority)))
            .filter(summons::Column::PushId.is_null())
            .filter(summons::Column::NextAt.lte(self.now.as_micros()))
            .order_by_asc(summons::Column::NextAt)
            .limit(self.ids.len() as u64);
        let due: Vec<Uuid> = due.into_tuple().all(scope.tx).await?;
        lock_free_devices(scope, due).await
    }

    async fn set_aside(&self, scope: &Scope<'_>, device: Uuid) -> Result<(), Error> {
        summons::Entity::update_many()
            .col_expr(summons::Column::NextAt, Expr::val((self.now + ASIDE).as_micros()))
            .filter(summons::Column::DeviceId.eq(device))
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    async fn claim(
        &self,
        scope: &Scope<'_>,
        device: device::Model,
        id: PushId,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedPush>, Error> {
        let device_id = DeviceId::new(device.id);
        let row =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device.id)).one(scope.tx).await?;
        let Some(row) = row.filter(|row| row.push_id.is_none()) else { return Ok(None) };
        let mut summons = summons_of(&row)?;
        // Its labels may be others than when it was called.
        summons.set_mode(mode_of(&device, scope.tools)?);
        let mut stored = load_channel(scope, device_id).await?;
        let Some((claim, uri)) = self.decide(scope, device_id, &mut summons, &mut stored, id).await? else {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
            return Ok(None);
        };
        let columns = summons_columns(&summons, &stored.channel, self.now, scope.tools)?;
        let lease = (!claim.observed).then(|| lease_until.as_micros());
        let leased = summons::ActiveModel { lease_until: Set(lease), ..columns };
        update_summons(scope, &summons, leased).await?;
        let wakes = live_wakes(scope, device_id).await?;
        self.write_intent(scope, (id, summons.id(), device_id), &claim, wakes.first()).await?;
        Ok(Some(ClaimedPush {
            id,
            device: device_id,
            device_name: device.name.try_into().map_err(corrupt)?,
            uri,
            generation: claim.generation,
            attempt: claim.attempt,
            ttl: claim.ttl,
            fresh_connection: claim.fresh_connection,
            observed: claim.observed,
            wakes,
        }))
    }

    /// Lets the rules decide whether a push goes now, and saves the channel if they changed it.
    async fn decide(
        &self,
        scope: &Scope<'_>,
        device: DeviceId,
        summons: &mut Summons,
        stored: &mut StoredChannel,
        id: PushId,
    ) -> Result<Option<(Claim, ChannelUri)>, Error> {
        let rules = &scope.tools.rules;
        let expired = stored.channel.expire(self.now, rules);
        let ours = stored.channel.pfn() == Some(&self.pfn);
        let claim = if ours { summons.claim(id, &mut stored.channel, self.now, rules) } else { None };
        if !ours {
            // The device is about to be set up for this app: its next session decides.
            summons.hold(self.now + ASIDE);
        }
        if claim.is_some() || expired {
            save_channel(scope, device, stored).await?;
        }
        Ok(claim.zip(stored.channel.uri().cloned()))
    }

    async fn write_intent(
        &self,
        scope: &Scope<'_>,
        (id, summons, device): (PushId, SummonsId, DeviceId),
        claim: &Claim,
        oldest: Option<&WakeRecord>,
    ) -> Result<(), Error> {
        let row = push::ActiveModel {
            id: Set(id.uuid()),
            summons_id: Set(summons.uuid()),
            device_id: Set(device.uuid()),
            push_app: Set(self.app.to_string()),
            generation: Set(i32::try_from(claim.generation).unwrap_or(i32::MAX)),
            attempt: Set(claim.attempt.into()),
            ttl_seconds: Set(i32::try_from(claim.ttl.as_secs()).unwrap_or(i32::MAX)),
            claimed_at: Set(self.now.as_micros()),
            trace: Set(oldest.map(|wake| wake.trace.to_string()).unwrap_or_default()),
            finished_at: Set(claim.observed.then(|| self.now.as_micros())),
            verdict: Set(claim.observed.then(|| OBSERVED.to_owned())),
            ..Default::default()
        };
        push::Entity::insert(row).exec_without_returning(scope.tx).await?;
        Ok(())
    }
}

/// A push that was claimed and never attempted.
pub(super) struct HandBack {
    pub(super) id: PushId,
    pub(super) device: DeviceId,
    pub(super) now: Timestamp,
}

impl Operation for HandBack {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        // The device may have been deleted meanwhile.
        let known = lock_if_known(scope, self.device).await?;
        push::Entity::delete_by_id(self.id.uuid()).exec(scope.tx).await?;
        let summons = if known.is_some() { summons_of_device(scope, self.device).await? } else { None };
        let Some(mut summons) = summons.filter(|summons| summons.in_flight() == Some(self.id)) else {
            return Ok(());
        };
        summons.hand_back(self.id, self.now);
        let stored = load_channel(scope, self.device).await?;
        save_summons(scope, &summons, &stored.channel, self.now).await
    }
}

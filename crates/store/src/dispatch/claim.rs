//! Claiming: the intent is durable before anything is sent.

use std::time::Duration;

use ::push::{ChannelUri, Claim, Summons};
use model::{DeviceId, PushAppName, PushId, SummonsId, Timestamp, TraceContext};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use uuid::Uuid;

use super::{ClaimRequest, ClaimedPush, due, probe, span_of};
use crate::{
    Error, StoredChannel,
    commit::{Operation, Scope, Shared},
    entity::{device, push, summons},
    record::{
        corrupt, load_channel, lock_if_known, mode_of, save_channel, save_summons, summons_columns,
        summons_of, summons_of_device, update_summons,
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
        let (mut claimed, mut vain) = (Vec::new(), 0);
        // Those for which there is nothing to push take no place of those for which there is.
        while let room @ 1.. = self.ids.len() - claimed.len()
            && vain < VAIN
        {
            let due = due(&self.app, self.priority, self.now, room as u64).all(scope.tx).await?;
            let was_all = due.len() < room;
            for device in due {
                match self.claim_or_set_aside(scope, device, self.ids[claimed.len()], lease_until).await? {
                    Some(push) => claimed.push(push),
                    None => vain += 1,
                }
            }
            if was_all {
                break;
            }
        }
        Ok(claimed)
    }

    fn is_news(claimed: &Vec<ClaimedPush>) -> bool {
        !claimed.is_empty()
    }
}

/// Stands where a verdict would, if nothing was sent.
pub(super) const OBSERVED: &str = "observed";
/// How long a summons is set aside that cannot be pushed for now.
pub(crate) const ASIDE: Duration = Duration::from_mins(1);
/// Summonses that one claim looks at in vain, so that no transaction grows long.
const VAIN: usize = 500;

impl ClaimRequest {
    async fn claim_or_set_aside(
        &self,
        scope: &Scope<'_>,
        device: device::Model,
        id: PushId,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedPush>, Error> {
        let key = device.id;
        match self.claim(scope, device, id, lease_until).await {
            // One record that cannot be read must not hold up all the others.
            Err(Error::Corrupt(what)) => {
                tracing::error!(device = %key, what, "a device cannot be pushed to");
                self.set_aside(scope, key).await?;
                Ok(None)
            }
            claimed => claimed,
        }
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
        // Whatever cannot be read is found before anything is written: what is set aside was not claimed.
        let device_id = DeviceId::new(device.id);
        let device_name = device.name.as_str().parse().map_err(corrupt)?;
        let row =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device.id)).one(scope.tx).await?;
        let Some(row) = row.filter(|row| row.push_id.is_none()) else { return Ok(None) };
        let mut summons = summons_of(&row)?;
        if summons.last_deadline() <= self.now {
            // Upkeep ends its wakes; it need not be found here until then.
            self.set_aside(scope, device.id).await?;
            return Ok(None);
        }
        // Its labels may be others than when it was called.
        summons.set_mode(mode_of(&device, scope.tools)?);
        let wakes = live_wakes(scope, device_id).await?;
        let parent = wakes.first().map(|oldest| oldest.trace);
        let parent = parent.ok_or_else(|| Error::Corrupt(format!("summons {} has no wake", summons.id())))?;
        let mut stored = load_channel(scope, device_id).await?;
        let Some((claim, uri)) = self.decide(scope, device_id, &mut summons, &mut stored, id).await? else {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
            return Ok(None);
        };
        let columns = summons_columns(&summons, &stored.channel, self.now, scope.tools)?;
        let lease = (!claim.observed).then(|| lease_until.as_micros());
        let leased = summons::ActiveModel { lease_until: Set(lease), ..columns };
        update_summons(scope, &summons, leased).await?;
        self.write_intent(scope, (id, summons.id(), device_id), &claim, parent).await?;
        Ok(Some(ClaimedPush {
            id,
            device: device_id,
            device_name,
            uri,
            generation: claim.generation,
            attempt: claim.attempt,
            ttl: claim.ttl,
            fresh_connection: claim.fresh_connection,
            observed: claim.observed,
            wakes,
            trace: span_of(id, parent),
            parent,
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
        parent: TraceContext,
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
            trace: Set(parent.to_string()),
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
    pub(super) app: PushAppName,
    pub(super) device: DeviceId,
    pub(super) claimed_at: Timestamp,
    pub(super) now: Timestamp,
}

impl Operation for HandBack {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::App(self.app.as_str()))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        // The device may have been deleted meanwhile.
        let known = lock_if_known(scope, self.device).await?.is_some();
        probe::give_up(scope, &self.app, self.id).await?;
        let deleted = push::Entity::delete_by_id(self.id.uuid()).exec(scope.tx).await?;
        if !known || deleted.rows_affected == 0 {
            return Ok(());
        }
        let mut stored = load_channel(scope, self.device).await?;
        stored.channel.hand_back(self.id, self.claimed_at, &scope.tools.rules);
        save_channel(scope, self.device, &stored).await?;
        // It may have ended while the push was claimed, and another begun: that one is due by what the channel is now.
        let Some(mut summons) = summons_of_device(scope, self.device).await? else { return Ok(()) };
        summons.hand_back(self.id, self.now);
        save_summons(scope, &summons, &stored.channel, self.now).await
    }
}

//! What time alone does: deadlines, lost leases, silent sessions, old channels, old records.

use std::{collections::BTreeSet, time::Duration};

use ::push::{EndReason, Outcome};
use futures_util::future::join_all;
use model::{DeviceId, Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{
    Error, SessionRecord, Store, WakeRecord,
    commit::{Operation, Scope},
    entity::{channel, device, session, wake},
    record::{
        StoredChannel, condition_of, load_channel, lock_free_devices, lock_if_known, pushing_app,
        save_channel, save_summons, summons_of_device,
    },
    session::{Unheard, end_unheard},
    wake::{end_until, is_live, narrow},
};

mod lease;
mod life_sign;
mod prune;

pub use lease::LostPush;

use lease::ExpireLeases;
pub(crate) use lease::{end_summons, left_alone, lost_leases};
pub(crate) use life_sign::take_turn;
use life_sign::{Beat, GATEWAY, PROBE, ResumeWindows, Return};
pub(crate) use prune::Forgettable;
use prune::Prune;

/// Rows that one round of upkeep handles at most.
const ROUND: u64 = 500;

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// An open session's silence until it is over.
    pub session_silence: Duration,
    /// The last reply of an ended session.
    pub last_reply: Duration,
    /// Ended wakes, their pushes and events, and sessions in which something happened.
    pub history: Duration,
    /// Sessions of a device in which nothing happened.
    pub uneventful_sessions: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            session_silence: Duration::from_mins(15),
            last_reply: Duration::from_hours(1),
            history: Duration::from_hours(30 * 24),
            uneventful_sessions: 5,
        }
    }
}

impl Store {
    /// Ends wakes whose deadline has passed. Returns them; as long as there are any, there may be more.
    pub async fn end_due_wakes(&self, now: Timestamp) -> Result<Vec<WakeRecord>, Error> {
        let due: Vec<Uuid> = passed_deadlines(now).into_tuple().all(self.readers()).await?;
        let devices: BTreeSet<_> = due.into_iter().map(DeviceId::new).collect();
        // All at once, so that they share a few transactions.
        let ends = devices.into_iter().map(|device| self.submit(EndDue { device, now }));
        let (mut ended, mut failed) = (Vec::new(), None);
        for result in join_all(ends).await {
            match result {
                Ok(wakes) => ended.extend(wakes),
                Err(error) => failed = Some(error),
            }
        }
        // What has ended must be told; what failed is found again in the next round.
        failed.filter(|_| ended.is_empty()).map_or(Ok(ended), Err)
    }

    /// Ends pushes that were claimed by a process that never reported, and frees their summonses: the pushes may have been
    /// sent. Returns them.
    pub async fn expire_leases(&self, now: Timestamp) -> Result<Vec<LostPush>, Error> {
        let lost = self.submit(ExpireLeases { now }).await?;
        let probes = self.give_up_lost_probes().await;
        if lost.is_empty() {
            // What was lost must be told; a probe that still stands is found again in the next round.
            probes?;
        }
        Ok(lost)
    }

    /// Ends sessions that were not heard from for too long. Returns them.
    pub async fn end_silent_sessions(&self, now: Timestamp) -> Result<Vec<SessionRecord>, Error> {
        let silent = Silent { since: now - self.tools().retention.session_silence, now };
        if silent_sessions(silent.since).one(self.readers()).await?.is_none() {
            return Ok(Vec::new());
        }
        self.submit(silent).await
    }

    /// Marks channels that have outlived themselves.
    pub async fn expire_channels(&self, now: Timestamp) -> Result<usize, Error> {
        let rows: Vec<Uuid> = outlived_channels(now).into_tuple().all(self.readers()).await?;
        let count = rows.len();
        let devices = rows.into_iter().map(DeviceId::new);
        for result in join_all(devices.map(|device| self.submit(ExpireChannel { device, now }))).await {
            result?;
        }
        Ok(count)
    }

    /// Forgets what is no longer needed. Says whether there may be more.
    pub async fn prune(&self, now: Timestamp) -> Result<bool, Error> {
        let pruned = self.submit(Prune { now, retention: self.tools().retention }).await?;
        Ok(pruned >= ROUND)
    }

    /// The gateway is alive: remembered, so that a restart knows how long it was away.
    pub async fn beat(&self, now: Timestamp) -> Result<(), Error> {
        self.submit(Beat { name: GATEWAY, now }).await
    }

    /// A process starts that serves the gateway: answer windows that were open when it went do not run while it was away.
    /// Returns how long that was. Of several processes that come back together, one moves the windows. Besides, what
    /// [`Self::rework_summonses`] does is done.
    pub async fn resume_windows(&self, now: Timestamp) -> Result<Duration, Error> {
        let since = self.submit(Return { now }).await?.unwrap_or(now);
        self.rework(since, now).await?;
        Ok(now - since)
    }

    /// A process starts that does not serve the gateway. The rules may be others than when the last one went: what is due is
    /// worked out anew.
    pub async fn rework_summonses(&self, now: Timestamp) -> Result<(), Error> {
        self.rework(now, now).await
    }

    async fn rework(&self, since: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut after = Some(Uuid::nil());
        while let Some(last) = after {
            after = self.submit(ResumeWindows { after: last, since, now }).await?;
        }
        Ok(())
    }

    /// How many writes of a PFN were made since: for the fleet's budget.
    pub async fn pfn_writes_since(&self, since: Timestamp) -> Result<u64, Error> {
        use sea_orm::PaginatorTrait;
        let written = channel::Entity::find().filter(channel::Column::WrittenAt.gt(since.as_micros()));
        Ok(written.count(self.readers()).await?)
    }

    /// Writes something, to see whether that works. Not the gateway's life sign: a probe says nothing about the gateway.
    pub(crate) async fn write_probe(&self, now: Timestamp) -> Result<(), Error> {
        self.submit(Beat { name: PROBE, now }).await
    }
}

/// The devices of live wakes whose deadline has passed.
pub(crate) fn passed_deadlines(now: Timestamp) -> Select<wake::Entity> {
    wake::Entity::find()
        .select_only()
        .column(wake::Column::DeviceId)
        .filter(is_live())
        .filter(wake::Column::Deadline.lte(now.as_micros()))
        .order_by_asc(wake::Column::Deadline)
        .limit(ROUND)
}

/// Open sessions that were last heard at `since` or before.
pub(crate) fn silent_sessions(since: Timestamp) -> Select<session::Entity> {
    session::Entity::find()
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::HeardAt.lte(since.as_micros()))
        .limit(ROUND)
}

/// The devices of live channels that have outlived themselves.
pub(crate) fn outlived_channels(now: Timestamp) -> Select<channel::Entity> {
    channel::Entity::find()
        .select_only()
        .column(channel::Column::DeviceId)
        .filter(Expr::col((channel::Entity, channel::Column::State)).eq(Expr::cust("'live'")))
        .filter(channel::Column::ExpiresAt.lte(now.as_micros()))
        .limit(ROUND)
}

struct EndDue {
    device: DeviceId,
    now: Timestamp,
}

impl Operation for EndDue {
    type Output = Vec<WakeRecord>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<WakeRecord>, Error> {
        // A device that was deleted meanwhile has taken its wakes with it.
        let Some(device) = lock_if_known(scope, self.device).await? else { return Ok(Vec::new()) };
        let reason = match self.why(scope, &device).await {
            // What cannot be read was not pushed for, and must not keep its wakes alive.
            Err(Error::Corrupt(what)) => {
                tracing::error!(device = %device.id, what, "a wake ends, and nobody can read why");
                EndReason::NotPushed
            }
            reason => reason?,
        };
        let ended = end_until(scope, self.device, self.now, Outcome::Unanswered(reason), self.now).await?;
        match narrow(scope, self.device, self.now).await {
            // The summons stays as it is, and ends with the last of its wakes.
            Ok(()) | Err(Error::Corrupt(_)) => Ok(ended),
            Err(error) => Err(error),
        }
    }
}

impl EndDue {
    async fn why(&self, scope: &Scope<'_>, device: &device::Model) -> Result<EndReason, Error> {
        let stored = load_channel(scope, self.device).await?;
        let summons = summons_of_device(scope, self.device).await?;
        let app = pushing_app(scope, device, &stored.channel).await?;
        let condition = condition_of(scope, &app).await?;
        let app = scope.tools.apps.reason(&app, &condition, self.now);
        let why = summons.map(|summons| summons.why(&stored.channel, app, self.now, &scope.tools.rules));
        Ok(why.unwrap_or(EndReason::NotPushed))
    }
}

/// Ends sessions that are silent since a while.
struct Silent {
    since: Timestamp,
    now: Timestamp,
}

impl Operation for Silent {
    type Output = Vec<SessionRecord>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<SessionRecord>, Error> {
        let devices = silent_sessions(self.since).select_only().column(session::Column::DeviceId);
        let devices = lock_free_devices(scope, devices.into_tuple().all(scope.tx).await?).await?;
        let devices: Vec<_> = devices.into_iter().map(|device| device.id).collect();
        // Read again: a message may have come while the devices were not locked yet.
        let still = session::Column::DeviceId.is_in(devices);
        let silent = silent_sessions(self.since).filter(still).all(scope.tx).await?;
        end_unheard(scope, silent, Unheard::Silent, self.now).await
    }
}

struct ExpireChannel {
    device: DeviceId,
    now: Timestamp,
}

impl Operation for ExpireChannel {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        if lock_if_known(scope, self.device).await?.is_none() {
            return Ok(());
        }
        match load_channel(scope, self.device).await {
            Ok(stored) => self.expire(scope, stored).await,
            // It must not be found again in each round; a claim sees what it is.
            Err(Error::Corrupt(what)) => {
                tracing::error!(device = %self.device, what, "a channel does not expire");
                self.pass_over(scope).await
            }
            Err(error) => Err(error),
        }
    }
}

impl ExpireChannel {
    async fn expire(&self, scope: &Scope<'_>, mut stored: StoredChannel) -> Result<(), Error> {
        let summons = match summons_of_device(scope, self.device).await {
            // It stays as it is, and a claim sees what it is. The channel expires all the same.
            Err(Error::Corrupt(_)) => None,
            summons => summons?,
        };
        if !stored.channel.expire(self.now, &scope.tools.rules) {
            return Ok(());
        }
        save_channel(scope, self.device, &stored).await?;
        if let Some(summons) = summons {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
        }
        Ok(())
    }

    async fn pass_over(&self, scope: &Scope<'_>) -> Result<(), Error> {
        channel::Entity::update_many()
            .col_expr(channel::Column::ExpiresAt, Expr::val(Option::<i64>::None))
            .filter(channel::Column::DeviceId.eq(self.device.uuid()))
            .exec(scope.tx)
            .await?;
        Ok(())
    }
}

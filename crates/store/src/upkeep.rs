//! What time alone does: deadlines, lost leases, silent sessions, old channels, old records.

use std::time::Duration;

use ::push::Outcome;
use model::{DeviceId, PushId, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::{
    Error, SessionRecord, Store, WakeRecord,
    commit::{Operation, Scope},
    entity::{channel, heartbeat, idempotency_key, push, session, summons, wake, wake_event},
    record::{
        condition_of, load_channel, lock_device, save_channel, save_summons, summons_of, summons_of_device,
    },
    session::session_record,
    wake::{LIVE, finish, live_wakes, narrow},
};

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
        let due: Vec<Uuid> = wake::Entity::find()
            .select_only()
            .column(wake::Column::DeviceId)
            .filter(wake::Column::State.eq(LIVE))
            .filter(wake::Column::Deadline.lte(now.as_micros()))
            .order_by_asc(wake::Column::Deadline)
            .limit(ROUND)
            .into_tuple()
            .all(self.readers())
            .await?;
        let mut ended = Vec::new();
        let mut devices: Vec<_> = due.into_iter().map(DeviceId::new).collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            ended.extend(self.submit(EndDue { device, now }).await?);
        }
        Ok(ended)
    }

    /// Frees summonses whose push was claimed by a process that never reported: the push may have been sent.
    pub async fn expire_leases(&self, now: Timestamp) -> Result<usize, Error> {
        self.submit(ExpireLeases { now }).await
    }

    /// Ends sessions that were not heard from for too long. Returns them.
    pub async fn end_silent_sessions(&self, now: Timestamp) -> Result<Vec<SessionRecord>, Error> {
        let silent_since = now - self.tools().retention.session_silence;
        let any = session::Entity::find()
            .filter(session::Column::EndedAt.is_null())
            .filter(session::Column::HeardAt.lte(silent_since.as_micros()))
            .one(self.readers())
            .await?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        self.submit(EndSilent { silent_since, now }).await
    }

    /// Marks channels that have outlived themselves.
    pub async fn expire_channels(&self, now: Timestamp) -> Result<usize, Error> {
        let rows: Vec<Uuid> = channel::Entity::find()
            .select_only()
            .column(channel::Column::DeviceId)
            .filter(channel::Column::State.eq("live"))
            .filter(channel::Column::ExpiresAt.lte(now.as_micros()))
            .limit(ROUND)
            .into_tuple()
            .all(self.readers())
            .await?;
        let count = rows.len();
        for device in rows {
            match self.submit(ExpireChannel { device: DeviceId::new(device), now }).await {
                Ok(()) | Err(Error::NotFound | Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
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
        self.submit(Beat { now }).await
    }

    /// The gateway is back: answer windows that were open when it went do not run while it was away.
    /// Returns how long that was.
    pub async fn resume_windows(&self, now: Timestamp) -> Result<Duration, Error> {
        let last = heartbeat::Entity::find_by_id(GATEWAY).one(self.readers()).await?;
        let Some(last) = last.map(|row| Timestamp::from_micros(row.at)) else { return Ok(Duration::ZERO) };
        self.submit(ResumeWindows { away: now - last, since: last, now }).await?;
        Ok(now - last)
    }

    /// How many writes of a PFN were made since: for the fleet's budget.
    pub async fn pfn_writes_since(&self, since: Timestamp) -> Result<u64, Error> {
        use sea_orm::PaginatorTrait;
        let written = channel::Entity::find().filter(channel::Column::WrittenAt.gt(since.as_micros()));
        Ok(written.count(self.readers()).await?)
    }
}

const GATEWAY: &str = "gateway";

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
        let device = lock_device(scope, self.device).await?;
        let stored = load_channel(scope, self.device).await?;
        let summons = summons_of_device(scope, self.device).await?;
        let app = condition_of(scope, &device.push_app).await?.reason(self.now);
        let reason = match &summons {
            Some(summons) => summons.why(&stored.channel, app, self.now, &scope.tools.rules),
            None => ::push::EndReason::NoSession,
        };
        let mut ended = Vec::new();
        for mut record in live_wakes(scope, self.device).await? {
            if record.wake.deadline() <= self.now {
                finish(scope, &mut record, Outcome::Unanswered(reason), self.now).await?;
                ended.push(record);
            }
        }
        narrow(scope, self.device, self.now).await?;
        Ok(ended)
    }
}

struct ExpireLeases {
    now: Timestamp,
}

impl Operation for ExpireLeases {
    type Output = usize;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<usize, Error> {
        let db_now = scope.db_now().await?;
        let lost = summons::Entity::find()
            .filter(summons::Column::PushId.is_not_null())
            .filter(summons::Column::LeaseUntil.lte(db_now.as_micros()))
            .limit(ROUND)
            .all(scope.tx)
            .await?;
        for row in &lost {
            let Some(id) = row.push_id else { continue };
            let mut summons = summons_of(row)?;
            summons.lease_expired(PushId::new(id));
            let stored = load_channel(scope, DeviceId::new(row.device_id)).await?;
            save_summons(scope, &summons, &stored.channel, self.now).await?;
            push::Entity::update_many()
                .col_expr(push::Column::FinishedAt, Expr::val(self.now.as_micros()))
                .col_expr(push::Column::Verdict, Expr::val("lease_expired"))
                .filter(push::Column::Id.eq(id))
                .filter(push::Column::FinishedAt.is_null())
                .exec(scope.tx)
                .await?;
        }
        Ok(lost.len())
    }
}

struct EndSilent {
    silent_since: Timestamp,
    now: Timestamp,
}

impl Operation for EndSilent {
    type Output = Vec<SessionRecord>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<SessionRecord>, Error> {
        let silent = session::Entity::find()
            .filter(session::Column::EndedAt.is_null())
            .filter(session::Column::HeardAt.lte(self.silent_since.as_micros()))
            .limit(ROUND)
            .all(scope.tx)
            .await?;
        let ids: Vec<_> = silent.iter().map(|row| row.id).collect();
        session::Entity::update_many()
            .set(session::ActiveModel {
                ended_at: Set(Some(self.now.as_micros())),
                ending: Set(Some("silent".to_owned())),
                eventful: Set(Some(true)),
                ..Default::default()
            })
            .filter(session::Column::Id.is_in(ids))
            .filter(session::Column::EndedAt.is_null())
            .exec(scope.tx)
            .await?;
        let ended = |mut row: session::Model| {
            row.ended_at = Some(self.now.as_micros());
            row.ending = Some("silent".to_owned());
            session_record(row)
        };
        silent.into_iter().map(ended).collect()
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
        lock_device(scope, self.device).await?;
        let mut stored = load_channel(scope, self.device).await?;
        if !stored.channel.expire(self.now, &scope.tools.rules) {
            return Ok(());
        }
        save_channel(scope, self.device, &stored).await?;
        if let Some(summons) = summons_of_device(scope, self.device).await? {
            save_summons(scope, &summons, &stored.channel, self.now).await?;
        }
        Ok(())
    }
}

struct Beat {
    now: Timestamp,
}

impl Operation for Beat {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let row = heartbeat::ActiveModel { name: Set(GATEWAY.to_owned()), at: Set(self.now.as_micros()) };
        heartbeat::Entity::insert(row)
            .on_conflict(
                OnConflict::column(heartbeat::Column::Name).update_column(heartbeat::Column::At).to_owned(),
            )
            .exec_without_returning(scope.tx)
            .await?;
        Ok(())
    }
}

struct ResumeWindows {
    away: Duration,
    since: Timestamp,
    now: Timestamp,
}

impl Operation for ResumeWindows {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            let rows = summons::Entity::find()
                .filter(summons::Column::Id.gt(after))
                .order_by_asc(summons::Column::Id)
                .limit(ROUND)
                .all(scope.tx)
                .await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            for row in rows {
                let mut summons = summons_of(&row)?;
                let before = summons.clone();
                summons.extend_window(self.away, self.since);
                if summons != before {
                    let stored = load_channel(scope, DeviceId::new(row.device_id)).await?;
                    save_summons(scope, &summons, &stored.channel, self.now).await?;
                }
            }
        }
    }
}

struct Prune {
    now: Timestamp,
    retention: Retention,
}

impl Operation for Prune {
    type Output = u64;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let old = (self.now - self.retention.history).as_micros();
        let replies = (self.now - self.retention.last_reply).as_micros();
        session::Entity::update_many()
            .col_expr(session::Column::State, Expr::value(Option::<Vec<u8>>::None))
            .filter(session::Column::EndedAt.lte(replies))
            .filter(session::Column::State.is_not_null())
            .exec(scope.tx)
            .await?;
        idempotency_key::Entity::delete_many()
            .filter(idempotency_key::Column::ExpiresAt.lte(self.now.as_micros()))
            .exec(scope.tx)
            .await?;
        Ok(self.sessions(scope, old).await?.max(self.history(scope, old).await?))
    }
}

impl Prune {
    async fn sessions(&self, scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
        let ids: Vec<Uuid> = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .filter(session::Column::EndedAt.lte(old))
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        let deleted =
            session::Entity::delete_many().filter(session::Column::Id.is_in(ids)).exec(scope.tx).await?;
        Ok(deleted.rows_affected)
    }

    /// Wakes that ended long ago, with their events, and old pushes.
    async fn history(&self, scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
        let wakes: Vec<Uuid> = wake::Entity::find()
            .select_only()
            .column(wake::Column::Id)
            .filter(wake::Column::EndedAt.lte(old))
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        wake_event::Entity::delete_many()
            .filter(wake_event::Column::WakeId.is_in(wakes.clone()))
            .exec(scope.tx)
            .await?;
        let ended = wake::Entity::delete_many().filter(wake::Column::Id.is_in(wakes)).exec(scope.tx).await?;
        let pushes: Vec<Uuid> = push::Entity::find()
            .select_only()
            .column(push::Column::Id)
            .filter(push::Column::ClaimedAt.lte(old))
            .limit(ROUND)
            .into_tuple()
            .all(scope.tx)
            .await?;
        let pushed =
            push::Entity::delete_many().filter(push::Column::Id.is_in(pushes)).exec(scope.tx).await?;
        Ok(ended.rows_affected.max(pushed.rows_affected))
    }
}

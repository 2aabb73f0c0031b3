//! Forgetting, in small bites: each finds a few rows, and takes those that nobody else holds.

use model::{DeviceId, Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, LockBehavior, LockType},
};
use uuid::Uuid;

use super::{ROUND, Retention};
use crate::{
    Error,
    commit::{Operation, Scope},
    entity::{idempotency_key, push, session, wake, wake_event},
};

pub(super) struct Prune {
    pub(super) now: Timestamp,
    pub(super) retention: Retention,
}

impl Operation for Prune {
    /// The most rows that it took from one table.
    type Output = u64;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let old = (self.now - self.retention.history).as_micros();
        let pruned = [
            self.replies(scope).await?,
            self.keys(scope).await?,
            sessions(scope, old).await?,
            wakes(scope, old).await?,
            pushes(scope, old).await?,
            events(scope, old).await?,
        ];
        Ok(pruned.into_iter().max().unwrap_or(0))
    }

    fn is_news(_pruned: &u64) -> bool {
        false
    }
}

impl Prune {
    /// The states of ended sessions, with their last replies.
    async fn replies(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let old = (self.now - self.retention.last_reply).as_micros();
        let ended = session::Entity::find()
            .filter(session::Column::EndedAt.lte(old))
            .filter(session::Column::State.is_not_null());
        let ids = free(ended, session::Column::Id, scope).await?;
        let forgotten = session::Entity::update_many()
            .col_expr(session::Column::State, Expr::value(Option::<Vec<u8>>::None))
            .filter(session::Column::Id.is_in(ids))
            .exec(scope.tx)
            .await?;
        Ok(forgotten.rows_affected)
    }

    async fn keys(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let expired = idempotency_key::Entity::find()
            .filter(idempotency_key::Column::ExpiresAt.lte(self.now.as_micros()));
        let wakes = free(expired, idempotency_key::Column::WakeId, scope).await?;
        let of_wake = idempotency_key::Column::WakeId.is_in(wakes);
        Ok(idempotency_key::Entity::delete_many().filter(of_wake).exec(scope.tx).await?.rows_affected)
    }
}

async fn sessions(scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
    let ended = session::Entity::find().filter(session::Column::EndedAt.lte(old));
    let ids = free(ended, session::Column::Id, scope).await?;
    let of_ids = session::Column::Id.is_in(ids);
    Ok(session::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

async fn wakes(scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
    let ended = wake::Entity::find().filter(wake::Column::EndedAt.lte(old));
    let ids = free(ended, wake::Column::Id, scope).await?;
    let of_wakes = idempotency_key::Column::WakeId.is_in(ids.clone());
    idempotency_key::Entity::delete_many().filter(of_wakes).exec(scope.tx).await?;
    let of_ids = wake::Column::Id.is_in(ids);
    Ok(wake::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

async fn pushes(scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
    let ids = free(push::Entity::find().filter(push::Column::ClaimedAt.lte(old)), push::Column::Id, scope);
    let of_ids = push::Column::Id.is_in(ids.await?);
    Ok(push::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

/// The oldest events. What is left has no gap, and the newest of all stays: that is how a reader tells "nothing new" from
/// "forgotten".
async fn events(scope: &Scope<'_>, old: i64) -> Result<u64, Error> {
    let mut oldest: Vec<(i64, i64)> = wake_event::Entity::find()
        .select_only()
        .columns([wake_event::Column::Seq, wake_event::Column::At])
        .order_by_asc(wake_event::Column::Seq)
        .limit(ROUND + 1)
        .into_tuple()
        .all(scope.tx)
        .await?;
    oldest.pop();
    let Some((last, _)) = oldest.into_iter().take_while(|(_, at)| *at <= old).last() else { return Ok(0) };
    let forgotten = wake_event::Entity::delete_many().filter(wake_event::Column::Seq.lte(last));
    Ok(forgotten.exec(scope.tx).await?.rows_affected)
}

/// Locks a few of the rows, leaving out those that somebody holds. Says which, by a UUID of theirs.
async fn free<E: EntityTrait>(
    rows: Select<E>,
    column: E::Column,
    scope: &Scope<'_>,
) -> Result<Vec<Uuid>, Error> {
    let few = rows.select_only().column(column).limit(ROUND);
    let locked = few.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(locked.into_tuple().all(scope.tx).await?)
}

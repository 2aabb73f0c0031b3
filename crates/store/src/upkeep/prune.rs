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

/// What is old enough to be forgotten, a few rows at a time.
pub(crate) struct Forgettable {
    now: i64,
    /// Last replies that are older.
    replies: i64,
    /// All else that is older.
    history: i64,
}

impl Forgettable {
    pub(crate) fn at(now: Timestamp, retention: Retention) -> Self {
        Self {
            now: now.as_micros(),
            replies: (now - retention.last_reply).as_micros(),
            history: (now - retention.history).as_micros(),
        }
    }

    /// The states of ended sessions, with their last replies.
    pub(crate) fn replies(&self) -> Select<session::Entity> {
        let ended = session::Entity::find()
            .filter(session::Column::EndedAt.lte(self.replies))
            .filter(session::Column::State.is_not_null());
        free(ended, session::Column::Id)
    }

    /// The wakes whose idempotency keys are of no use any more.
    pub(crate) fn keys(&self) -> Select<idempotency_key::Entity> {
        let expired =
            idempotency_key::Entity::find().filter(idempotency_key::Column::ExpiresAt.lte(self.now));
        free(expired, idempotency_key::Column::WakeId)
    }

    pub(crate) fn sessions(&self) -> Select<session::Entity> {
        let ended = session::Entity::find().filter(session::Column::EndedAt.lte(self.history));
        free(ended, session::Column::Id)
    }

    pub(crate) fn wakes(&self) -> Select<wake::Entity> {
        let ended = wake::Entity::find().filter(wake::Column::EndedAt.lte(self.history));
        free(ended, wake::Column::Id)
    }

    pub(crate) fn pushes(&self) -> Select<push::Entity> {
        let old = push::Entity::find().filter(push::Column::ClaimedAt.lte(self.history));
        free(old, push::Column::Id)
    }
}

/// Locks a few of the rows, leaving out those that somebody holds. Says which, by a UUID of theirs.
fn free<E: EntityTrait>(rows: Select<E>, column: E::Column) -> Select<E> {
    let few = rows.select_only().column(column).limit(ROUND);
    few.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
}

impl Operation for Prune {
    /// The most rows that it took from one table.
    type Output = u64;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    /// Rows of all kinds.
    fn is_last(&self) -> bool {
        true
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<u64, Error> {
        let old = Forgettable::at(self.now, self.retention);
        let pruned = [
            replies(scope, &old).await?,
            keys(scope, &old).await?,
            sessions(scope, &old).await?,
            wakes(scope, &old).await?,
            pushes(scope, &old).await?,
            events(scope, old.history).await?,
        ];
        Ok(pruned.into_iter().max().unwrap_or(0))
    }

    fn is_news(_pruned: &u64) -> bool {
        false
    }
}

async fn replies(scope: &Scope<'_>, old: &Forgettable) -> Result<u64, Error> {
    let forgotten = session::Entity::update_many()
        .col_expr(session::Column::State, Expr::value(Option::<Vec<u8>>::None))
        .filter(session::Column::Id.is_in(found(scope, old.replies()).await?))
        .exec(scope.tx)
        .await?;
    Ok(forgotten.rows_affected)
}

async fn keys(scope: &Scope<'_>, old: &Forgettable) -> Result<u64, Error> {
    let of_wake = idempotency_key::Column::WakeId.is_in(found(scope, old.keys()).await?);
    Ok(idempotency_key::Entity::delete_many().filter(of_wake).exec(scope.tx).await?.rows_affected)
}

async fn sessions(scope: &Scope<'_>, old: &Forgettable) -> Result<u64, Error> {
    let of_ids = session::Column::Id.is_in(found(scope, old.sessions()).await?);
    Ok(session::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

async fn wakes(scope: &Scope<'_>, old: &Forgettable) -> Result<u64, Error> {
    let ids = found(scope, old.wakes()).await?;
    // A key that somebody else holds is used anew at this moment; without its wake it is free.
    let keys = idempotency_key::Entity::find().filter(idempotency_key::Column::WakeId.is_in(ids.clone()));
    let of_wakes = idempotency_key::Column::WakeId
        .is_in(found(scope, free(keys, idempotency_key::Column::WakeId)).await?);
    idempotency_key::Entity::delete_many().filter(of_wakes).exec(scope.tx).await?;
    let of_ids = wake::Column::Id.is_in(ids);
    Ok(wake::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

async fn pushes(scope: &Scope<'_>, old: &Forgettable) -> Result<u64, Error> {
    let of_ids = push::Column::Id.is_in(found(scope, old.pushes()).await?);
    Ok(push::Entity::delete_many().filter(of_ids).exec(scope.tx).await?.rows_affected)
}

async fn found<E: EntityTrait>(scope: &Scope<'_>, rows: Select<E>) -> Result<Vec<Uuid>, Error> {
    Ok(rows.into_tuple().all(scope.tx).await?)
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

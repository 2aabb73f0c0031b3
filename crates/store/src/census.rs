//! Counting the fleet: by one replica at a time, for all of them (DESIGN §9).
//!
//! A count reads an index from end to end, which is a moment's work for a million devices, but not for each replica at each
//! scrape.

use std::time::Duration;

use model::{DeviceId, Priority, Timestamp};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde::{Deserialize, Serialize};

use crate::{
    ChannelCount, Error, Store,
    commit::{Operation, Scope, Shared},
    entity::{census, summons, wake},
    record::priority_of,
    wake::is_live,
};

/// What there is in the whole fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Devices by push app and state of their channel.
    pub channels: Vec<ChannelCount>,
    /// Wakes that are waited for.
    pub live_wakes: u64,
    /// Devices whose push is due.
    pub due: Vec<DueCount>,
}

/// Devices of an app whose push is due and not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueCount {
    /// The push app.
    pub app: String,
    /// How urgent they are.
    pub priority: Priority,
    /// How many.
    pub count: u64,
    /// Since when the first of them has been due.
    pub since: Timestamp,
}

/// The one row.
const FLEET: &str = "fleet";

impl Store {
    /// What was counted last, by whichever replica. If that is as long ago as `every`, it is counted anew, by one of those
    /// who ask; the others go on with what they have. So it is if that is as far ahead: then some replica's clock is wrong,
    /// and the count of a replica whose clock is a little fast stands for a little longer. None until the first count is
    /// done.
    pub async fn census(&self, every: Duration, now: Timestamp) -> Result<Option<Census>, Error> {
        let known = census::Entity::find_by_id(FLEET).one(self.readers()).await?;
        let due = known.as_ref().is_none_or(|row| {
            let at = Timestamp::from_micros(row.at);
            at <= now - every || at >= now + every
        });
        if due && self.submit(Claim { every, now }).await? {
            let counted = self.count(now).await?;
            self.submit(Save { counted: serde_json::to_string(&counted)? }).await?;
            return Ok(Some(counted));
        }
        let counted = known.and_then(|row| row.counted);
        // Another release may count other things; its count is none of ours.
        Ok(counted.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn count(&self, now: Timestamp) -> Result<Census, Error> {
        let live_wakes = wake::Entity::find().filter(is_live()).count(self.readers()).await?;
        Ok(Census { channels: self.channel_counts().await?, live_wakes, due: self.due_counts(now).await? })
    }

    async fn due_counts(&self, now: Timestamp) -> Result<Vec<DueCount>, Error> {
        let rows: Vec<(String, i16, i64, i64)> = summons::Entity::find()
            .select_only()
            .column(summons::Column::PushApp)
            .column(summons::Column::Priority)
            .column_as(Expr::col(summons::Column::NextAt).count(), "count")
            .column_as(Expr::col(summons::Column::NextAt).min(), "since")
            .filter(summons::Column::PushId.is_null())
            .filter(summons::Column::NextAt.lte(now.as_micros()))
            .group_by(summons::Column::PushApp)
            .group_by(summons::Column::Priority)
            .into_tuple()
            .all(self.readers())
            .await?;
        let due = |(app, priority, count, since): (String, i16, i64, i64)| DueCount {
            app,
            priority: priority_of(priority),
            count: count.try_into().unwrap_or(0),
            since: Timestamp::from_micros(since),
        };
        Ok(rows.into_iter().map(due).collect())
    }
}

/// Says who counts: true for one of those who find that it is time.
struct Claim {
    every: Duration,
    now: Timestamp,
}

impl Operation for Claim {
    type Output = bool;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::Turn(FLEET))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        let at = Set(self.now.as_micros());
        let first = census::ActiveModel { name: Set(FLEET.to_owned()), at, counted: Set(None) };
        let inserted = census::Entity::insert(first)
            .on_conflict(OnConflict::column(census::Column::Name).do_nothing().to_owned())
            .exec_without_returning(scope.tx)
            .await?;
        if inserted > 0 {
            return Ok(true);
        }
        let taken = census::Entity::update_many()
            .col_expr(census::Column::At, Expr::val(self.now.as_micros()))
            .filter(census::Column::Name.eq(FLEET))
            .filter(
                Condition::any()
                    .add(census::Column::At.lte((self.now - self.every).as_micros()))
                    .add(census::Column::At.gte((self.now + self.every).as_micros())),
            )
            .exec(scope.tx)
            .await?;
        Ok(taken.rows_affected > 0)
    }

    fn is_news(_: &bool) -> bool {
        false
    }
}

struct Save {
    counted: String,
}

impl Operation for Save {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        None
    }

    fn shared(&self) -> Option<Shared<'_>> {
        Some(Shared::Turn(FLEET))
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        census::Entity::update_many()
            .col_expr(census::Column::Counted, Expr::val(self.counted.as_str()))
            .filter(census::Column::Name.eq(FLEET))
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    fn is_news((): &()) -> bool {
        false
    }
}

//! The last message that was refused although something vouched for its device.

use std::time::Duration;

use model::{DeviceId, Timestamp};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{
    Error, Store,
    commit::{Operation, Scope},
    entity::device,
    record::timestamp,
};

/// A message that is refused although something vouched for its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in a word or two.
    pub reason: &'static str,
    /// When.
    pub at: Timestamp,
}

/// The last refusal that is remembered of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRefusal {
    /// Why, in a word or two.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Between two refusals of a device that are written: whoever is refused again and again must not keep the database busy.
const GAP: Duration = Duration::from_mins(1);

impl Store {
    /// Remembers that a message of a device was refused, unless another was within the last minute. A device that is gone
    /// has none.
    pub async fn record_refusal(&self, device: DeviceId, refusal: Refusal) -> Result<(), Error> {
        let record = Record { device, refusal };
        let due = device::Entity::find().select_only().column(device::Column::Id).filter(record.due());
        if due.into_tuple::<uuid::Uuid>().one(self.readers()).await?.is_none() {
            return Ok(());
        }
        self.submit(record).await
    }
}

pub(super) fn last_refusal(reason: Option<String>, at: Option<i64>) -> Option<LastRefusal> {
    let (reason, at) = reason.zip(timestamp(at))?;
    Some(LastRefusal { reason, at })
}

struct Record {
    device: DeviceId,
    refusal: Refusal,
}

impl Record {
    /// The device, if its last refusal is not too fresh.
    fn due(&self) -> Condition {
        let old = (self.refusal.at - GAP).as_micros();
        let rested =
            Condition::any().add(device::Column::RefusedAt.is_null()).add(device::Column::RefusedAt.lte(old));
        Condition::all().add(device::Column::Id.eq(self.device.uuid())).add(rested)
    }
}

impl Operation for Record {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        device::Entity::update_many()
            .col_expr(device::Column::Refusal, Expr::val(self.refusal.reason))
            .col_expr(device::Column::RefusedAt, Expr::val(self.refusal.at.as_micros()))
            .filter(self.due())
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    fn is_news((): &()) -> bool {
        false
    }
}

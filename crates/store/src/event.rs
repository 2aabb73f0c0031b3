//! What happens to wakes, in order: the sequence that watchers read.

use std::ops::RangeInclusive;

use model::{DeviceId, PushId, Timestamp, WakeId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Error,
    entity::{event_counter, wake_event},
};

/// Something happened to a wake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the sequence: consecutive, without gaps.
    pub seq: i64,
    /// The wake.
    pub wake: WakeId,
    /// Its device.
    pub device: DeviceId,
    /// Who asked for the wake.
    pub caller: String,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The push it is about.
    pub push: Option<PushId>,
}

/// What may happen to a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was asked for.
    Asked,
    /// WNS took a push for it.
    Pushed,
    /// A push for it failed.
    PushFailed,
    /// A session answered it.
    Answered,
    /// It ended unanswered.
    Unanswered,
    /// It was called off.
    Cancelled,
    /// It failed by our fault.
    Failed,
}

/// An event without its number.
pub(crate) struct NewEvent {
    pub(crate) wake: WakeId,
    pub(crate) device: DeviceId,
    pub(crate) caller: String,
    pub(crate) kind: EventKind,
    pub(crate) at: Timestamp,
    pub(crate) push: Option<PushId>,
}

const NAMES: [(EventKind, &str); 7] = [
    (EventKind::Asked, "asked"),
    (EventKind::Pushed, "pushed"),
    (EventKind::PushFailed, "push_failed"),
    (EventKind::Answered, "answered"),
    (EventKind::Unanswered, "unanswered"),
    (EventKind::Cancelled, "cancelled"),
    (EventKind::Failed, "failed"),
];

impl EventKind {
    /// The name in records.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| Error::Corrupt(format!("event kind {text}")))
    }
}

/// Events after `seq`, in order.
pub(crate) async fn after(db: &DatabaseConnection, seq: i64, limit: u64) -> Result<Vec<Event>, Error> {
    let rows = wake_event::Entity::find()
        .filter(wake_event::Column::Seq.gt(seq))
        .order_by_asc(wake_event::Column::Seq)
        .limit(limit)
        .all(db)
        .await?;
    let event = |row: wake_event::Model| {
        Ok(Event {
            seq: row.seq,
            wake: WakeId::new(row.wake_id),
            device: DeviceId::new(row.device_id),
            caller: row.caller,
            kind: EventKind::parse(&row.kind)?,
            at: Timestamp::from_micros(row.at),
            push: row.push_id.map(PushId::new),
        })
    };
    rows.into_iter().map(event).collect()
}

/// The numbers of the oldest and the newest event.
pub(crate) async fn range(db: &DatabaseConnection) -> Result<Option<RangeInclusive<i64>>, Error> {
    let seq = || wake_event::Entity::find().select_only().column(wake_event::Column::Seq);
    // One by one: SQLite reads the whole table for a minimum and a maximum at once.
    let oldest: Option<i64> = seq().order_by_asc(wake_event::Column::Seq).into_tuple().one(db).await?;
    let newest: Option<i64> = seq().order_by_desc(wake_event::Column::Seq).into_tuple().one(db).await?;
    Ok(oldest.zip(newest).map(|(oldest, newest)| oldest..=newest))
}

/// Writes the transaction's events with consecutive numbers.
pub(crate) async fn number(events: Vec<NewEvent>, tx: &DatabaseTransaction) -> Result<(), Error> {
    let Ok(count @ 1..) = i64::try_from(events.len()) else { return Ok(()) };
    let counter = event_counter::Entity::update_many()
        .col_expr(event_counter::Column::Seq, Expr::col(event_counter::Column::Seq).add(count))
        .exec_with_returning(tx)
        .await?;
    let last = counter.first().ok_or_else(|| Error::Corrupt("the event counter is gone".into()))?.seq;
    let rows = events.into_iter().zip(last - count + 1..).map(|(event, seq)| wake_event::ActiveModel {
        seq: Set(seq),
        wake_id: Set(event.wake.uuid()),
        device_id: Set(event.device.uuid()),
        caller: Set(event.caller),
        kind: Set(event.kind.name().to_owned()),
        at: Set(event.at.as_micros()),
        push_id: Set(event.push.map(PushId::uuid)),
    });
    let rows: Vec<_> = rows.collect();
    for chunk in rows.chunks(ROWS) {
        wake_event::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Rows in one statement: well below both engines' limits on bound values.
const ROWS: usize = 500;

//! What happens to wakes, in order: the sequence that watchers read.

use std::ops::RangeInclusive;

use model::{DeviceId, PushId, Timestamp, WakeId};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Error, entity::wake_event};

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
    let ends: Option<(Option<i64>, Option<i64>)> = wake_event::Entity::find()
        .select_only()
        .column_as(wake_event::Column::Seq.min(), "oldest")
        .column_as(wake_event::Column::Seq.max(), "newest")
        .into_tuple()
        .one(db)
        .await?;
    Ok(ends.and_then(|(oldest, newest)| Some(oldest?..=newest?)))
}

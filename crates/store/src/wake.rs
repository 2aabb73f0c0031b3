//! Wakes: asked for, looked at, called off, ended.

use std::{collections::BTreeSet, time::Duration};

use model::{DeviceId, DeviceName, Labels, PushId, SessionKey, SummonsId, Timestamp, TraceContext, WakeId};
use push::{Answer, EndReason, Outcome, Wake};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Error, Page, PageRequest, Store,
    commit::{Operation, Scope},
    entity::{idempotency_key, wake},
    event::{EventKind, NewEvent},
    record::{
        corrupt, from_word, labels_of, load_channel, lock_if_known, priority_of, save_summons,
        summons_of_device, timestamp, word,
    },
    upkeep::end_summons,
};

mod asked;
mod expected;

pub use asked::{AskWake, Idempotency, Refused};
pub use expected::{Asked, Expectation};

/// How long an idempotency key outlives its wake.
const KEY_LIFE: Duration = Duration::from_hours(24);

/// A wake as it is remembered.
#[derive(Clone, Debug)]
pub struct WakeRecord {
    /// The wake.
    pub wake: Wake,
    /// Its device's name when it was asked for.
    pub device_name: DeviceName,
    /// Who asked.
    pub caller: String,
    /// Why, in the caller's words.
    pub reason: String,
    /// The caller's labels.
    pub labels: Labels,
    /// The summons that it joined; none if it was answered at once.
    pub summons: Option<SummonsId>,
    /// The context of its span.
    pub trace: TraceContext,
    /// The context of the span that it was asked for in.
    pub parent: Option<TraceContext>,
}

/// A wake that was to be called off.
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// The wake as it is now. It may have ended otherwise before.
    pub wake: WakeRecord,
    /// Whether it was this call that ended it.
    pub ended_now: bool,
}

/// Which wakes are listed.
#[derive(Clone, Debug, Default)]
pub struct WakeFilter {
    /// Those of this device.
    pub device: Option<DeviceId>,
    /// Those that this caller asked for.
    pub caller: Option<String>,
    /// Those in one of these states: `live`, `answered`, `unanswered`, `cancelled`, `failed`. Empty: in any.
    pub states: Vec<&'static str>,
}

impl Store {
    /// A wake.
    pub async fn wake(&self, id: WakeId) -> Result<WakeRecord, Error> {
        let row = wake::Entity::find_by_id(id.uuid()).one(self.readers()).await?;
        record(row.ok_or(Error::NotFound)?)
    }

    /// Those of these wakes that are remembered and can be read, in no order.
    pub async fn wakes_of(&self, ids: impl IntoIterator<Item = WakeId>) -> Result<Vec<WakeRecord>, Error> {
        let ids: BTreeSet<_> = ids.into_iter().map(WakeId::uuid).collect();
        let rows = wake::Entity::find().filter(wake::Column::Id.is_in(ids)).all(self.readers()).await?;
        let readable = |row: wake::Model| {
            let id = row.id;
            let unreadable = |what: &Error| {
                tracing::error!(wake = %id, %what, "a wake cannot be read: nobody is told of it");
            };
            record(row).inspect_err(unreadable).ok()
        };
        Ok(rows.into_iter().filter_map(readable).collect())
    }

    /// Wakes, newest first.
    pub async fn wakes(&self, filter: &WakeFilter, page: &PageRequest) -> Result<Page<WakeRecord>, Error> {
        let mut find = wake::Entity::find().order_by_desc(wake::Column::Id).limit(page.limit());
        if let Some(device) = filter.device {
            find = find.filter(wake::Column::DeviceId.eq(device.uuid()));
        }
        if let Some(caller) = &filter.caller {
            find = find.filter(wake::Column::Caller.eq(caller));
        }
        if !filter.states.is_empty() {
            find = find.filter(wake::Column::State.is_in(filter.states.iter().copied()));
        }
        if let Some(after) = &page.after {
            let after: WakeId = after.parse().map_err(|_| Error::NotFound)?;
            find = find.filter(wake::Column::Id.lt(after.uuid()));
        }
        let rows = find.all(self.readers()).await?;
        Ok(page.cut(rows, |row| WakeId::new(row.id).to_string(), record))
    }

    /// Calls a wake off; the others of its device go on. An ended wake stays as it is, and is returned so.
    pub async fn cancel_wake(&self, id: WakeId, now: Timestamp) -> Result<Cancelled, Error> {
        let device = self.wake(id).await?.wake.device();
        self.submit(Cancel { id, device, now }).await
    }
}

/// How all of a device's wakes end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Answered(Answer),
    Unanswered(EndReason),
    Failed(EndReason),
}

/// The live wakes of a device, oldest first. One that cannot be read counts for nothing, and ends with the others or at its
/// deadline.
pub(crate) async fn live_wakes(scope: &Scope<'_>, device: DeviceId) -> Result<Vec<WakeRecord>, Error> {
    Ok(live_rows(scope, device).await?.into_iter().filter_map(|row| record(row).ok()).collect())
}

async fn live_rows(scope: &Scope<'_>, device: DeviceId) -> Result<Vec<wake::Model>, Error> {
    let live = wake::Entity::find().filter(wake::Column::DeviceId.eq(device.uuid())).filter(is_live());
    Ok(live.order_by_asc(wake::Column::Id).all(scope.tx).await?)
}

/// Ends all live wakes of a device, and with them its summons. Returns the wakes as they ended, oldest first.
pub(crate) async fn end_all(
    scope: &Scope<'_>,
    device: DeviceId,
    end: End,
    now: Timestamp,
) -> Result<Vec<WakeRecord>, Error> {
    let outcome = match end {
        End::Answered(answer) => Outcome::Answered(answer),
        End::Unanswered(reason) => Outcome::Unanswered(reason),
        End::Failed(reason) => Outcome::Failed(reason),
    };
    let wakes = end_until(scope, device, Timestamp::MAX, outcome, now).await?;
    end_summons(scope, device).await?;
    Ok(wakes)
}

/// Ends the live wakes of a device whose deadlines are not after `until`. Returns them as they ended, oldest first; those
/// that cannot be read end as well, and nobody can be told.
pub(crate) async fn end_until(
    scope: &Scope<'_>,
    device: DeviceId,
    until: Timestamp,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Vec<WakeRecord>, Error> {
    let mut ended = Vec::new();
    for row in live_rows(scope, device).await? {
        let id = WakeId::new(row.id);
        if Timestamp::from_micros(row.deadline) > until {
            continue;
        }
        match record(row) {
            Err(Error::Corrupt(what)) => {
                tracing::error!(%device, wake = %id, what, "a wake ends, and nobody can read it");
                write_end(scope, id, outcome, now).await?;
            }
            wake => {
                let mut wake = wake?;
                finish(scope, &mut wake, outcome, now).await?;
                ended.push(wake);
            }
        }
    }
    Ok(ended)
}

/// Ends one live wake.
pub(crate) async fn finish(
    scope: &Scope<'_>,
    record: &mut WakeRecord,
    outcome: Outcome,
    now: Timestamp,
) -> Result<(), Error> {
    if !record.wake.finish(outcome, now) {
        return Ok(());
    }
    write_end(scope, record.wake.id(), outcome, now).await?;
    let (kind, push) = match outcome {
        Outcome::Answered(answer) => (EventKind::Answered, answer.push),
        Outcome::Unanswered(_) => (EventKind::Unanswered, None),
        Outcome::Cancelled => (EventKind::Cancelled, None),
        Outcome::Failed(_) => (EventKind::Failed, None),
    };
    scope.event(event(record, kind, now, push));
    Ok(())
}

async fn write_end(scope: &Scope<'_>, wake: WakeId, outcome: Outcome, now: Timestamp) -> Result<(), Error> {
    wake::Entity::update_many()
        .set(end_columns(outcome, now)?)
        .filter(wake::Column::Id.eq(wake.uuid()))
        .exec(scope.tx)
        .await?;
    idempotency_key::Entity::update_many()
        .col_expr(idempotency_key::Column::ExpiresAt, Expr::val((now + KEY_LIFE).as_micros()))
        .filter(idempotency_key::Column::WakeId.eq(wake.uuid()))
        .exec(scope.tx)
        .await?;
    Ok(())
}

/// What the live wakes of a device still ask of its summons; without any, it ends.
pub(crate) async fn narrow(scope: &Scope<'_>, device: DeviceId, now: Timestamp) -> Result<(), Error> {
    let live = live_wakes(scope, device).await?;
    let priority = live.iter().map(|record| record.wake.priority()).max();
    let deadline = live.iter().map(|record| record.wake.deadline()).max();
    let (Some(priority), Some(deadline)) = (priority, deadline) else {
        return end_summons(scope, device).await;
    };
    if let Some(mut summons) = summons_of_device(scope, device).await? {
        summons.narrow(priority, deadline);
        let stored = load_channel(scope, device).await?;
        save_summons(scope, &summons, &stored.channel, now).await?;
    }
    Ok(())
}

pub(crate) fn event(record: &WakeRecord, kind: EventKind, at: Timestamp, push: Option<PushId>) -> NewEvent {
    let (wake, device) = (record.wake.id(), record.wake.device());
    NewEvent { wake, device, caller: record.caller.clone(), kind, at, push }
}

/// The state of a wake that has not ended.
const LIVE: &str = "live";

/// Spelled as in the partial indexes: an engine that is given the state as a bound value may not see that they fit.
pub(crate) fn is_live() -> Expr {
    Expr::col((wake::Entity, wake::Column::State)).eq(Expr::cust("'live'"))
}

fn state_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered(_) => "answered",
        Outcome::Unanswered(_) => "unanswered",
        Outcome::Cancelled => "cancelled",
        Outcome::Failed(_) => "failed",
    }
}

fn end_columns(outcome: Outcome, now: Timestamp) -> Result<wake::ActiveModel, Error> {
    let (answer, reason) = match outcome {
        Outcome::Answered(answer) => (Some(answer), None),
        Outcome::Unanswered(reason) | Outcome::Failed(reason) => (None, Some(reason)),
        Outcome::Cancelled => (None, None),
    };
    Ok(wake::ActiveModel {
        state: Set(state_name(outcome).to_owned()),
        ended_at: Set(Some(now.as_micros())),
        end_reason: Set(reason.map(word).transpose()?),
        session_id: Set(answer.map(|answer| answer.session.uuid())),
        attribution: Set(answer.map(|answer| word(answer.attribution)).transpose()?),
        push_id: Set(answer.and_then(|answer| answer.push).map(PushId::uuid)),
        ..Default::default()
    })
}

fn record(row: wake::Model) -> Result<WakeRecord, Error> {
    let end = end_of(&row)?;
    let ids = (WakeId::new(row.id), DeviceId::new(row.device_id));
    let times = (Timestamp::from_micros(row.asked_at), Timestamp::from_micros(row.deadline));
    Ok(WakeRecord {
        wake: Wake::restore(ids, times, priority_of(row.priority), end),
        device_name: row.device_name.try_into().map_err(corrupt)?,
        caller: row.caller,
        reason: row.reason,
        labels: labels_of(&row.labels)?,
        summons: row.summons_id.map(SummonsId::new),
        trace: row.trace.parse().map_err(corrupt)?,
        parent: row.parent.map(|parent| parent.parse()).transpose().map_err(corrupt)?,
    })
}

fn end_of(row: &wake::Model) -> Result<Option<push::End>, Error> {
    let Some(at) = timestamp(row.ended_at) else { return Ok(None) };
    let missing = || Error::Corrupt(format!("wake {} ended without saying how", row.id));
    let reason = || row.end_reason.as_deref().ok_or_else(missing).and_then(from_word::<EndReason>);
    let outcome = match row.state.as_str() {
        "answered" => Outcome::Answered(Answer {
            session: SessionKey::new(row.session_id.ok_or_else(missing)?),
            attribution: from_word(row.attribution.as_deref().ok_or_else(missing)?)?,
            push: row.push_id.map(PushId::new),
        }),
        "unanswered" => Outcome::Unanswered(reason()?),
        "failed" => Outcome::Failed(reason()?),
        "cancelled" => Outcome::Cancelled,
        _ => return Err(missing()),
    };
    Ok(Some(push::End { at, outcome }))
}

struct Cancel {
    id: WakeId,
    device: DeviceId,
    now: Timestamp,
}

impl Operation for Cancel {
    type Output = Cancelled;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Cancelled, Error> {
        // The device may be gone; then its wakes have ended.
        lock_if_known(scope, self.device).await?;
        let row = wake::Entity::find_by_id(self.id.uuid()).one(scope.tx).await?;
        let mut wake = record(row.ok_or(Error::NotFound)?)?;
        let ended_now = wake.wake.end().is_none();
        if ended_now {
            finish(scope, &mut wake, Outcome::Cancelled, self.now).await?;
            narrow(scope, self.device, self.now).await?;
        }
        Ok(Cancelled { wake, ended_now })
    }

    fn is_news(cancelled: &Cancelled) -> bool {
        cancelled.ended_now
    }
}

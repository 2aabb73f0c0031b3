//! Due summonses into pushes, and what became of them (DESIGN §5, intent first).

use std::{collections::BTreeSet, time::Duration};

use ::push::{AppCondition, ChannelUri, Exchange, Outcome, Verdict};
use model::{DeviceId, DeviceName, Pfn, Priority, PushAppName, PushId, Timestamp, TraceContext};
use sea_orm::{
    ColumnTrait, Condition, EntityName, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait, Select,
    sea_query::{LockBehavior, LockType},
};

use crate::{
    Error, Store, WakeRecord,
    entity::{device, push, summons},
    record::{corrupt, priority_column, timestamp},
};

mod claim;
mod conclude;
mod mass_death;
mod probe;

pub(crate) use claim::ASIDE;
pub(crate) use mass_death::last_answers;

use claim::HandBack;
use probe::ProbeRequest;

/// Which due summonses are claimed.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The push app.
    pub app: PushAppName,
    /// Its PFN: a channel made under another is not pushed to by it.
    pub pfn: Pfn,
    /// Of which priority.
    pub priority: Priority,
    /// An id for each push; as many are claimed, at most.
    pub ids: Vec<PushId>,
    /// How long the claims last, by the database's clock: longer than all that a push may take.
    pub lease: Duration,
    /// When.
    pub now: Timestamp,
}

/// A push that is to be made now. Its attempt and its gap are recorded already.
#[derive(Clone, Debug)]
pub struct ClaimedPush {
    /// Its id.
    pub id: PushId,
    /// The device.
    pub device: DeviceId,
    /// The device's name.
    pub device_name: DeviceName,
    /// Where to.
    pub uri: ChannelUri,
    /// Which of the device's channels this is.
    pub generation: u32,
    /// Which try it is.
    pub attempt: u8,
    /// `X-WNS-TTL`.
    pub ttl: Duration,
    /// Over a connection of its own.
    pub fresh_connection: bool,
    /// It is recorded and not to be made, for its device is only observed.
    pub observed: bool,
    /// The wakes that it serves, oldest first.
    pub wakes: Vec<WakeRecord>,
    /// The context of its span, in the trace of the oldest of them. It is as durable as the claim: whoever ends the push,
    /// another process even, knows it.
    pub trace: TraceContext,
    /// The context of that span's parent: of the oldest wake.
    pub parent: TraceContext,
}

/// What became of a push.
#[derive(Clone, Debug)]
pub struct PushResult {
    /// The push.
    pub id: PushId,
    /// The device.
    pub device: DeviceId,
    /// The push app.
    pub app: PushAppName,
    /// Which of the device's channels it went to.
    pub generation: u32,
    /// Its `X-WNS-TTL`.
    pub ttl: Duration,
    /// The `MS-CV` that it carried.
    pub ms_cv: String,
    /// What came back.
    pub exchange: Exchange,
    /// A random number in 0..1, which spreads retries.
    pub chance: f64,
    /// When.
    pub now: Timestamp,
}

/// What a verdict led to.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What it was.
    pub verdict: Verdict,
    /// The wakes that it ended, by our fault.
    pub failed: Vec<WakeRecord>,
    /// The push app, if its condition changed.
    pub condition: Option<AppCondition>,
    /// By this push, the gate, fault or block that held the push app back is over: of all replicas, one is told. Credentials
    /// that are taken again, and an operator who resumes the app, end it without a push; whoever sees to that tells it.
    pub reopened: bool,
    /// Its lease had run out, and the push was told as lost: it is not to be told or counted again.
    pub told_before: bool,
}

/// A recorded push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRecord {
    /// Its id.
    pub id: PushId,
    /// The push app.
    pub push_app: String,
    /// Which of the device's channels it went to.
    pub generation: u32,
    /// Its `X-WNS-TTL`, in seconds.
    pub ttl_seconds: u32,
    /// Which try it was.
    pub attempt: u8,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When its verdict was stored.
    pub finished_at: Option<Timestamp>,
    /// The verdict's name; `lease_expired` if nobody reported one, `observed` if it was not made.
    pub verdict: Option<String>,
    /// WNS's HTTP status.
    pub http_status: Option<u16>,
    /// `X-WNS-Status`.
    pub notification_status: Option<String>,
    /// `X-WNS-DeviceConnectionStatus`.
    pub connection_status: Option<String>,
    /// `X-WNS-Msg-ID`.
    pub message_id: Option<String>,
    /// `X-WNS-Debug-Trace`.
    pub debug_trace: Option<String>,
    /// `MS-CV`.
    pub ms_cv: Option<String>,
    /// `X-WNS-Error-Description`, or what went wrong before WNS.
    pub description: Option<String>,
    /// The context of its span, in the trace of the oldest wake that it served; none if it was not made.
    pub trace: Option<TraceContext>,
    /// The context of that span's parent: of the oldest wake that it served.
    pub parent: Option<TraceContext>,
}

/// The most pushes that a claim of a probe takes: all but the last are only observed.
const PROBE_CLAIM: usize = 64;

impl Store {
    /// When the next summons of one app and priority is due; none while there is none that waits.
    pub async fn next_due(&self, app: &PushAppName, priority: Priority) -> Result<Option<Timestamp>, Error> {
        let first: Option<i64> = next(app, priority).into_tuple().one(self.readers()).await?;
        Ok(timestamp(first))
    }

    /// Claims due summonses of one app and priority.
    pub async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedPush>, Error> {
        self.submit(request).await
    }

    /// Claims the push that shows whether an app may push again, if it is due for one: the others of its replicas wait until
    /// there is a verdict, or until the lease is over. Nothing is claimed if that is so already. Pushes that were due before
    /// it and are only observed come with it, however many ids there are.
    pub async fn claim_probe(&self, mut request: ClaimRequest) -> Result<Vec<ClaimedPush>, Error> {
        // Devices that are only observed say nothing about the app: the claim goes past them.
        request.ids.resize_with(PROBE_CLAIM, || self.new_id());
        self.submit(ProbeRequest(request)).await
    }

    /// Stores what became of a push, and all that follows from it. Waits for room in the queue of writes instead of
    /// [`Error::Busy`]: who pushes bounds how many pushes are under way.
    pub async fn conclude(&self, result: PushResult) -> Result<Judged, Error> {
        self.submit_in_turn(result).await
    }

    /// A claimed push that was never attempted, because the process stops: as if it had not been claimed. Waits for room as
    /// [`Self::conclude`] does.
    pub async fn hand_back(&self, id: PushId, device: DeviceId, now: Timestamp) -> Result<(), Error> {
        // One that is forgotten was claimed long ago, and is nobody's.
        let Some(push) = self.pushes_of([id]).await?.pop() else { return Ok(()) };
        let app = push.push_app.try_into().map_err(corrupt)?;
        self.submit_in_turn(HandBack { id, app, device, claimed_at: push.claimed_at, now }).await
    }

    /// The pushes that served a wake, oldest first: those that were claimed or under way while it was live, and the one
    /// that its answer is credited to.
    pub async fn pushes(&self, wake: &WakeRecord) -> Result<Vec<PushRecord>, Error> {
        let Some(summons) = wake.summons else { return Ok(Vec::new()) };
        let end = wake.wake.end();
        let until = end.map_or(Timestamp::MAX, |end| end.at);
        let credited = end.and_then(|end| match end.outcome {
            Outcome::Answered(answer) => answer.push,
            _ => None,
        });
        let under_way = Condition::any()
            .add(push::Column::FinishedAt.is_null())
            .add(push::Column::FinishedAt.gte(wake.wake.asked_at().as_micros()));
        let while_live = Condition::all().add(push::Column::ClaimedAt.lte(until.as_micros())).add(under_way);
        let served = Condition::any()
            .add(while_live)
            .add_option(credited.map(|credited| push::Column::Id.eq(credited.uuid())));
        let rows = push::Entity::find()
            .filter(push::Column::SummonsId.eq(summons.uuid()))
            .filter(served)
            .order_by_asc(push::Column::ClaimedAt)
            .all(self.readers())
            .await?;
        Ok(rows.into_iter().map(push_record).collect())
    }

    /// Those of these pushes that are remembered, in no order.
    pub async fn pushes_of(&self, ids: impl IntoIterator<Item = PushId>) -> Result<Vec<PushRecord>, Error> {
        let ids: BTreeSet<_> = ids.into_iter().map(PushId::uuid).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = push::Entity::find().filter(push::Column::Id.is_in(ids)).all(self.readers()).await?;
        Ok(rows.into_iter().map(push_record).collect())
    }
}

/// Summonses of one app and priority, but for those with a push in flight. What waits for another app is not touched.
fn waiting<E: EntityTrait>(find: Select<E>, app: &PushAppName, priority: Priority) -> Select<E> {
    find.filter(summons::Column::PushApp.eq(app.as_str()))
        .filter(summons::Column::Priority.eq(priority_column(priority)))
        .filter(summons::Column::PushId.is_null())
        .order_by_asc(summons::Column::NextAt)
}

/// When the first of them is due.
pub(crate) fn next(app: &PushAppName, priority: Priority) -> Select<summons::Entity> {
    waiting(summons::Entity::find().select_only().column(summons::Column::NextAt), app, priority).limit(1)
}

/// The devices of those that are due, locked: whoever waits longest first, and past those that somebody else holds.
pub(crate) fn due(
    app: &PushAppName,
    priority: Priority,
    now: Timestamp,
    most: u64,
) -> Select<device::Entity> {
    let find = device::Entity::find().join(JoinType::InnerJoin, summons::Relation::Device.def().rev());
    let due = waiting(find, app, priority).filter(summons::Column::NextAt.lte(now.as_micros()));
    let mut due = due.limit(most);
    let only_devices = [device::Entity.table_ref()];
    QueryTrait::query(&mut due).lock_with_tables_behavior(
        LockType::Update,
        only_devices,
        LockBehavior::SkipLocked,
    );
    due
}

/// The context of a push's span. The second half of a version 7 UUID is random and never zero, so the push's own id says
/// which it is, and nothing more needs to be stored.
fn span_of(push: PushId, parent: TraceContext) -> TraceContext {
    let (_, random) = push.uuid().as_u64_pair();
    TraceContext { span_id: random.to_be_bytes(), ..parent }
}

pub(crate) fn push_record(row: push::Model) -> PushRecord {
    let id = PushId::new(row.id);
    let made = row.verdict.as_deref() != Some(claim::OBSERVED);
    let parent = row.trace.parse().ok().filter(|_| made);
    PushRecord {
        id,
        trace: parent.map(|parent| span_of(id, parent)),
        parent,
        push_app: row.push_app,
        ttl_seconds: row.ttl_seconds.try_into().unwrap_or(0),
        generation: row.generation.try_into().unwrap_or(0),
        attempt: row.attempt.try_into().unwrap_or(u8::MAX),
        claimed_at: Timestamp::from_micros(row.claimed_at),
        finished_at: timestamp(row.finished_at),
        verdict: row.verdict,
        http_status: row.http_status.and_then(|status| status.try_into().ok()),
        notification_status: row.notification_status,
        connection_status: row.connection_status,
        message_id: row.message_id,
        debug_trace: row.debug_trace,
        ms_cv: row.ms_cv,
        description: row.description,
    }
}

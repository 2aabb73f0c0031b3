//! Due summonses into pushes, and what became of them (DESIGN §5, intent first).

use std::{collections::BTreeSet, time::Duration};

use ::push::{AppCondition, ChannelUri, Exchange, Outcome, Verdict};
use model::{DeviceId, DeviceName, Pfn, Priority, PushAppName, PushId, Timestamp};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{
    Error, Store, WakeRecord,
    entity::{push, summons},
    record::{priority_column, timestamp},
};

mod claim;
mod conclude;
mod mass_death;

use claim::HandBack;

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
}

impl Store {
    /// When the next summons of one app and priority is due; none while there is none that waits.
    pub async fn next_due(&self, app: &PushAppName, priority: Priority) -> Result<Option<Timestamp>, Error> {
        let first: Option<i64> = summons::Entity::find()
            .select_only()
            .column(summons::Column::NextAt)
            .filter(summons::Column::PushApp.eq(app.as_str()))
            .filter(summons::Column::Priority.eq(priority_column(priority)))
            .filter(summons::Column::PushId.is_null())
            .order_by_asc(summons::Column::NextAt)
            .limit(1)
            .into_tuple()
            .one(self.readers())
            .await?;
        Ok(timestamp(first))
    }

    /// Claims due summonses of one app and priority.
    pub async fn claim(&self, request: ClaimRequest) -> Result<Vec<ClaimedPush>, Error> {
        self.submit(request).await
    }

    /// Stores what became of a push, and all that follows from it.
    pub async fn conclude(&self, result: PushResult) -> Result<Judged, Error> {
        self.submit(result).await
    }

    /// A claimed push that was never attempted, because the process stops: as if it had not been claimed.
    pub async fn hand_back(&self, id: PushId, device: DeviceId, now: Timestamp) -> Result<(), Error> {
        self.submit(HandBack { id, device, now }).await
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
}

impl Store {
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

fn push_record(row: push::Model) -> PushRecord {
    PushRecord {
        id: PushId::new(row.id),
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

//! Due summonses into pushes, and what became of them (DESIGN §5, intent first).

use std::time::Duration;

use ::push::{AppCondition, ChannelUri, EndReason, Exchange, TokenTrouble, Verdict, WnsResponse};
use model::{DeviceId, DeviceName, Pfn, Priority, PushAppName, PushId, SummonsId, Timestamp, TraceContext};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use uuid::Uuid;

use crate::{
    Error, Store, WakeRecord,
    commit::{Operation, Scope},
    entity::{device, push, push_app, summons},
    event::EventKind,
    record::{
        condition_of, corrupt, load_channel, lock_device, priority_column, save_channel, save_summons,
        summons_of, timestamp,
    },
    wake::{End, end_all, event, live_wakes},
};

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
    /// Which of the device's channels it went to.
    pub generation: u32,
    /// Which try it was.
    pub attempt: u8,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When its verdict was stored.
    pub finished_at: Option<Timestamp>,
    /// The verdict's name; `lease_expired` if nobody reported one.
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

    /// The pushes that served a wake, oldest first.
    pub async fn pushes(&self, wake: &WakeRecord) -> Result<Vec<PushRecord>, Error> {
        let Some(summons) = wake.summons else { return Ok(Vec::new()) };
        let until = wake.wake.end().map_or(Timestamp::MAX, |end| end.at);
        let rows = push::Entity::find()
            .filter(push::Column::SummonsId.eq(summons.uuid()))
            .filter(push::Column::ClaimedAt.gte(wake.wake.asked_at().as_micros()))
            .filter(push::Column::ClaimedAt.lte(until.as_micros()))
            .order_by_asc(push::Column::ClaimedAt)
            .all(self.readers())
            .await?;
        Ok(rows.into_iter().map(push_record).collect())
    }
}

impl Operation for ClaimRequest {
    type Output = Vec<ClaimedPush>;

    fn device(&self) -> Option<DeviceId> {
        None
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Vec<ClaimedPush>, Error> {
        let lease_until = scope.db_now().await? + self.lease;
        let mut claimed = Vec::new();
        let due = self.lock_due(scope).await?;
        for (device, id) in due.into_iter().zip(&self.ids) {
            claimed.extend(self.claim(scope, device, *id, lease_until).await?);
        }
        Ok(claimed)
    }
}

impl ClaimRequest {
    /// Locks the devices whose summonses are due, skipping those that somebody else holds.
    async fn lock_due(&self, scope: &Scope<'_>) -> Result<Vec<device::Model>, Error> {
        let due = summons::Entity::find()
            .select_only()
            .column(summons::Column::DeviceId)
            .filter(summons::Column::PushApp.eq(self.app.as_str()))
            .filter(summons::Column::Priority.eq(priority_column(self.priority)))
            .filter(summons::Column::PushId.is_null())
            .filter(summons::Column::NextAt.lte(self.now.as_micros()))
            .order_by_asc(summons::Column::NextAt)
            .limit(self.ids.len() as u64);
        let due: Vec<Uuid> = due.into_tuple().all(scope.tx).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let lock = device::Entity::find()
            .filter(device::Column::Id.is_in(due))
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        Ok(lock.all(scope.tx).await?)
    }

    async fn claim(
        &self,
        scope: &Scope<'_>,
        device: device::Model,
        id: PushId,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedPush>, Error> {
        let rules = &scope.tools.rules;
        let device_id = DeviceId::new(device.id);
        let row =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device.id)).one(scope.tx).await?;
        let Some(row) = row.filter(|row| row.push_id.is_none()) else { return Ok(None) };
        let mut summons = summons_of(&row)?;
        let mut stored = load_channel(scope, device_id).await?;
        let expired = stored.channel.expire(self.now, rules);
        let ours = stored.channel.pfn() == Some(&self.pfn);
        let claim = if ours { summons.claim(id, &mut stored.channel, self.now, rules) } else { None };
        if claim.is_some() || expired {
            save_channel(scope, device_id, &stored).await?;
        }
        let Some((claim, uri)) = claim.zip(stored.channel.uri().cloned()) else {
            if !ours {
                // The device is about to be set up for this app: its next session decides.
                summons.hold(summons.last_deadline());
            }
            save_summons(scope, &summons, &stored.channel, self.now).await?;
            return Ok(None);
        };
        save_summons(scope, &summons, &stored.channel, self.now).await?;
        let wakes = live_wakes(scope, device_id).await?;
        let trace = wakes.first().map(|oldest| oldest.trace);
        let intent = Intent { id, summons: summons.id(), device: device_id, claim, trace, lease_until };
        self.write_intent(scope, intent).await?;
        Ok(Some(ClaimedPush {
            id,
            device: device_id,
            device_name: device.name.try_into().map_err(corrupt)?,
            uri,
            generation: claim.generation,
            attempt: claim.attempt,
            ttl: claim.ttl,
            fresh_connection: claim.fresh_connection,
            wakes,
        }))
    }

    async fn write_intent(&self, scope: &Scope<'_>, intent: Intent) -> Result<(), Error> {
        let row = push::ActiveModel {
            id: Set(intent.id.uuid()),
            summons_id: Set(intent.summons.uuid()),
            device_id: Set(intent.device.uuid()),
            push_app: Set(self.app.to_string()),
            generation: Set(i32::try_from(intent.claim.generation).unwrap_or(i32::MAX)),
            attempt: Set(intent.claim.attempt.into()),
            ttl_seconds: Set(i32::try_from(intent.claim.ttl.as_secs()).unwrap_or(i32::MAX)),
            claimed_at: Set(self.now.as_micros()),
            trace: Set(intent.trace.map(|trace| trace.to_string()).unwrap_or_default()),
            ..Default::default()
        };
        push::Entity::insert(row).exec_without_returning(scope.tx).await?;
        summons::Entity::update_many()
            .set(summons::ActiveModel {
                lease_until: Set(Some(intent.lease_until.as_micros())),
                ..Default::default()
            })
            .filter(summons::Column::Id.eq(intent.summons.uuid()))
            .exec(scope.tx)
            .await?;
        Ok(())
    }
}

struct Intent {
    id: PushId,
    summons: SummonsId,
    device: DeviceId,
    claim: ::push::Claim,
    trace: Option<TraceContext>,
    lease_until: Timestamp,
}

impl Operation for PushResult {
    type Output = Judged;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Judged, Error> {
        let verdict = Verdict::of(&self.exchange);
        self.record(scope, &verdict).await?;
        let condition = self.judge_app(scope, &verdict).await?;
        let mut failed = Vec::new();
        // The device may have been deleted meanwhile.
        match lock_device(scope, self.device).await {
            Ok(_) => failed = self.judge_device(scope, &verdict).await?,
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(Judged { verdict, failed, condition })
    }
}

impl PushResult {
    async fn record(&self, scope: &Scope<'_>, verdict: &Verdict) -> Result<(), Error> {
        let silent = WnsResponse::default();
        let (response, trouble) = match &self.exchange {
            Exchange::Responded(response) => (response, None),
            Exchange::NotSent(why) | Exchange::Ambiguous(why) => (&silent, Some(why)),
            Exchange::NoToken(
                TokenTrouble::Credential { description } | TokenTrouble::Unavailable { description, .. },
            ) => (&silent, Some(description)),
        };
        let answered = trouble.is_none();
        let row = push::ActiveModel {
            finished_at: Set(Some(self.now.as_micros())),
            verdict: Set(Some(verdict.name().to_owned())),
            http_status: Set(answered.then_some(response.status.into())),
            notification_status: Set(response.notification_status.clone()),
            connection_status: Set(response.connection.map(|status| status.to_string())),
            message_id: Set(response.message_id.clone()),
            debug_trace: Set(response.debug_trace.clone()),
            ms_cv: Set(Some(response.ms_cv.clone().unwrap_or_else(|| self.ms_cv.clone()))),
            description: Set(trouble.or(response.error_description.as_ref()).cloned()),
            ..Default::default()
        };
        push::Entity::update_many()
            .set(row)
            .filter(push::Column::Id.eq(self.id.uuid()))
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    /// Most verdicts change nothing about an app: its row is locked only when one does.
    async fn judge_app(&self, scope: &Scope<'_>, verdict: &Verdict) -> Result<Option<AppCondition>, Error> {
        let rules = &scope.tools.rules;
        let description = self.description();
        let mut condition = condition_of(scope, self.app.as_str()).await?;
        if !condition.judge(verdict, description, self.now, rules) {
            return Ok(None);
        }
        let locked = push_app::Entity::find_by_id(self.app.as_str()).lock_exclusive().one(scope.tx).await?;
        let Some(locked) = locked else { return Ok(None) };
        let mut condition: AppCondition = serde_json::from_str(&locked.condition)?;
        condition.judge(verdict, description, self.now, rules);
        crate::app::save_condition(scope, &self.app, &condition).await?;
        Ok(Some(condition))
    }

    async fn judge_device(&self, scope: &Scope<'_>, verdict: &Verdict) -> Result<Vec<WakeRecord>, Error> {
        let rules = &scope.tools.rules;
        let mut stored = load_channel(scope, self.device).await?;
        let before = stored.channel.clone();
        stored.channel.judge(self.generation, verdict, self.now, rules);
        if stored.channel != before {
            save_channel(scope, self.device, &stored).await?;
        }
        let row = summons::Entity::find().filter(summons::Column::DeviceId.eq(self.device.uuid()));
        let Some(row) = row.one(scope.tx).await? else { return Ok(Vec::new()) };
        let mut summons = summons_of(&row)?;
        summons.judge(self.id, self.ttl, verdict, (self.now, self.chance), rules);
        save_summons(scope, &summons, &stored.channel, self.now).await?;
        let wakes = live_wakes(scope, self.device).await?;
        let kind = if verdict.accepted() { EventKind::Pushed } else { EventKind::PushFailed };
        for wake in &wakes {
            scope.event(event(wake, kind, self.now, Some(self.id)));
        }
        if *verdict == Verdict::Malformed && self.app_is_well(scope).await? {
            return end_all(scope, self.device, End::Failed(EndReason::MalformedPush), self.now).await;
        }
        Ok(Vec::new())
    }

    /// Malformed pushes again and again are the app's fault: then its wakes wait instead of failing one by one.
    async fn app_is_well(&self, scope: &Scope<'_>) -> Result<bool, Error> {
        Ok(condition_of(scope, self.app.as_str()).await?.fault().is_none())
    }

    fn description(&self) -> Option<&str> {
        match &self.exchange {
            Exchange::Responded(response) => response.error_description.as_deref(),
            Exchange::NotSent(why) | Exchange::Ambiguous(why) => Some(why),
            Exchange::NoToken(
                TokenTrouble::Credential { description } | TokenTrouble::Unavailable { description, .. },
            ) => Some(description),
        }
    }
}

struct HandBack {
    id: PushId,
    device: DeviceId,
    now: Timestamp,
}

impl Operation for HandBack {
    type Output = ();

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<(), Error> {
        push::Entity::delete_by_id(self.id.uuid()).exec(scope.tx).await?;
        let row =
            summons::Entity::find().filter(summons::Column::PushId.eq(self.id.uuid())).one(scope.tx).await?;
        let Some(row) = row else { return Ok(()) };
        let mut summons = summons_of(&row)?;
        summons.hand_back(self.id, self.now);
        let stored = load_channel(scope, self.device).await?;
        save_summons(scope, &summons, &stored.channel, self.now).await
    }
}

fn push_record(row: push::Model) -> PushRecord {
    PushRecord {
        id: PushId::new(row.id),
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

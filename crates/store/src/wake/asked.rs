//! Asking for a wake.

use push::{AppCondition, EndReason};

use super::{
    Answer, Attribution, Channel, ChannelState, ColumnTrait, DeviceId, DeviceRef, Door, Duration,
    EntityTrait, Error, EventKind, Labels, Operation, Outcome, Priority, QueryFilter, Scope, SessionKey, Set,
    Store, Summons, SummonsId, Timestamp, TraceContext, Wake, WakeId, WakeRecord, condition_of, device,
    event, finish, idempotency_key, labels_column, load_channel, lock_device, priority_column, record,
    save_summons, session, summons, summons_columns, summons_of_device, wake,
};
use crate::{
    entity::{channel, push_app},
    record::{channel_of, summons_of},
};

/// A wake that is asked for.
#[derive(Clone, Debug)]
pub struct AskWake {
    /// Its id, made by the caller.
    pub id: WakeId,
    /// The id of the summons, should the device have none yet.
    pub summons: SummonsId,
    /// The device.
    pub device: DeviceRef,
    /// How long it may live.
    pub timeout: Duration,
    /// How urgent it is.
    pub priority: Priority,
    /// Why, in the caller's words.
    pub reason: String,
    /// Who asks.
    pub caller: String,
    /// The caller's labels.
    pub labels: Labels,
    /// The caller's key, so that a repeated request makes no second wake.
    pub idempotency: Option<Idempotency>,
    /// An open session of the device answers it at once.
    pub satisfied_by_open_session: bool,
    /// The context of its span.
    pub trace: TraceContext,
    /// The context of the span that it is asked for in.
    pub parent: Option<TraceContext>,
    /// When.
    pub now: Timestamp,
}

/// A key that names one request of one caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// A hash of what was asked for under it.
    pub request_hash: Vec<u8>,
}

/// A durable wake, and what to expect of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The wake.
    pub wake: WakeRecord,
    /// What to expect.
    pub expectation: Expectation,
    /// The state of the device's channel.
    pub channel_state: ChannelState,
    /// What the wake would end for, if it ended now; none if it is pushed at once, or has ended.
    pub obstacle: Option<EndReason>,
}

/// What a new wake can expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It is pushed now.
    PushNow,
    /// Something holds pushes back until then; [`Timestamp::MAX`] means until an operator acts.
    GatedUntil(Timestamp),
    /// There is nothing to push to: the device must come by itself.
    WaitsForSession,
    /// It has ended already.
    Ended,
}

/// Why a wake was refused. Nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such device.
    UnknownDevice,
    /// The device has left the management.
    Unenrolled,
    /// The key names another request.
    IdempotencyMismatch,
}

impl Store {
    /// Makes a wake. It is durable when this returns.
    pub async fn ask(&self, ask: AskWake) -> Result<Result<Asked, Refused>, Error> {
        match self.device_id(&ask.device).await {
            Ok(device) => self.submit(Ask { ask, device }).await,
            Err(Error::NotFound) => Ok(Err(Refused::UnknownDevice)),
            Err(error) => Err(error),
        }
    }

    /// What to expect of a wake now.
    pub async fn expect(&self, wake: WakeRecord, now: Timestamp) -> Result<Asked, Error> {
        let (device, readers) = (wake.wake.device().uuid(), self.readers());
        let (channel, push_app) = match channel::Entity::find_by_id(device).one(readers).await? {
            Some(row) => (channel_of(&row, self.tools())?.channel, row.push_app),
            // The device is gone, and its wakes with it.
            None => (Channel::default(), String::new()),
        };
        let summons =
            summons::Entity::find().filter(summons::Column::DeviceId.eq(device)).one(readers).await?;
        let summons = summons.as_ref().map(summons_of).transpose()?;
        let app = push_app::Entity::find_by_id(push_app).one(readers).await?;
        let condition = app.map(|row| serde_json::from_str(&row.condition)).transpose()?.unwrap_or_default();
        Ok(Asked::of(wake, summons.as_ref(), &channel, &condition, now, self.rules()))
    }
}

struct Ask {
    ask: AskWake,
    device: DeviceId,
}

impl Operation for Ask {
    type Output = Result<Asked, Refused>;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error> {
        let device = match lock_device(scope, self.device).await {
            Ok(device) => device,
            Err(Error::NotFound) => return Ok(Err(Refused::UnknownDevice)),
            Err(error) => return Err(error),
        };
        if let Some(earlier) = self.earlier(scope).await? {
            let Ok(earlier) = earlier else { return Ok(Err(Refused::IdempotencyMismatch)) };
            return Ok(Ok(self.expect(scope, &device, earlier).await?));
        }
        if device.unenrolled_at.is_some() {
            return Ok(Err(Refused::Unenrolled));
        }
        let made = self.make(scope, &device).await?;
        Ok(Ok(self.expect(scope, &device, made).await?))
    }
}

impl Ask {
    /// The wake that was made under the same key before.
    async fn earlier(&self, scope: &Scope<'_>) -> Result<Option<Result<WakeRecord, ()>>, Error> {
        let Some(idempotency) = &self.ask.idempotency else { return Ok(None) };
        let key = (self.ask.caller.clone(), idempotency.key.clone());
        let Some(row) = idempotency_key::Entity::find_by_id(key).one(scope.tx).await? else {
            return Ok(None);
        };
        if row.expires_at.is_some_and(|at| at <= self.ask.now.as_micros()) {
            idempotency_key::Entity::delete_by_id((row.caller, row.key)).exec(scope.tx).await?;
            return Ok(None);
        }
        if row.request_hash != idempotency.request_hash {
            return Ok(Some(Err(())));
        }
        let wake = wake::Entity::find_by_id(row.wake_id).one(scope.tx).await?;
        wake.map(|row| record(row).map(Ok)).transpose()
    }

    async fn make(&self, scope: &Scope<'_>, device: &device::Model) -> Result<WakeRecord, Error> {
        let ask = &self.ask;
        let wake = Wake::ask(ask.id, self.device, ask.priority, ask.timeout, ask.now);
        let open = open_session(scope, device, ask.now).await?;
        let satisfied = open.as_ref().filter(|_| ask.satisfied_by_open_session);
        let summons = match satisfied {
            Some(_) => None,
            None => Some(self.join_summons(scope, device, &wake, open.as_ref()).await?),
        };
        self.insert(scope, device, &wake, summons).await?;
        let row = wake::Entity::find_by_id(ask.id.uuid()).one(scope.tx).await?.ok_or(Error::NotFound)?;
        let mut made = record(row)?;
        scope.event(event(&made, EventKind::Asked, ask.now, None));
        if let Some(open) = satisfied {
            let (attribution, push) = (Attribution::Coincidence, None);
            let answer = Answer { session: open.key, attribution, push };
            finish(scope, &mut made, Outcome::Answered(answer), ask.now).await?;
        }
        Ok(made)
    }

    async fn insert(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: &Wake,
        summons: Option<SummonsId>,
    ) -> Result<(), Error> {
        let ask = &self.ask;
        let row = wake::ActiveModel {
            id: Set(ask.id.uuid()),
            device_id: Set(device.id),
            device_name: Set(device.name.clone()),
            summons_id: Set(summons.map(SummonsId::uuid)),
            caller: Set(ask.caller.clone()),
            reason: Set(ask.reason.clone()),
            labels: Set(labels_column(&ask.labels)?),
            priority: Set(priority_column(ask.priority)),
            asked_at: Set(wake.asked_at().as_micros()),
            deadline: Set(wake.deadline().as_micros()),
            state: Set(super::LIVE.to_owned()),
            trace: Set(ask.trace.to_string()),
            parent: Set(ask.parent.map(|parent| parent.to_string())),
            ..Default::default()
        };
        wake::Entity::insert(row).exec_without_returning(scope.tx).await?;
        let Some(idempotency) = &ask.idempotency else { return Ok(()) };
        let key = idempotency_key::ActiveModel {
            caller: Set(ask.caller.clone()),
            key: Set(idempotency.key.clone()),
            wake_id: Set(ask.id.uuid()),
            request_hash: Set(idempotency.request_hash.clone()),
            expires_at: Set(None),
        };
        idempotency_key::Entity::insert(key).exec_without_returning(scope.tx).await?;
        Ok(())
    }

    async fn join_summons(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: &Wake,
        open: Option<&OpenSession>,
    ) -> Result<SummonsId, Error> {
        let (ask, rules) = (&self.ask, &scope.tools.rules);
        let stored = load_channel(scope, self.device).await?;
        if let Some(mut summons) = summons_of_device(scope, self.device).await? {
            summons.join(ask.priority, wake.deadline(), ask.now);
            save_summons(scope, &summons, &stored.channel, ask.now).await?;
            return Ok(summons.id());
        }
        let mut summons = Summons::open(ask.summons, ask.priority, wake.deadline(), rules);
        if let Some(open) = open {
            summons.hold(open.heard_at + rules.open_session_silence);
        }
        let row = summons::ActiveModel {
            id: Set(summons.id().uuid()),
            device_id: Set(device.id),
            push_app: Set(device.push_app.clone()),
            ..summons_columns(&summons, &stored.channel, ask.now, scope.tools)?
        };
        summons::Entity::insert(row).exec_without_returning(scope.tx).await?;
        Ok(summons.id())
    }

    async fn expect(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: WakeRecord,
    ) -> Result<Asked, Error> {
        let channel = load_channel(scope, self.device).await?.channel;
        let summons = summons_of_device(scope, self.device).await?;
        let condition = condition_of(scope, &device.push_app).await?;
        Ok(Asked::of(wake, summons.as_ref(), &channel, &condition, self.ask.now, &scope.tools.rules))
    }
}

impl Asked {
    fn of(
        wake: WakeRecord,
        summons: Option<&Summons>,
        channel: &Channel,
        condition: &AppCondition,
        now: Timestamp,
        rules: &push::Settings,
    ) -> Self {
        let expectation = match summons {
            _ if wake.wake.end().is_some() => Expectation::Ended,
            Some(summons) => expectation(summons, channel, condition.door(now), now, rules),
            None => Expectation::WaitsForSession,
        };
        let held_back = matches!(expectation, Expectation::GatedUntil(_) | Expectation::WaitsForSession);
        let obstacle =
            summons.filter(|_| held_back).map(|it| it.why(channel, condition.reason(now), now, rules));
        Self { wake, expectation, channel_state: channel.state(), obstacle }
    }
}

fn expectation(
    summons: &Summons,
    channel: &Channel,
    door: Door,
    now: Timestamp,
    rules: &push::Settings,
) -> Expectation {
    if !channel.pushable(now, rules) {
        return Expectation::WaitsForSession;
    }
    let shut_until = match door {
        Door::Shut(until) => until,
        Door::Open | Door::Probe => Timestamp::EPOCH,
    };
    // While a push is in flight, nothing more can be said than that one has just gone.
    let due = if summons.in_flight().is_some() { now } else { summons.next_at(channel, now, rules) };
    let until = due.max(shut_until);
    if until <= now { Expectation::PushNow } else { Expectation::GatedUntil(until) }
}

/// A device-scope session that was heard a moment ago.
struct OpenSession {
    key: SessionKey,
    heard_at: Timestamp,
}

async fn open_session(
    scope: &Scope<'_>,
    device: &device::Model,
    now: Timestamp,
) -> Result<Option<OpenSession>, Error> {
    let Some(newest) = device.device_session else { return Ok(None) };
    let heard_since = (now - scope.tools.rules.open_session_silence).as_micros();
    let row = session::Entity::find_by_id(newest)
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::HeardAt.gt(heard_since))
        .one(scope.tx)
        .await?;
    Ok(row.map(|row| OpenSession {
        key: SessionKey::new(row.id),
        heard_at: Timestamp::from_micros(row.heard_at),
    }))
}

//! Asking for a wake.

use std::time::Duration;

use model::{DeviceId, Labels, Priority, SessionKey, SummonsId, Timestamp, TraceContext, WakeId};
use push::{Answer, Attribution, Channel, Outcome, Summons, Wake};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use super::{Asked, LIVE, WakeRecord, event, finish, record};
use crate::{
    DeviceRef, Error, Store,
    commit::{Operation, Scope},
    entity::{device, idempotency_key, session, summons, wake},
    event::EventKind,
    record::{
        condition_of, corrupt, labels_column, load_channel, lock_if_known, mode_of, priority_column,
        pushing_app, save_summons, summons_columns, summons_of_device,
    },
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
        self.ask_by(ask, |ask| self.submit(ask)).await
    }

    /// As [`Self::ask`], but waits for room in the queue of writes instead of [`Error::Busy`]. For callers that ask for many,
    /// and bound how many at a time.
    pub async fn ask_in_turn(&self, ask: AskWake) -> Result<Result<Asked, Refused>, Error> {
        self.ask_by(ask, |ask| self.submit_in_turn(ask)).await
    }

    async fn ask_by<S>(
        &self,
        ask: AskWake,
        submit: impl Fn(Ask) -> S,
    ) -> Result<Result<Asked, Refused>, Error>
    where
        S: Future<Output = Result<Result<Asked, Refused>, Error>>,
    {
        match self.device_id(&ask.device).await {
            Ok(device) => match submit(Ask { ask: ask.clone(), device }).await {
                // The same key at another replica at the same time: now it is there to be found.
                Err(Error::Conflict(_)) => submit(Ask { ask, device }).await,
                asked => asked,
            },
            Err(Error::NotFound) => Ok(Err(Refused::UnknownDevice)),
            Err(error) => Err(error),
        }
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
        let Some(device) = lock_if_known(scope, self.device).await? else {
            return Ok(Err(Refused::UnknownDevice));
        };
        match self.earlier(scope).await? {
            Some(Earlier::Other) => return Ok(Err(Refused::IdempotencyMismatch)),
            Some(Earlier::Same(wake)) => return Ok(Ok(self.again(scope, &device, *wake).await?)),
            None => {}
        }
        if device.unenrolled_at.is_some() {
            return Ok(Err(Refused::Unenrolled));
        }
        Ok(Ok(self.make(scope, &device).await?))
    }
}

/// What was asked for under the same key before.
enum Earlier {
    Same(Box<WakeRecord>),
    Other,
}

impl Ask {
    /// The wake that was made under the same key before.
    async fn earlier(&self, scope: &Scope<'_>) -> Result<Option<Earlier>, Error> {
        let Some(idempotency) = &self.ask.idempotency else { return Ok(None) };
        let key = (self.ask.caller.clone(), idempotency.key.clone());
        let Some(row) = idempotency_key::Entity::find_by_id(key.clone()).one(scope.tx).await? else {
            return Ok(None);
        };
        let expired = row.expires_at.is_some_and(|at| at <= self.ask.now.as_micros());
        if !expired && row.request_hash != idempotency.request_hash {
            return Ok(Some(Earlier::Other));
        }
        let wake = wake::Entity::find_by_id(row.wake_id).one(scope.tx).await?;
        if let Some(wake) = wake.filter(|_| !expired) {
            return Ok(Some(Earlier::Same(Box::new(record(wake)?))));
        }
        // Expired, or the wake is forgotten already: the key is free.
        idempotency_key::Entity::delete_by_id(key).exec(scope.tx).await?;
        Ok(None)
    }

    /// What to expect of the wake that was made before.
    async fn again(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: WakeRecord,
    ) -> Result<Asked, Error> {
        let channel = load_channel(scope, self.device).await?.channel;
        let summons = match wake.wake.end() {
            None => summons_of_device(scope, self.device).await?,
            Some(_) => None,
        };
        self.asked(scope, device, wake, summons.as_ref(), &channel).await
    }

    async fn make(&self, scope: &Scope<'_>, device: &device::Model) -> Result<Asked, Error> {
        let ask = &self.ask;
        let wake = Wake::ask(ask.id, self.device, ask.priority, ask.timeout, ask.now);
        let open = open_session(scope, device, ask.now).await?;
        let channel = load_channel(scope, self.device).await?.channel;
        let satisfied = open.as_ref().filter(|_| ask.satisfied_by_open_session);
        let summons = match satisfied {
            Some(_) => None,
            None => Some(self.join_summons(scope, device, &wake, open.as_ref(), &channel).await?),
        };
        let mut made = self.insert(scope, device, wake, summons.as_ref()).await?;
        scope.event(event(&made, EventKind::Asked, ask.now, None));
        if let Some(open) = satisfied {
            let (attribution, push) = (Attribution::Coincidence, None);
            let answer = Answer { session: open.key, attribution, push };
            finish(scope, &mut made, Outcome::Answered(answer), ask.now).await?;
            keep(scope, open).await?;
        }
        self.asked(scope, device, made, summons.as_ref(), &channel).await
    }

    async fn insert(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: Wake,
        summons: Option<&Summons>,
    ) -> Result<WakeRecord, Error> {
        let ask = &self.ask;
        let row = wake::ActiveModel {
            id: Set(ask.id.uuid()),
            device_id: Set(device.id),
            device_name: Set(device.name.clone()),
            summons_id: Set(summons.map(|summons| summons.id().uuid())),
            caller: Set(ask.caller.clone()),
            reason: Set(ask.reason.clone()),
            labels: Set(labels_column(&ask.labels)?),
            priority: Set(priority_column(ask.priority)),
            asked_at: Set(wake.asked_at().as_micros()),
            deadline: Set(wake.deadline().as_micros()),
            state: Set(LIVE.to_owned()),
            trace: Set(ask.trace.to_string()),
            parent: Set(ask.parent.map(|parent| parent.to_string())),
            ..Default::default()
        };
        wake::Entity::insert(row).exec_without_returning(scope.tx).await?;
        self.insert_key(scope).await?;
        Ok(WakeRecord {
            wake,
            device_name: device.name.clone().try_into().map_err(corrupt)?,
            caller: ask.caller.clone(),
            reason: ask.reason.clone(),
            labels: ask.labels.clone(),
            summons: summons.map(Summons::id),
            trace: ask.trace,
            parent: ask.parent,
        })
    }

    async fn insert_key(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let Some(idempotency) = &self.ask.idempotency else { return Ok(()) };
        let key = idempotency_key::ActiveModel {
            caller: Set(self.ask.caller.clone()),
            key: Set(idempotency.key.clone()),
            wake_id: Set(self.ask.id.uuid()),
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
        channel: &Channel,
    ) -> Result<Summons, Error> {
        let (ask, rules) = (&self.ask, &scope.tools.rules);
        if let Some(mut summons) = summons_of_device(scope, self.device).await? {
            summons.join(ask.priority, wake.deadline(), ask.now);
            summons.set_mode(mode_of(device, scope.tools)?);
            save_summons(scope, &summons, channel, ask.now).await?;
            return Ok(summons);
        }
        let mut summons = Summons::open(ask.summons, ask.priority, wake.deadline(), ask.now, rules);
        summons.set_mode(mode_of(device, scope.tools)?);
        if let Some(open) = open {
            summons.hold(open.heard_at + rules.open_session_silence);
        }
        let row = summons::ActiveModel {
            id: Set(summons.id().uuid()),
            device_id: Set(device.id),
            push_app: Set(pushing_app(scope, device, channel).await?),
            ..summons_columns(&summons, channel, ask.now, scope.tools)?
        };
        summons::Entity::insert(row).exec_without_returning(scope.tx).await?;
        Ok(summons)
    }

    async fn asked(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        wake: WakeRecord,
        summons: Option<&Summons>,
        channel: &Channel,
    ) -> Result<Asked, Error> {
        let app = pushing_app(scope, device, channel).await?;
        let condition = condition_of(scope, &app).await?;
        Ok(Asked::of(wake, summons, channel, (&app, &condition), self.ask.now, scope.tools))
    }
}

/// A device-scope session that was heard a moment ago.
struct OpenSession {
    key: SessionKey,
    heard_at: Timestamp,
}

/// A session that answered a wake is worth keeping.
async fn keep(scope: &Scope<'_>, session: &OpenSession) -> Result<(), Error> {
    session::Entity::update_many()
        .col_expr(session::Column::Eventful, Expr::val(true))
        .filter(session::Column::Id.eq(session.key.uuid()))
        .exec(scope.tx)
        .await?;
    Ok(())
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

//! Sessions: loaded with everything that a step needs, committed with everything that it brought.

use model::{DeviceId, DeviceName, SessionKey, Timestamp, TraceContext};
use push::{Answer, ChannelState, Origin};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    Credential, Device, DeviceInfo, Error, Store, StoredChannel, WakeRecord,
    commit::{Operation, Scope, Tools},
    device::{AUTH_HASH, device_of},
    entity::{channel, device, session},
    record::{
        channel_of, corrupt, load_channel, lock_device, save_channel, save_summons, summons_of_device,
        timestamp,
    },
    wake::{End, end_all},
};

pub use model::Scope as SessionScope;

/// Everything that is known about whoever sends a message.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The device.
    pub device: Device,
    /// How it proves who it is.
    pub credential: Option<Credential>,
    /// Its channel.
    pub channel: StoredChannel,
    /// Its newest session in the device's scope, if its state is still kept.
    pub device_session: Option<StoredSession>,
    /// Its newest session in a user's scope, if its state is still kept.
    pub user_session: Option<StoredSession>,
}

/// A session's state between two messages.
#[derive(Clone)]
pub struct StoredSession {
    /// Its key.
    pub key: SessionKey,
    /// The row's revision: whoever commits must have read the last one.
    pub revision: i64,
    /// What the gateway keeps of it.
    pub state: Vec<u8>,
    /// It is over, perhaps without its device knowing: superseded, or silent for too long.
    pub ended: bool,
    /// The context of its span.
    pub trace: TraceContext,
    /// The context of the oldest wake that it answered.
    pub parent: Option<TraceContext>,
    /// When its first authenticated message was committed.
    pub started_at: Timestamp,
}

/// A recorded session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its key.
    pub key: SessionKey,
    /// Its device.
    pub device: DeviceId,
    /// Whom it is about.
    pub scope: SessionScope,
    /// The protocol's `SessionID`.
    pub session_id: String,
    /// When its first authenticated message was committed.
    pub started_at: Timestamp,
    /// When it was last heard.
    pub heard_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended: `completed`, `aborted`, `unenrolled`, `too_many_messages`, `silent`, `superseded`.
    pub ending: Option<String>,
    /// Messages of the device.
    pub messages: u32,
    /// The context of its span.
    pub trace: TraceContext,
    /// The context of the oldest wake that it answered.
    pub parent: Option<TraceContext>,
}

/// What one message of a session brought.
#[derive(Clone, Debug)]
pub struct SessionCommit {
    /// The device.
    pub device: DeviceId,
    /// The session's key.
    pub key: SessionKey,
    /// Whom it is about.
    pub scope: SessionScope,
    /// The protocol's `SessionID`.
    pub session_id: String,
    /// Whether this message starts it.
    pub start: SessionStart,
    /// Messages so far.
    pub messages: u32,
    /// What the gateway keeps of it; none once nothing of it is needed any more.
    pub state: Vec<u8>,
    /// How it ended, if it did.
    pub ending: Option<&'static str>,
    /// The alerts of this message, as a JSON array.
    pub alerts: String,
    /// Whether something happened that is worth keeping for long.
    pub eventful: bool,
    /// What the device says about why it came.
    pub origin: Origin,
    /// The channel, if it changed.
    pub channel: Option<StoredChannel>,
    /// What the device said of itself; none keeps what is known.
    pub info: DeviceInfo,
    /// `./DevDetail` was read.
    pub detail_read: bool,
    /// The device left the management.
    pub unenrolled: bool,
    /// The context of the session's span, were it to stand alone.
    pub trace: TraceContext,
    /// When.
    pub now: Timestamp,
}

/// Whether a message starts its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStart {
    /// It does. `newest` is the device's newest session of the same scope as the gateway knew it: the nonce was made
    /// with it, and a session that started meanwhile has used that nonce up.
    Starts {
        /// The device's newest session of the same scope.
        newest: Option<SessionKey>,
    },
    /// It goes on from this revision.
    GoesOn {
        /// The revision that was read.
        revision: i64,
    },
}

/// What a commit led to.
#[derive(Clone, Debug)]
pub struct SessionCommitted {
    /// The wakes that the session's start answered, oldest first.
    pub answered: Vec<WakeRecord>,
    /// The context of the session's span: in the trace of the oldest wake it answered.
    pub trace: TraceContext,
}

impl Store {
    /// Everything known about the device that a message names.
    pub async fn visitor(&self, name: &DeviceName) -> Result<Visitor, Error> {
        let found = device::Entity::find()
            .find_also_related(channel::Entity)
            .filter(device::Column::Name.eq(name.as_str()))
            .one(self.readers())
            .await?;
        let (row, channel) = found.ok_or(Error::NotFound)?;
        let newest: Vec<_> = [row.device_session, row.user_session].into_iter().flatten().collect();
        let sessions = session::Entity::find()
            .filter(session::Column::Id.is_in(newest))
            .filter(session::Column::State.is_not_null())
            .all(self.readers())
            .await?;
        let newest = |key: Option<Uuid>| {
            let row = sessions.iter().find(|session| Some(session.id) == key);
            row.map(|row| stored(row.clone(), self.tools())).transpose()
        };
        let channel = channel.ok_or_else(|| corrupt(format!("device {} has no channel", row.id)))?;
        Ok(Visitor {
            credential: credential(&row, self.tools())?,
            channel: channel_of(&channel, self.tools())?,
            device_session: newest(row.device_session)?,
            user_session: newest(row.user_session)?,
            device: device_of(row)?,
        })
    }

    /// Stores what a message brought. [`Error::Conflict`] means that something changed since it was loaded: load again.
    pub async fn commit_session(&self, commit: SessionCommit) -> Result<SessionCommitted, Error> {
        self.submit(commit).await
    }

    /// A recorded session.
    pub async fn session(&self, key: SessionKey) -> Result<SessionRecord, Error> {
        let row = session::Entity::find_by_id(key.uuid()).one(self.readers()).await?;
        session_record(row.ok_or(Error::NotFound)?)
    }

    /// The last sessions of a device, newest first.
    pub async fn last_sessions(&self, device: DeviceId, count: u64) -> Result<Vec<SessionRecord>, Error> {
        let rows = session::Entity::find()
            .filter(session::Column::DeviceId.eq(device.uuid()))
            .order_by_desc(session::Column::StartedAt)
            .limit(count)
            .all(self.readers())
            .await?;
        rows.into_iter().map(session_record).collect()
    }
}

impl Operation for SessionCommit {
    type Output = SessionCommitted;

    fn device(&self) -> Option<DeviceId> {
        Some(self.device)
    }

    async fn run(&self, scope: &Scope<'_>) -> Result<SessionCommitted, Error> {
        let device = lock_device(scope, self.device).await?;
        let mut trace = self.trace;
        let mut answered = Vec::new();
        match self.start {
            SessionStart::Starts { newest } => {
                self.supersede(scope, &device, newest).await?;
                if self.scope == SessionScope::Device {
                    answered = self.answer(scope).await?;
                }
                if let Some(oldest) = answered.first() {
                    (trace.trace_id, trace.flags) = (oldest.trace.trace_id, oldest.trace.flags);
                }
                self.insert(scope, trace, answered.first().map(|oldest| oldest.trace)).await?;
            }
            SessionStart::GoesOn { revision } => self.update(scope, revision).await?,
        }
        if let Some(stored) = &self.channel {
            save_channel(scope, self.device, stored).await?;
            self.take_from_clones(scope, stored).await?;
        }
        self.update_device(scope).await?;
        if self.unenrolled {
            end_all(scope, self.device, End::Unanswered(push::EndReason::Unenrolled), self.now).await?;
        }
        self.hold_summons(scope).await?;
        Ok(SessionCommitted { answered, trace })
    }
}

impl SessionCommit {
    /// The newest session of a scope wins; older open ones are over.
    async fn supersede(
        &self,
        scope: &Scope<'_>,
        device: &device::Model,
        newest: Option<SessionKey>,
    ) -> Result<(), Error> {
        let current = match self.scope {
            SessionScope::Device => device.device_session,
            SessionScope::User => device.user_session,
        };
        if current.map(SessionKey::new) != newest {
            return Err(Error::Conflict("another session started meanwhile"));
        }
        session::Entity::update_many()
            .col_expr(session::Column::EndedAt, Expr::val(self.now.as_micros()))
            .col_expr(session::Column::Ending, Expr::val("superseded"))
            .filter(session::Column::DeviceId.eq(device.id))
            .filter(session::Column::Scope.eq(self.scope.name()))
            .filter(session::Column::EndedAt.is_null())
            .exec(scope.tx)
            .await?;
        self.forget_uneventful(scope).await
    }

    /// Of the sessions in which nothing happened, a device's last few are enough.
    async fn forget_uneventful(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let kept = scope.tools.retention.uneventful_sessions.saturating_sub(1);
        let of_device = session::Column::DeviceId.eq(self.device.uuid());
        let oldest_kept: Option<i64> = session::Entity::find()
            .select_only()
            .column(session::Column::StartedAt)
            .filter(of_device.clone())
            .order_by_desc(session::Column::StartedAt)
            .offset(kept)
            .limit(1)
            .into_tuple()
            .one(scope.tx)
            .await?;
        let Some(oldest_kept) = oldest_kept else { return Ok(()) };
        session::Entity::delete_many()
            .filter(of_device)
            .filter(session::Column::StartedAt.lt(oldest_kept))
            .filter(session::Column::Eventful.eq(false))
            .filter(session::Column::EndedAt.is_not_null())
            .exec(scope.tx)
            .await?;
        Ok(())
    }

    /// A session that starts answers every wake that was made before it.
    async fn answer(&self, scope: &Scope<'_>) -> Result<Vec<WakeRecord>, Error> {
        let summons = summons_of_device(scope, self.device).await?;
        let Some(summons) = summons else { return Ok(Vec::new()) };
        let (attribution, push) = summons.attribute(self.origin, self.now);
        let answer = Answer { session: self.key, attribution, push };
        end_all(scope, self.device, End::Answered(answer), self.now).await
    }

    async fn insert(
        &self,
        scope: &Scope<'_>,
        trace: TraceContext,
        parent: Option<TraceContext>,
    ) -> Result<(), Error> {
        let origin = match self.origin {
            Origin::Push => Some("push".to_owned()),
            Origin::Other => Some("other".to_owned()),
            Origin::Unknown => None,
        };
        let row = session::ActiveModel {
            id: Set(self.key.uuid()),
            device_id: Set(self.device.uuid()),
            scope: Set(self.scope.name().to_owned()),
            session_id: Set(self.session_id.clone()),
            started_at: Set(self.now.as_micros()),
            alerts: Set(self.alerts.clone()),
            origin: Set(origin),
            trace: Set(trace.to_string()),
            parent: Set(parent.map(|parent| parent.to_string())),
            eventful: Set(Some(self.eventful || parent.is_some())),
            revision: Set(0),
            ..self.columns(scope.tools)?
        };
        session::Entity::insert(row).exec_without_returning(scope.tx).await?;
        Ok(())
    }

    async fn update(&self, scope: &Scope<'_>, revision: i64) -> Result<(), Error> {
        let mut row = self.columns(scope.tools)?;
        row.revision = Set(revision + 1);
        if self.eventful {
            row.eventful = Set(Some(true));
        }
        if self.alerts != "[]" {
            let earlier =
                session::Entity::find_by_id(self.key.uuid()).one(scope.tx).await?.ok_or(Error::NotFound)?;
            row.alerts = Set(joined(&earlier.alerts, &self.alerts));
        }
        let updated = session::Entity::update_many()
            .set(row)
            .filter(session::Column::Id.eq(self.key.uuid()))
            .filter(session::Column::Revision.eq(revision))
            .exec(scope.tx)
            .await?;
        if updated.rows_affected == 1 {
            Ok(())
        } else {
            Err(Error::Conflict("the session went on meanwhile"))
        }
    }

    fn columns(&self, tools: &Tools) -> Result<session::ActiveModel, Error> {
        let ended = self.ending.map(|_| self.now.as_micros());
        let state = tools.sealer.seal(STATE, self.key.uuid().as_bytes(), &self.state)?;
        Ok(session::ActiveModel {
            heard_at: Set(self.now.as_micros()),
            ended_at: Set(ended),
            ending: Set(self.ending.map(str::to_owned)),
            messages: Set(i32::try_from(self.messages).unwrap_or(i32::MAX)),
            state: Set(Some(state)),
            ..Default::default()
        })
    }

    async fn update_device(&self, scope: &Scope<'_>) -> Result<(), Error> {
        let mut row =
            device::ActiveModel { last_seen_at: Set(Some(self.now.as_micros())), ..Default::default() };
        if let SessionStart::Starts { .. } = self.start {
            match self.scope {
                SessionScope::Device => row.device_session = Set(Some(self.key.uuid())),
                SessionScope::User => row.user_session = Set(Some(self.key.uuid())),
            }
            row.unenrolled_at = Set(None);
        }
        if self.unenrolled {
            row.unenrolled_at = Set(Some(self.now.as_micros()));
        }
        let info = &self.info;
        let texts = [
            (&mut row.manufacturer, &info.manufacturer),
            (&mut row.model, &info.model),
            (&mut row.dm_version, &info.dm_version),
            (&mut row.language, &info.language),
            (&mut row.os_version, &info.os_version),
        ];
        for (column, said) in texts.into_iter().filter(|(_, said)| said.is_some()) {
            *column = Set(said.clone());
        }
        if info.large_objects.is_some() {
            row.large_objects = Set(info.large_objects);
        }
        if self.detail_read {
            row.detail_read_at = Set(Some(self.now.as_micros()));
        }
        let update = device::Entity::update_many().set(row);
        update.filter(device::Column::Id.eq(self.device.uuid())).exec(scope.tx).await?;
        Ok(())
    }

    /// One URI on two devices: the newest authenticated owner keeps it.
    async fn take_from_clones(&self, scope: &Scope<'_>, stored: &StoredChannel) -> Result<(), Error> {
        let uri = stored.channel.uri().filter(|_| stored.channel.state() == ChannelState::Live);
        let Some(uri) = uri else { return Ok(()) };
        let others = channel::Entity::find()
            .filter(channel::Column::UriFingerprint.eq(uri.fingerprint().bytes().to_vec()))
            .filter(channel::Column::DeviceId.ne(self.device.uuid()))
            .all(scope.tx)
            .await?;
        for other in others {
            let mut stored = channel_of(&other, scope.tools)?;
            stored.channel.lose_uri(self.now);
            let device = DeviceId::new(other.device_id);
            save_channel(scope, device, &stored).await?;
            if let Some(summons) = summons_of_device(scope, device).await? {
                save_summons(scope, &summons, &stored.channel, self.now).await?;
            }
        }
        Ok(())
    }

    /// Wakes that were asked for during the session wait for its end, and a moment longer.
    async fn hold_summons(&self, scope: &Scope<'_>) -> Result<(), Error> {
        if self.scope != SessionScope::Device {
            return Ok(());
        }
        let Some(mut summons) = summons_of_device(scope, self.device).await? else { return Ok(()) };
        let rules = &scope.tools.rules;
        let wait = if self.ending.is_some() { rules.open_session_delay } else { rules.open_session_silence };
        summons.hold(self.now + wait);
        let stored = load_channel(scope, self.device).await?;
        save_summons(scope, &summons, &stored.channel, self.now).await
    }
}

const STATE: &str = "sessions.state";

fn credential(row: &device::Model, tools: &Tools) -> Result<Option<Credential>, Error> {
    let (Some(user), Some(sealed)) = (&row.auth_user, &row.auth_hash) else { return Ok(None) };
    let hash = tools.sealer.unseal(AUTH_HASH, row.id.as_bytes(), sealed)?;
    let hash = String::from_utf8(hash).map_err(corrupt)?;
    Ok(Some(Credential { user: user.clone(), inner_hash: SecretString::from(hash) }))
}

fn stored(row: session::Model, tools: &Tools) -> Result<StoredSession, Error> {
    let sealed = row.state.unwrap_or_default();
    Ok(StoredSession {
        key: SessionKey::new(row.id),
        revision: row.revision,
        state: tools.sealer.unseal(STATE, row.id.as_bytes(), &sealed)?,
        ended: row.ended_at.is_some(),
        trace: row.trace.parse().map_err(corrupt)?,
        parent: row.parent.map(|parent| parent.parse()).transpose().map_err(corrupt)?,
        started_at: Timestamp::from_micros(row.started_at),
    })
}

pub(crate) fn session_record(row: session::Model) -> Result<SessionRecord, Error> {
    Ok(SessionRecord {
        key: SessionKey::new(row.id),
        device: DeviceId::new(row.device_id),
        scope: if row.scope == SessionScope::User.name() { SessionScope::User } else { SessionScope::Device },
        session_id: row.session_id,
        started_at: Timestamp::from_micros(row.started_at),
        heard_at: Timestamp::from_micros(row.heard_at),
        ended_at: timestamp(row.ended_at),
        ending: row.ending,
        messages: row.messages.try_into().unwrap_or(0),
        trace: row.trace.parse().map_err(corrupt)?,
        parent: row.parent.map(|parent| parent.parse()).transpose().map_err(corrupt)?,
    })
}

/// Two JSON arrays as one.
fn joined(first: &str, second: &str) -> String {
    match (first.strip_suffix(']'), second.strip_prefix('[')) {
        (Some("["), _) => second.to_owned(),
        (Some(first), Some(second)) => format!("{first},{second}"),
        _ => second.to_owned(),
    }
}

impl std::fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSession")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

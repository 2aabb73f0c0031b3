//! Sessions: loaded with everything that a step needs, committed with everything that it brought.

use model::{DeviceId, DeviceName, SessionKey, Timestamp, TraceContext};
use push::Origin;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Credential, Device, DeviceInfo, Error, Page, PageRequest, Store, StoredChannel, WakeRecord,
    commit::Tools,
    device::{AUTH_HASH, device_of},
    entity::{channel, device, session},
    record::{channel_of, corrupt, timestamp},
};

mod commit;
mod unheard;

pub use model::Scope as SessionScope;
pub(crate) use unheard::{Unheard, end_unheard};

/// Everything that is known about whoever sends a message.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The device.
    pub device: Device,
    /// How it proves who it is.
    pub credential: Option<Credential>,
    /// Its channel.
    pub channel: StoredChannel,
    /// Its newest session in the device's scope, if its state is still kept and can be read.
    pub device_session: Option<StoredSession>,
    /// Its newest session in a user's scope, if its state is still kept and can be read.
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
    /// The contexts of the other wakes that it answered.
    pub links: Vec<TraceContext>,
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
    /// The contexts of the other wakes that it answered; the first ones, if there are many.
    pub links: Vec<TraceContext>,
    /// What the device said about why it came: `push` or `other`.
    pub origin: Option<String>,
    /// `mode` of the query it came with: `Maintenance` or `Machine` (oma-dm.md §1.1).
    pub mode: Option<String>,
    /// `Platform` of the query it came with.
    pub platform: Option<String>,
    /// Its alerts, in order.
    pub alerts: Vec<RecordedAlert>,
    /// What became of the commands that it was sent, in order of the answers; the first ones, if there are many.
    pub outcomes: Vec<RecordedOutcome>,
    /// Statuses and Results of the device that belong to no command.
    pub ignored: u32,
    /// Whether it answered a wake, changed a channel or failed.
    pub eventful: bool,
}

/// An alert of a session (oma-dm.md §4). Of those that carry a token, the type only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAlert {
    /// Its code, such as 1201 or 1224.
    pub code: u16,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The node that it is about.
    pub source: Option<String>,
    /// Its data, cut to some kilobytes.
    pub data: Option<String>,
}

/// What became of one command of ours, or of one node of it (oma-dm.md §5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedOutcome {
    /// The name under which it was sent.
    pub command: String,
    /// The node that it is about.
    pub target: Option<String>,
    /// The Status code; none if there was no answer.
    pub status: Option<u16>,
    /// `msft:originalerror`: the device's own code for what went wrong, as it came.
    pub original_error: Option<String>,
}

/// What one message of a session brought. Not `Debug`: the state holds the session's nonce.
#[derive(Clone)]
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
    /// `mode` of the query; recorded when the session starts.
    pub mode: Option<String>,
    /// `Platform` of the query; recorded when the session starts.
    pub platform: Option<String>,
    /// The alerts of this message.
    pub alerts: Vec<RecordedAlert>,
    /// What this message said of our commands.
    pub outcomes: Vec<RecordedOutcome>,
    /// What is to be recorded of our commands if the session ends without another word: all of those that are not answered
    /// yet, sent or not. It takes the place of what the message before left.
    pub outstanding: Vec<RecordedOutcome>,
    /// Statuses and Results of this message that belong to no command.
    pub ignored: u32,
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
    /// The wakes that ended unanswered, because the device left the management.
    pub ended: Vec<WakeRecord>,
    /// The open sessions that it took the place of.
    pub superseded: Vec<SessionRecord>,
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
            let row = sessions.iter().find(|session| Some(session.id) == key)?;
            let (session, device) = (row.id, row.device_id);
            let unreadable = |what: &Error| {
                tracing::error!(%device, %session, %what, "a session cannot be read: its device needs a new one");
            };
            stored(row.clone(), self.tools()).inspect_err(unreadable).ok()
        };
        let channel = channel.ok_or_else(|| corrupt(format!("device {} has no channel", row.id)))?;
        Ok(Visitor {
            credential: credential(&row, self.tools())?,
            channel: channel_of(&channel, self.tools())?,
            device_session: newest(row.device_session),
            user_session: newest(row.user_session),
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

    /// Sessions of a device, newest first.
    pub async fn sessions(&self, device: DeviceId, page: &PageRequest) -> Result<Page<SessionRecord>, Error> {
        let mut find = session::Entity::find()
            .filter(session::Column::DeviceId.eq(device.uuid()))
            .order_by_desc(session::Column::StartedAt)
            .order_by_desc(session::Column::Id)
            .limit(page.limit());
        if let Some(after) = &page.after {
            find = find.filter(before(after).ok_or(Error::NotFound)?);
        }
        let rows = find.all(self.readers()).await?;
        Ok(page.cut(rows, |row| format!("{} {}", row.started_at, SessionKey::new(row.id)), session_record))
    }

    /// The last sessions of a device, newest first.
    pub async fn last_sessions(&self, device: DeviceId, count: u32) -> Result<Vec<SessionRecord>, Error> {
        Ok(self.sessions(device, &PageRequest { size: count, after: None }).await?.items)
    }
}

const STATE: &str = "sessions.state";

/// Sessions that are older than the one that a cursor names; none if it names none.
fn before(cursor: &str) -> Option<Condition> {
    let (started_at, key) = cursor.split_once(' ')?;
    let (started_at, key): (i64, SessionKey) = (started_at.parse().ok()?, key.parse().ok()?);
    let at_once = session::Column::StartedAt.eq(started_at).and(session::Column::Id.lt(key.uuid()));
    Some(Condition::any().add(session::Column::StartedAt.lt(started_at)).add(at_once))
}

pub(crate) fn credential(row: &device::Model, tools: &Tools) -> Result<Option<Credential>, Error> {
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
        links: contexts(row.links.as_deref())?,
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
        links: contexts(row.links.as_deref())?,
        origin: row.origin,
        mode: row.mode,
        platform: row.platform,
        alerts: serde_json::from_str(&row.alerts)?,
        outcomes: serde_json::from_str(&row.outcomes)?,
        ignored: row.ignored.try_into().unwrap_or(0),
        eventful: row.eventful.unwrap_or_default(),
    })
}

/// Trace contexts as they are stored.
fn contexts(column: Option<&str>) -> Result<Vec<TraceContext>, Error> {
    column.unwrap_or_default().split_whitespace().map(|text| text.parse().map_err(corrupt)).collect()
}

impl std::fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSession")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

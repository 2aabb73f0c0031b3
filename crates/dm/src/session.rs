use std::{fmt, time::Duration};

use model::{SessionKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    mutual::Mutual, nonce::Nonce, object::Incoming, outbox::Outbox, outcome::Outcome, pending::Pending,
    proof::Transport, receive::BodyHash, scope::Scope, settings::SessionAuth, terms::Bounds,
};

/// One session as it is stored between two messages. It holds nonces, the last reply, commands that
/// wait and the pieces of a large object: store it sealed. It holds no credential, and no value that
/// is whole. Its `Debug` form shows none of these.
#[expect(clippy::struct_field_names, reason = "`SessionID` is the protocol's word")]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub(crate) key: SessionKey,
    pub(crate) device: String,
    pub(crate) session_id: String,
    pub(crate) scope: Scope,
    pub(crate) auth: SessionAuth,
    /// Whether a certificate vouched for the device when it began: later messages need one too.
    pub(crate) vouched: bool,
    /// The nonce that the device's digests are made with.
    pub(crate) nonce: Option<Nonce>,
    pub(crate) last: Exchange,
    pub(crate) outstanding: Vec<Pending>,
    pub(crate) outbox: Outbox,
    /// The device's large objects that are not whole yet.
    pub(crate) incoming: Incoming,
    /// How we prove to the device who we are.
    pub(crate) mutual: Mutual,
    /// What the device takes.
    pub(crate) bounds: Bounds,
    pub(crate) messages: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) heard_at: Timestamp,
    pub(crate) ended: Option<Ending>,
}

/// The last message and what it was answered with, in case it comes again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) msg_id: u32,
    pub(crate) body_hash: BodyHash,
    /// Whether it had a credential that was right.
    pub(crate) signed: bool,
    pub(crate) reply: String,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ending {
    /// There was nothing more to ask.
    Completed,
    /// The device aborted it (alert 1223).
    Aborted,
    /// The user left the management (alert 1226).
    Unenrolled,
    /// It had more messages than one session may have.
    TooManyMessages,
    /// The device was not heard of any more.
    Silent,
    /// The device began another session of the same scope.
    Replaced,
}

/// A session that ended without the device's word, and what will never be known about its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The session, ended.
    pub session: Session,
    /// Its commands that were not answered, or never sent.
    pub outcomes: Vec<Outcome>,
}

impl Session {
    /// The form in which a session is stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut blob = vec![VERSION];
        serde_json::to_writer(&mut blob, self).expect("a session is made of plain values");
        blob
    }

    /// A stored session; None if it is of another version or not one at all. The device then
    /// starts over.
    pub fn decode(blob: &[u8]) -> Option<Self> {
        match blob.split_first() {
            Some((&VERSION, json)) => serde_json::from_slice(json).ok(),
            _ => None,
        }
    }

    /// The key of its row.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// The name that the device goes by.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The `SessionID` that the device chose.
    pub fn session_id(&self) -> &str {
        &self.session_id
    }

    /// Whose session it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// When its first message came.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// When its last message came.
    pub fn heard_at(&self) -> Timestamp {
        self.heard_at
    }

    /// How many authenticated messages it had.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// How it ended; None while it is open.
    pub fn ended(&self) -> Option<Ending> {
        self.ended
    }

    /// What would be told of its commands if it ended now without another word: those that were sent and not answered
    /// for good, and those that wait. Empty once it has ended.
    pub fn outstanding(&self) -> Vec<Outcome> {
        let sent = self.outstanding.iter().cloned().flat_map(Pending::resolve);
        sent.chain(self.outbox.unsent()).collect()
    }

    /// When the session is to be ended if nothing more is heard.
    pub fn silent_at(&self, silence: Duration) -> Timestamp {
        self.heard_at + silence
    }

    /// Ends the session because nothing more was heard. One that has ended stays as it is.
    pub fn fall_silent(self) -> Cut {
        self.cut(Ending::Silent)
    }

    /// Whether it was accepted as a whole, so that its messages need no credential. One that began
    /// with a certificate goes on with one.
    pub(crate) fn may_be_ridden(&self, transport: Transport) -> bool {
        self.auth == SessionAuth::WholeSession && (!self.vouched || transport == Transport::Vouched)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    pub(crate) fn cut(mut self, ending: Ending) -> Cut {
        self.ended.get_or_insert(ending);
        let outcomes = self.outstanding();
        self.incoming = Incoming::default();
        self.outstanding = Vec::new();
        self.outbox = Outbox::default();
        Cut { session: self, outcomes }
    }
}

/// Raised whenever an older process could misread a newer session.
const VERSION: u8 = 2;

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.key)
            .field("device", &self.device)
            .field("session_id", &self.session_id)
            .field("scope", &self.scope)
            .field("auth", &self.auth)
            .field("last_msg_id", &self.last.msg_id)
            .field("outstanding", &self.outstanding)
            .field("messages", &self.messages)
            .field("started_at", &self.started_at)
            .field("heard_at", &self.heard_at)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

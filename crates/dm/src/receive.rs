use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use model::{SessionKey, Timestamp};
use ring::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use syncml::Message;

use crate::{
    alert,
    identify::Identify,
    scope::{self, Scope},
    session::Session,
    settings::Settings,
};

/// SHA-256 of a message's bytes: tells a repeated message from another with the same `MsgID`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BodyHash([u8; 32]);

/// What is stored about the device that a message names: its newest session of each scope, open
/// or ended, whatever their `SessionID`s.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The newest session of the device's own.
    pub device: Option<Newest>,
    /// The newest session of a user.
    pub user: Option<Newest>,
    /// Whether the device said that it takes large objects (`./DevDetail/LrgObj`).
    pub large_objects: bool,
}

/// The newest session of a device in one scope.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The key of its row.
    pub key: SessionKey,
    /// The session; None if it was dropped or cannot be decoded.
    pub session: Option<Session>,
}

/// Takes a message in. `stored` is looked up by the Source of its header, which proves nothing:
/// nothing changes before [`Identify::verify`] says so.
pub fn receive<'m>(
    message: &'m Message<'m>,
    body_hash: BodyHash,
    stored: Stored,
    now: Timestamp,
    settings: &'m Settings,
) -> Identify<'m> {
    let scope = scope_of(message, &stored);
    let large_objects = stored.large_objects;
    let newest = match scope {
        Scope::Device => stored.device,
        Scope::User => stored.user,
    };
    let key = newest.as_ref().map(|newest| newest.key);
    let session = newest.and_then(|newest| newest.session);
    let session = session.filter(|session| session.device == message.header.source.uri);
    Identify { message, body_hash, scope, newest: key, session, large_objects, now, settings }
}

/// Package 1 says whose session it is; later messages say so by their `SessionID` only.
fn scope_of(message: &Message<'_>, stored: &Stored) -> Scope {
    if let Some(claimed) = scope::claimed(message) {
        return claimed;
    }
    if alert::read(message).any(|alert| alert.opens()) {
        return Scope::Device;
    }
    let is_its = |newest: &Option<Newest>| {
        let session = newest.as_ref().and_then(|newest| newest.session.as_ref());
        session.filter(|session| session.session_id == message.header.session_id).map(Session::is_open)
    };
    match (is_its(&stored.device), is_its(&stored.user)) {
        (None | Some(false), Some(true)) | (None, Some(false)) => Scope::User,
        _ => Scope::Device,
    }
}

impl BodyHash {
    /// The hash of a body.
    pub fn of(body: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, body).as_ref());
        Self(hash)
    }
}

impl Serialize for BodyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for BodyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(de::Error::custom)?;
        let hash = bytes.try_into().map_err(|_| de::Error::custom("expected 32 bytes"))?;
        Ok(Self(hash))
    }
}

impl fmt::Debug for BodyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyHash({})", STANDARD.encode(&self.0[..6]))
    }
}

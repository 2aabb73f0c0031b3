use std::fmt;

use model::SessionKey;

use crate::{
    identify::{Identify, Proven},
    mutual::Mutual,
    object::Incoming,
    outbox::Outbox,
    scope::Scope,
    session::{Ending, Exchange, Session},
    settings::SessionAuth,
    terms::Bounds,
    turn::Turn,
};

/// A device that begins a session, which needs the key of its row.
pub struct Opening<'m> {
    identify: Identify<'m>,
    /// The newest session of its scope.
    earlier: Option<Session>,
    proven: Proven,
}

impl<'m> Opening<'m> {
    pub(crate) fn new(identify: Identify<'m>, earlier: Option<Session>, proven: Proven) -> Self {
        Self { identify, earlier, proven }
    }

    /// The name of the device.
    pub fn device(&self) -> &'m str {
        self.identify.claimed()
    }

    /// Whose session it is.
    pub fn scope(&self) -> Scope {
        self.identify.scope
    }

    /// Begins the session under the key of its row. An open session of the same scope ends.
    pub fn begin(mut self, key: SessionKey) -> Turn<'m> {
        let replaced = self.earlier.take().filter(Session::is_open);
        let replaced = replaced.map(|session| session.cut(Ending::Replaced));
        let session = self.session(key);
        self.identify.turn(session, self.proven).opened_in_place_of(replaced)
    }

    fn session(&self, key: SessionKey) -> Session {
        let Identify { message, body_hash, scope, now, settings, .. } = self.identify;
        let Proven { nonce, signed, vouched } = self.proven;
        let header = &message.header;
        Session {
            key,
            device: header.source.uri.clone().into_owned(),
            session_id: header.session_id.clone().into_owned(),
            scope,
            auth: if signed { settings.session_auth } else { SessionAuth::EachMessage },
            vouched,
            nonce,
            last: Exchange { msg_id: header.msg_id, body_hash, signed, reply: String::new() },
            outstanding: Vec::new(),
            outbox: Outbox::default(),
            incoming: Incoming::default(),
            mutual: Mutual::default(),
            bounds: Bounds::default(),
            messages: 0,
            started_at: now,
            heard_at: now,
            ended: None,
        }
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("identify", &self.identify).finish_non_exhaustive()
    }
}

//! What is known of whoever sends a message, in the words of `dm`.

use dm::{Account, InnerHash, Newest, Stored, Turn};
use model::{Scope, SessionKey};
use push::Visit;
use secrecy::ExposeSecret;
use store::{StoredSession, Visitor};

use crate::state::State;

/// A visitor in the words of `dm`.
pub(crate) struct Known<'a> {
    pub(crate) visitor: &'a Visitor,
    pub(crate) account: Option<Account>,
    device: Option<State>,
    user: Option<State>,
}

impl<'a> Known<'a> {
    pub(crate) fn of(visitor: &'a Visitor) -> Self {
        let account = visitor.credential.as_ref().and_then(|credential| {
            let inner_hash = InnerHash::parse(credential.inner_hash.expose_secret())?;
            Some(Account { user: credential.user.clone(), inner_hash })
        });
        let device = visitor.device_session.as_ref().and_then(state);
        let user = visitor.user_session.as_ref().and_then(state);
        Self { visitor, account, device, user }
    }

    pub(crate) fn stored(&self) -> Stored {
        let newest = |key: Option<SessionKey>, state: &Option<State>| {
            key.map(|key| Newest { key, session: state.as_ref().map(|state| state.session.clone()) })
        };
        Stored {
            device: newest(self.visitor.device.device_session, &self.device),
            user: newest(self.visitor.device.user_session, &self.user),
            large_objects: self.visitor.device.info.large_objects.unwrap_or(false),
        }
    }

    pub(crate) fn newest(&self, scope: Scope) -> Option<SessionKey> {
        match scope {
            Scope::Device => self.visitor.device.device_session,
            Scope::User => self.visitor.device.user_session,
        }
    }

    /// The stored row that a turn goes on from.
    pub(crate) fn earlier(&self, turn: &Turn<'_>) -> Option<&'a StoredSession> {
        let key = turn.session().filter(|_| !turn.opened())?.key();
        let sessions = [&self.visitor.device_session, &self.visitor.user_session];
        sessions.into_iter().flatten().find(|session| session.key == key)
    }

    pub(crate) fn visit(&self, turn: &Turn<'_>) -> Option<Visit> {
        let key = turn.session()?.key();
        let state =
            [&self.device, &self.user].into_iter().flatten().find(|state| state.session.key() == key)?;
        state.visit.clone()
    }
}

/// A session that fell silent, or was superseded, is over although its own state does not know it yet.
fn state(stored: &StoredSession) -> Option<State> {
    let State { session, visit } = State::decode(&stored.state)?;
    let session = if stored.ended { session.fall_silent().session } else { session };
    Some(State { session, visit })
}

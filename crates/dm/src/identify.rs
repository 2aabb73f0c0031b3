use std::fmt;

use model::{SessionKey, Timestamp};
use syncml::{Command, Message};

use crate::{
    alert,
    credential::{self, Account, Candidate},
    nonce::{Nonce, NonceKey, Subject},
    outstanding,
    receive::BodyHash,
    reply::Reply,
    scope::Scope,
    session::{Ending, Exchange, Session},
    settings::{SessionAuth, Settings},
    turn::Turn,
};

/// A message whose sender has yet to prove who it is: load the account of the device that
/// [`claimed`](Self::claimed) names, then ask [`verify`](Self::verify).
pub struct Identify<'m> {
    pub(crate) message: &'m Message<'m>,
    pub(crate) body_hash: BodyHash,
    pub(crate) scope: Scope,
    /// The newest session's row, of which `session` may be lost.
    pub(crate) newest: Option<SessionKey>,
    pub(crate) session: Option<Session>,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'m Settings,
}

/// The verdict about a message's sender.
#[expect(clippy::large_enum_variant, reason = "one per message, taken apart at once")]
pub enum Identified<'m> {
    /// The device, in a session that exists or in none that is open.
    Turn(Turn<'m>),
    /// The device, and it begins a session.
    Opening(Opening<'m>),
    /// Nobody yet: the reply asks for a credential. Store nothing.
    Challenge(Vec<u8>),
    /// The reply says no. Store nothing.
    Refused(Vec<u8>),
}

/// A device that begins a session, which needs the key of its row.
#[derive(Debug)]
pub struct Opening<'m> {
    identify: Identify<'m>,
    nonce: Option<Nonce>,
}

/// Where an authenticated message belongs.
enum Place {
    Opens,
    Continues(Session),
    /// In no session that exists.
    Stray,
}

impl<'m> Identify<'m> {
    /// The name of the device that the sender claims to be: the header's Source.
    pub fn claimed(&self) -> &'m str {
        &self.message.header.source.uri
    }

    /// Whose session it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Checks the credential. `account` is None if there is no such device; the answer and the
    /// work are then those of a wrong credential.
    pub fn verify(self, account: Option<&Account>, key: &NonceKey) -> Identified<'m> {
        let subject = Subject {
            device: self.claimed(),
            session_id: &self.message.header.session_id,
            scope: self.scope,
            newest: self.newest,
        };
        let [current, previous] = key.nonces(&subject, self.now);
        let Some(cred) = &self.message.header.cred else {
            if self.rides_on_session() && account.is_some() {
                return self.admit(None);
            }
            return self.challenge(407, &current);
        };
        let of_session = self.session_nonce();
        let candidates = [
            Candidate { nonce: of_session.unwrap_or(current), valid: of_session.is_some() },
            Candidate { nonce: current, valid: true },
            Candidate { nonce: previous, valid: true },
        ];
        match credential::verify(cred, &self.settings.schemes, account, &candidates) {
            Some(proven) => self.admit(proven.nonce),
            None if self.may_try_again() => self.challenge(401, &current),
            None => self.refuse(401),
        }
    }

    /// Without a credential, in a session that was accepted as a whole.
    fn rides_on_session(&self) -> bool {
        self.own_session().is_some_and(|session| session.auth == SessionAuth::WholeSession)
    }

    /// The session's nonce is good for its further messages, never for opening one: whoever
    /// repeats an old package 1 must not get a new session.
    fn session_nonce(&self) -> Option<Nonce> {
        self.own_session()?.nonce
    }

    /// The session that the message says it continues.
    fn own_session(&self) -> Option<&Session> {
        let session_id = &self.message.header.session_id;
        let session = self.session.as_ref()?;
        (session.session_id == *session_id && !self.says_it_opens()).then_some(session)
    }

    fn says_it_opens(&self) -> bool {
        alert::read(self.message).any(|alert| alert.opens())
    }

    /// One more challenge after a wrong credential is enough (oma-dm.md §7.2), but a device in an
    /// open session must be able to find back into it.
    fn may_try_again(&self) -> bool {
        self.message.header.msg_id <= 3 || self.own_session().is_some_and(Session::is_open)
    }

    fn challenge(&self, code: u16, nonce: &Nonce) -> Identified<'m> {
        let chal = self.settings.schemes.challenge(nonce);
        Identified::Challenge(Reply::to(self.message).refusal(code, Some(chal)).into_bytes())
    }

    fn refuse(&self, code: u16) -> Identified<'m> {
        Identified::Refused(Reply::to(self.message).refusal(code, None).into_bytes())
    }

    /// The sender is the device; `nonce` is what its digest was made with.
    fn admit(mut self, nonce: Option<Nonce>) -> Identified<'m> {
        let header = &self.message.header;
        if header.session_id.len() > LONGEST_SESSION_ID {
            return self.refuse(400);
        }
        match self.place() {
            Place::Opens => Identified::Opening(Opening { identify: self, nonce }),
            // An older message, or another one under the last MsgID (oma-dm.md §3.5).
            Place::Continues(session) if header.msg_id <= session.last.msg_id => self.refuse(400),
            Place::Continues(mut session) => {
                session.nonce = nonce.or(session.nonce);
                Identified::Turn(self.turn(session))
            }
            Place::Stray => Identified::Turn(Turn::stray(self.message, self.scope)),
        }
    }

    fn place(&mut self) -> Place {
        if self.says_it_opens() {
            return Place::Opens;
        }
        let is_own = self.own_session().is_some();
        match self.session.take() {
            Some(session) if is_own => Place::Continues(session),
            Some(session) if session.is_open() => Place::Stray,
            _ if answers_something(self.message) => Place::Stray,
            ended => {
                self.session = ended;
                Place::Opens
            }
        }
    }

    fn turn(self, session: Session) -> Turn<'m> {
        Turn::in_session(self.message, self.body_hash, session, self.now, self.settings)
    }
}

impl<'m> Opening<'m> {
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
        let replaced = self.identify.session.take().filter(Session::is_open);
        let replaced = replaced.map(|session| session.cut(Ending::Replaced));
        let session = self.session(key);
        self.identify.turn(session).opened_in_place_of(replaced)
    }

    fn session(&self, key: SessionKey) -> Session {
        let Identify { message, body_hash, scope, now, settings, .. } = self.identify;
        Session {
            key,
            device: message.header.source.uri.clone().into_owned(),
            session_id: message.header.session_id.clone().into_owned(),
            scope,
            auth: settings.session_auth,
            nonce: self.nonce,
            last: Exchange { msg_id: message.header.msg_id, body_hash, reply: String::new() },
            outstanding: Vec::new(),
            messages: 0,
            started_at: now,
            heard_at: now,
            ended: None,
        }
    }
}

/// The protocol says four bytes (oma-dm.md §2.2); some room for newer clients.
const LONGEST_SESSION_ID: usize = 64;

/// Results, or Statuses of commands: it belongs to a session that we do not know any more.
fn answers_something(message: &Message<'_>) -> bool {
    message.commands.iter().any(|command| match command {
        Command::Results(_) => true,
        Command::Status(status) => !outstanding::is_about_header(status),
        _ => false,
    })
}

impl fmt::Debug for Identify<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identify")
            .field("claimed", &self.claimed())
            .field("scope", &self.scope)
            .field("msg_id", &self.message.header.msg_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turn(turn) => f.debug_tuple("Turn").field(turn).finish(),
            Self::Opening(opening) => f.debug_tuple("Opening").field(opening).finish(),
            Self::Challenge(reply) => write!(f, "Challenge({} bytes)", reply.len()),
            Self::Refused(reply) => write!(f, "Refused({} bytes)", reply.len()),
        }
    }
}

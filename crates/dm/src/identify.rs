use std::fmt;

use model::{SessionKey, Timestamp};
use syncml::{Command, Message};

use crate::{
    account::Account,
    alert,
    credential::{self, Candidate, Verdict},
    dev_info, matching,
    nonce::{Nonce, NonceKey, Subject},
    opening::Opening,
    proof::{Refusal, Transport},
    receive::BodyHash,
    reply::Reply,
    scope::Scope,
    session::Session,
    settings::Settings,
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
    pub(crate) large_objects: bool,
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
    /// The device, with its last message again: the same reply, byte for byte. Store nothing.
    Repeat(Vec<u8>),
    /// Nobody yet: the reply asks for a credential. Store nothing.
    Challenge {
        /// The reply.
        reply: Vec<u8>,
        /// A digest came that shows the right password, over a nonce that is empty or outdated: whoever sent it did
        /// not guess. Windows and others begin like this (oma-dm.md §7.2).
        stale: bool,
    },
    /// The reply says no. Store nothing of the session.
    Refused {
        /// The reply.
        reply: Vec<u8>,
        /// Whose fault it is.
        why: Refusal,
    },
}

/// Why a message's credential is not enough.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Wrong,
    Stale,
}

/// How a message was signed.
#[derive(Clone, Copy)]
pub(crate) struct Proven {
    /// The nonce that the digest was made with.
    pub(crate) nonce: Option<Nonce>,
    /// False in a session that was accepted as a whole, where no credential has to come.
    pub(crate) signed: bool,
    pub(crate) vouched: bool,
}

/// Where an authenticated message belongs.
enum Place {
    Opens,
    Continues,
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

    /// Checks who sent the message. `account` is None if the device has no credential, or does not
    /// exist; the answer and the work are then those of a wrong credential. `transport` vouches
    /// only for the device that the message names.
    pub fn verify(self, account: Option<&Account>, transport: Transport, key: &NonceKey) -> Identified<'m> {
        let subject = Subject {
            device: self.claimed(),
            session_id: &self.message.header.session_id,
            scope: self.scope,
            newest: self.newest,
        };
        let nonces = key.nonces(&subject, self.now);
        let credential = self.credential(account, transport, || self.candidates(&subject, nonces, key));
        if let Some(reply) = self.repeated(account, transport) {
            return Identified::Repeat(reply);
        }
        let vouched = transport == Transport::Vouched;
        let proven = match credential {
            Ok(proven) => Some(proven),
            Err(Fault::Missing) => None,
            Err(fault) => return self.deny(fault, &nonces[0]),
        };
        if !self.settings.proof.is_given(vouched, proven.is_some()) {
            let fault = if self.message.header.cred.is_some() { Fault::Wrong } else { Fault::Missing };
            return self.deny(fault, &nonces[0]);
        }
        self.admit(proven.unwrap_or(Proven { nonce: None, signed: false, vouched }))
    }

    fn credential(
        &self,
        account: Option<&Account>,
        transport: Transport,
        candidates: impl FnOnce() -> Vec<Candidate>,
    ) -> Result<Proven, Fault> {
        let vouched = transport == Transport::Vouched;
        let Some(cred) = self.message.header.cred.as_ref().filter(|_| self.is_asked(account, transport))
        else {
            let rides = account.is_some() && self.rides_on_session(transport);
            let proven = Proven { nonce: None, signed: false, vouched };
            return if rides { Ok(proven) } else { Err(Fault::Missing) };
        };
        match credential::verify(cred, &self.settings.schemes, account, &candidates()) {
            Verdict::Right(nonce) => Ok(Proven { nonce, signed: true, vouched }),
            Verdict::Stale => Err(Fault::Stale),
            Verdict::Wrong => Err(Fault::Wrong),
        }
    }

    /// The nonces that a digest may be over: as many of them whether there is a session or not.
    fn candidates(
        &self,
        subject: &Subject<'_>,
        [current, previous]: [Nonce; 2],
        key: &NonceKey,
    ) -> Vec<Candidate> {
        // The session's nonce is good for its further messages, never for opening one: whoever repeats an old package 1
        // must not get a new session.
        let of_session = self.session.as_ref().and_then(|session| session.nonce);
        let goes_on = of_session.is_some() && self.own_session().is_some();
        let mut candidates = vec![
            Candidate { nonce: of_session.unwrap_or(current), valid: goes_on },
            Candidate { nonce: current, valid: true },
            Candidate { nonce: previous, valid: true },
        ];
        let outdated = key.outdated(subject, self.now);
        candidates.extend(outdated.map(|nonce| Candidate { nonce, valid: false }));
        candidates
    }

    /// Whether a credential means anything: not where only certificates count, nor beside a
    /// certificate of a device that has none to compare with.
    fn is_asked(&self, account: Option<&Account>, transport: Transport) -> bool {
        let stands_alone = transport == Transport::Vouched && self.settings.proof.is_given(true, false);
        !self.settings.schemes.is_empty() && (account.is_some() || !stands_alone)
    }

    /// The reply to a message that comes again, for whoever proves to be the device again: without
    /// a credential in it, its bytes can be guessed.
    fn repeated(&self, account: Option<&Account>, transport: Transport) -> Option<Vec<u8>> {
        let session = self.session.as_ref()?;
        let header = &self.message.header;
        let is_last = session.session_id == header.session_id
            && session.last.msg_id == header.msg_id
            && session.last.body_hash == self.body_hash;
        let credential = session.last.signed || (account.is_some() && session.may_be_ridden(transport));
        let proven = self.settings.proof.is_given(transport == Transport::Vouched, credential);
        (is_last && proven).then(|| session.last.reply.clone().into_bytes())
    }

    /// Without a credential, in a session that was accepted as a whole.
    fn rides_on_session(&self, transport: Transport) -> bool {
        self.own_session().is_some_and(|session| session.may_be_ridden(transport))
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

    /// 407 without a credential, 401 with a wrong one: the same for devices that do not exist. Where
    /// no credential is accepted there is nothing to ask for.
    fn deny(&self, fault: Fault, nonce: &Nonce) -> Identified<'m> {
        let code = if fault == Fault::Missing { 407 } else { 401 };
        let may_ask = fault == Fault::Missing || self.may_try_again();
        let Some(chal) = self.settings.schemes.challenge(nonce).filter(|_| may_ask) else {
            return self.refuse(code, Refusal::Credential);
        };
        let reply = Reply::to(self.message).refusal(code, Some(chal)).into_bytes();
        Identified::Challenge { reply, stale: fault == Fault::Stale }
    }

    /// A device must be able to find back into its session at any of its messages, and a stranger must not see from
    /// the answer whether it has one.
    fn may_try_again(&self) -> bool {
        self.message.header.msg_id <= self.settings.max_messages
    }

    fn refuse(&self, code: u16, why: Refusal) -> Identified<'m> {
        let reply = Reply::to(self.message).refusal(code, None).into_bytes();
        Identified::Refused { reply, why }
    }

    /// The sender is the device.
    fn admit(mut self, proven: Proven) -> Identified<'m> {
        let header = &self.message.header;
        if header.session_id.len() > LONGEST_SESSION_ID {
            return self.refuse(400, Refusal::SessionId);
        }
        if !dev_info::may_be_of(self.message, self.claimed()) {
            return self.refuse(403, Refusal::DevId);
        }
        match (self.place(), self.session.take()) {
            // An older message, or another one under the last MsgID (oma-dm.md §3.5).
            (Place::Continues, Some(session)) if header.msg_id <= session.last.msg_id => {
                self.refuse(400, Refusal::MsgId)
            }
            (Place::Continues, Some(mut session)) => {
                session.nonce = proven.nonce.or(session.nonce);
                Identified::Turn(self.turn(session, proven))
            }
            (Place::Opens, session) => Identified::Opening(Opening::new(self, session, proven)),
            (Place::Stray | Place::Continues, _) => {
                Identified::Turn(Turn::stray(self.message, self.scope, self.settings))
            }
        }
    }

    fn place(&self) -> Place {
        if self.says_it_opens() {
            return Place::Opens;
        }
        match &self.session {
            Some(_) if self.own_session().is_some() => Place::Continues,
            Some(session) if session.is_open() => Place::Stray,
            _ if answers_something(self.message) => Place::Stray,
            _ => Place::Opens,
        }
    }

    pub(crate) fn turn(&self, session: Session, proven: Proven) -> Turn<'m> {
        Turn::in_session(self, session, proven.signed)
    }
}

/// The protocol says four bytes (oma-dm.md §2.2); some room for newer clients.
const LONGEST_SESSION_ID: usize = 64;

/// Results, or Statuses of commands: it belongs to a session that we do not know any more.
fn answers_something(message: &Message<'_>) -> bool {
    message.commands.iter().any(|command| match command {
        Command::Results(_) => true,
        Command::Status(status) => !matching::is_about_header(status),
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
            Self::Repeat(reply) => write!(f, "Repeat({} bytes)", reply.len()),
            Self::Challenge { reply, stale } => write!(f, "Challenge({} bytes, stale: {stale})", reply.len()),
            Self::Refused { reply, why } => write!(f, "Refused({why:?}, {} bytes)", reply.len()),
        }
    }
}

//! What a gateway does around the session: load, receive, identify, answer, store. After each step it is checked what
//! must hold.

use std::{collections::BTreeMap, time::Duration};

use dm::{
    Account, Answer, BodyHash, Identified, Newest, NonceKey, Proof, Scheme, Schemes, Scope, ServerAccount,
    Session, SessionAuth, Settings, Stored, Transport, Turn, inner_hash, receive,
};
use model::{SessionKey, Timestamp};
use syncml::{Limits, Message};
use uuid::Uuid;

use crate::{
    device::Said,
    ledger::Ledger,
    reply,
    script::{Order, Setup, Who},
};

pub(crate) const DEVICE: &str = "0123456789ABCDEF0123456789ABCDEF";
pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "hunter2";

/// A gateway with one device. Sessions are kept in their stored form.
pub(crate) struct Gateway {
    settings: Settings,
    account: Option<Account>,
    large_objects: bool,
    now: Timestamp,
    rows: BTreeMap<&'static str, (SessionKey, Vec<u8>)>,
    keys: u128,
    ledger: Ledger,
    /// What the sessions of each row were last answered.
    said: BTreeMap<SessionKey, Vec<u8>>,
    /// The least that the device said of its limits in each session.
    bounds: BTreeMap<SessionKey, usize>,
}

impl Gateway {
    pub(crate) fn new(setup: &Setup) -> Self {
        let account = || (USER.to_owned(), inner_hash(USER, PASSWORD));
        let schemes = [(setup.md5, Scheme::Md5), (setup.basic, Scheme::Basic)];
        let server = setup.has_server_account.then(account);
        let settings = Settings {
            session_auth: if setup.whole_session {
                SessionAuth::WholeSession
            } else {
                SessionAuth::EachMessage
            },
            schemes: Schemes::new(schemes.into_iter().filter(|(on, _)| *on).map(|(_, scheme)| scheme)),
            proof: if setup.both_proofs { Proof::Both } else { Proof::Either },
            server: server.map(|(user, inner_hash)| ServerAccount { user, inner_hash }),
            max_messages: u32::from(setup.max_messages % 16) + 1,
            max_message_bytes: usize::from(setup.max_message_bytes % 8192),
            max_object_bytes: usize::from(setup.max_object_bytes % 512),
            ..Settings::default()
        };
        let account = setup.has_password.then(account).map(|(user, inner_hash)| Account { user, inner_hash });
        Self {
            settings,
            account,
            large_objects: setup.large_objects,
            now: Timestamp::EPOCH + Duration::from_secs(1_000_000),
            rows: BTreeMap::new(),
            keys: 0,
            ledger: Ledger::default(),
            said: BTreeMap::new(),
            bounds: BTreeMap::new(),
        }
    }

    pub(crate) fn wait(&mut self, seconds: u16) {
        self.now = self.now + Duration::from_secs(seconds.into());
    }

    /// The timer that ends silent sessions.
    pub(crate) fn fall_silent(&mut self) {
        let sessions: Vec<Session> = self.rows.values().map(|(_, blob)| decode(blob)).collect();
        for session in sessions {
            let cut = session.fall_silent();
            self.ledger.hear(&cut.outcomes);
            self.store(&cut.session);
        }
    }

    /// The end: every command has had its outcome.
    pub(crate) fn settle(&self) {
        self.ledger.settle();
    }

    /// Takes a message; None if it is none.
    pub(crate) fn post(&mut self, said: &Said, certificate: bool, orders: &[Order]) -> Option<Vec<u8>> {
        let Said { body, who } = said;
        let message = Message::parse(body, &Limits::default()).ok()?;
        let settings = self.settings.clone();
        let identify = receive(&message, BodyHash::of(body), self.stored(), self.now, &settings);
        let account = self.account.clone().filter(|_| identify.claimed() == DEVICE);
        // A certificate vouches for the device that it was issued to, whoever a message says it comes from.
        let is_vouched = certificate && identify.claimed() == DEVICE;
        let transport = if is_vouched { Transport::Vouched } else { Transport::Anonymous };
        let may_believe = is_vouched || self.may_believe(*who);
        let turn = match identify.verify(account.as_ref(), transport, &NonceKey::new(&[7; 32])) {
            Identified::Repeat(reply) => {
                assert!(may_believe, "{who:?} is told what the device was told");
                assert!(self.said.values().any(|said| *said == reply), "the same reply, byte for byte");
                return Some(reply);
            }
            Identified::Challenge { reply, .. } | Identified::Refused { reply, .. } => {
                refused(&message, &reply);
                return Some(reply);
            }
            Identified::Turn(turn) => turn,
            Identified::Opening(opening) => {
                self.keys += 1;
                opening.begin(SessionKey::new(Uuid::from_u128(self.keys)))
            }
        };
        assert!(may_believe, "{who:?} is believed");
        Some(self.answer(&message, turn, orders))
    }

    /// Whoever has nothing to show is never believed, but in a session that was accepted as a whole.
    fn may_believe(&self, who: Who) -> bool {
        let is_whole = self.settings.session_auth == SessionAuth::WholeSession;
        match who {
            Who::Unknown => false,
            Who::Nobody | Who::Certificate => is_whole,
            Who::Forger => is_whole && self.settings.schemes.is_empty(),
            Who::Digest | Who::Basic | Who::CertificateAndDigest => self.account.is_some(),
        }
    }

    fn answer(&mut self, message: &Message<'_>, turn: Turn<'_>, orders: &[Order]) -> Vec<u8> {
        if let Some(cut) = turn.replaced() {
            self.ledger.hear(&cut.outcomes);
            assert!(cut.session.ended().is_some());
        }
        self.ledger.hear(turn.outcomes());
        let _ = (format!("{turn:?}"), turn.alerts().len(), turn.dev_info());
        let may_send = turn.may_send();
        let commands = self.ledger.place(orders);
        let count = commands.len();
        let Answer { session, reply, ended, unsent, refused } = turn.answer(commands);
        assert!(!may_send || unsent.is_empty(), "commands are given back where they may be sent");
        assert!(unsent.len() + refused.len() <= count || session.is_some());
        self.ledger.give_back(&unsent);
        self.ledger.refuse(&refused);

        let read = reply::check(message, &reply);
        assert!(matches!(reply::code(&read), 200 | 212));
        let is_bare = reply::is_bare(&read);
        assert!(is_bare || ended.is_none(), "a session that ends says no more");
        if let Some(session) = &session {
            assert_eq!(session.ended(), ended.or(session.ended()));
            let limit = self.limit(message, session.key());
            assert!(is_bare || reply.len() <= limit, "{} bytes of at most {limit}", reply.len());
            self.said.insert(session.key(), reply.clone());
            self.store(session);
        } else {
            assert!(is_bare, "no commands where no session is");
        }
        reply
    }

    /// How long a reply may be: as long as the device last said, and never longer than we want.
    fn limit(&mut self, message: &Message<'_>, session: SessionKey) -> usize {
        let said =
            message.header.meta.as_ref().and_then(|meta| meta.max_msg_size.as_deref()?.trim().parse().ok());
        if let Some(said) = said.filter(|said| *said > 0) {
            self.bounds.insert(session, said);
        }
        self.bounds.get(&session).copied().unwrap_or(usize::MAX).min(self.settings.max_message_bytes)
    }

    fn store(&mut self, session: &Session) {
        let blob = session.encode();
        assert_eq!(&decode(&blob), session);
        assert!(!format!("{session:?}").contains(PASSWORD));
        self.rows.insert(row(session.scope()), (session.key(), blob));
    }

    fn stored(&self) -> Stored {
        let newest = |scope| {
            let (key, blob) = self.rows.get(row(scope))?;
            Some(Newest { key: *key, session: Some(decode(blob)) })
        };
        let large_objects = self.large_objects;
        Stored { device: newest(Scope::Device), user: newest(Scope::User), large_objects }
    }
}

fn row(scope: Scope) -> &'static str {
    match scope {
        Scope::Device => "device",
        Scope::User => "user",
    }
}

fn decode(blob: &[u8]) -> Session {
    Session::decode(blob).expect("what was stored can be loaded")
}

/// Who is not believed gets Statuses only, all with the same code.
fn refused(message: &Message<'_>, reply: &[u8]) {
    let read = reply::check(message, reply);
    assert!(reply::is_only_statuses(&read), "no commands before the device is known");
    assert!(read.is_final);
    assert!(reply::code(&read) >= 400);
}

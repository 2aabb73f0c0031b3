//! What a gateway does around the session: load, receive, identify, answer, store.

use std::time::Duration;

use dm::{
    Account, BodyHash, Cut, DevInfo, Ending, Identified, Newest, NonceKey, Outcome, Outgoing, ReceivedAlert,
    Refusal, Scope, Session, Settings, Stored, Transport, Unsendable, inner_hash, receive,
};
use model::{SessionKey, Timestamp};
use syncml::{Command, Limits, Message, Secret, Status};
use uuid::Uuid;

use crate::device::{DEVICE, PASSWORD, USER};

/// A gateway with one device. Sessions are kept in their stored form.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    pub(crate) is_enrolled: bool,
    pub(crate) has_password: bool,
    /// What the device's connection says about it.
    pub(crate) transport: Transport,
    pub(crate) large_objects: bool,
    pub(crate) device: Option<(SessionKey, Vec<u8>)>,
    pub(crate) user: Option<(SessionKey, Vec<u8>)>,
    pub(crate) keys: u128,
}

/// How one message was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Repeated,
    Challenged,
    Refused(Refusal),
    Believed,
}

/// What came of one message.
#[expect(clippy::struct_excessive_bools, reason = "each is what a test asks for")]
#[derive(Debug)]
pub(crate) struct Posted {
    pub(crate) taken: Taken,
    /// Whether the challenge is to a credential that is no guess.
    pub(crate) stale: bool,
    pub(crate) reply: String,
    pub(crate) opened: bool,
    pub(crate) scope: Option<Scope>,
    pub(crate) may_send: bool,
    pub(crate) unenrolled: bool,
    pub(crate) aborted: bool,
    pub(crate) ignored: usize,
    /// As `code kind data`.
    pub(crate) alerts: Vec<String>,
    pub(crate) dev_info: Option<DevInfo>,
    pub(crate) ended: Option<Ending>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) replaced: Option<Cut>,
    pub(crate) unsent: Vec<Outgoing>,
    pub(crate) refused: Vec<Unsendable>,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            now: Timestamp::EPOCH + Duration::from_secs(1_000_000),
            is_enrolled: true,
            has_password: true,
            transport: Transport::Anonymous,
            large_objects: false,
            device: None,
            user: None,
            keys: 0,
        }
    }

    /// Takes a message, sends nothing of its own.
    pub(crate) fn post(&mut self, body: &str) -> Posted {
        self.post_and_send(body, Vec::new())
    }

    /// Takes a message and answers it with commands.
    pub(crate) fn post_and_send(&mut self, body: &str, commands: Vec<Outgoing>) -> Posted {
        let message = Message::parse(body.as_bytes(), &Limits::default()).unwrap();
        let hash = BodyHash::of(body.as_bytes());
        let settings = self.settings.clone();
        let identify = receive(&message, hash, self.stored(), self.now, &settings);
        let account = Account { user: USER.to_owned(), inner_hash: inner_hash(USER, PASSWORD) };
        let is_known = self.is_enrolled && self.has_password && identify.claimed() == DEVICE;
        let account = is_known.then_some(account);
        let turn = match identify.verify(account.as_ref(), self.transport, &NonceKey::new(&[7; 32])) {
            Identified::Repeat(reply) => return posted(Taken::Repeated, reply),
            Identified::Challenge { reply, stale } => {
                return Posted { stale, ..posted(Taken::Challenged, reply) };
            }
            Identified::Refused { reply, why } => return posted(Taken::Refused(why), reply),
            Identified::Turn(turn) => turn,
            Identified::Opening(opening) => opening.begin(self.next_key()),
        };
        let mut posted = Posted {
            opened: turn.opened(),
            scope: Some(turn.scope()),
            may_send: turn.may_send(),
            unenrolled: turn.unenrolled(),
            aborted: turn.aborted(),
            ignored: turn.ignored(),
            alerts: turn.alerts().iter().map(shown_alert).collect(),
            dev_info: turn.dev_info(),
            outcomes: turn.outcomes().to_vec(),
            replaced: turn.replaced().cloned(),
            ..posted(Taken::Believed, Vec::new())
        };
        let answer = turn.answer(commands);
        if let Some(session) = &answer.session {
            self.store(session);
        }
        posted.reply = String::from_utf8(answer.reply).unwrap();
        posted.ended = answer.ended;
        posted.unsent = answer.unsent;
        posted.refused = answer.refused;
        posted
    }

    /// The stored session of the device's own scope.
    pub(crate) fn session(&self) -> Option<Session> {
        Session::decode(&self.device.as_ref()?.1)
    }

    /// The timer that ends silent sessions.
    pub(crate) fn fall_silent(&mut self) -> Vec<Outcome> {
        let Some(session) = self.session() else { return Vec::new() };
        let cut = session.fall_silent();
        self.store(&cut.session);
        cut.outcomes
    }

    fn store(&mut self, session: &Session) {
        let row = Some((session.key(), session.encode()));
        match session.scope() {
            Scope::Device => self.device = row,
            Scope::User => self.user = row,
        }
    }

    fn stored(&self) -> Stored {
        let newest = |row: &Option<(SessionKey, Vec<u8>)>| {
            let (key, blob) = row.as_ref()?;
            Some(Newest { key: *key, session: Session::decode(blob) })
        };
        let large_objects = self.large_objects;
        Stored { device: newest(&self.device), user: newest(&self.user), large_objects }
    }

    fn next_key(&mut self) -> SessionKey {
        self.keys += 1;
        SessionKey::new(Uuid::from_u128(self.keys))
    }
}

fn posted(taken: Taken, reply: Vec<u8>) -> Posted {
    Posted {
        taken,
        stale: false,
        reply: String::from_utf8(reply).unwrap(),
        opened: false,
        scope: None,
        may_send: false,
        unenrolled: false,
        aborted: false,
        ignored: 0,
        alerts: Vec::new(),
        dev_info: None,
        ended: None,
        outcomes: Vec::new(),
        replaced: None,
        unsent: Vec::new(),
        refused: Vec::new(),
    }
}

impl Posted {
    /// The reply, read.
    pub(crate) fn message(&self) -> Message<'_> {
        Message::parse(self.reply.as_bytes(), &Limits::default()).unwrap()
    }

    /// The reply's Statuses as `CmdRef Cmd Data`, its other commands by name, and `Final`.
    pub(crate) fn shape(&self) -> Vec<String> {
        let message = self.message();
        let shape = |command: &Command<'_>| match command {
            Command::Status(it) => shown_status(it),
            Command::Alert(alert) => format!("Alert {}", alert.code().unwrap()),
            command => command.name().to_owned(),
        };
        let mut shapes: Vec<String> = message.commands.iter().map(shape).collect();
        if message.is_final {
            shapes.push("Final".to_owned());
        }
        shapes
    }

    /// The code of the `SyncHdr`'s Status.
    pub(crate) fn code(&self) -> u16 {
        match &self.message().commands[0] {
            Command::Status(status) => status.code().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The scheme of the challenge and its nonce in base64.
    pub(crate) fn challenge(&self) -> Option<(String, Option<String>)> {
        let message = self.message();
        let Command::Status(status) = &message.commands[0] else { panic!("{message:?}") };
        let meta = &status.chal.as_ref()?.meta;
        let nonce = meta.next_nonce.as_ref().map(Secret::expose).map(str::to_owned);
        Some((meta.kind.clone().unwrap().into_owned(), nonce))
    }

    /// The outcomes as `tag target status value`.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        self.outcomes.iter().map(shown).collect()
    }
}

pub(crate) fn shown(outcome: &Outcome) -> String {
    let status = outcome.status.map_or("?".to_owned(), |code| code.to_string());
    let target = outcome.target.as_deref().unwrap_or("-");
    let value = outcome.value.as_deref().map_or(String::new(), |value| format!(" {value}"));
    format!("{} {target} {status}{value}", outcome.tag.as_str())
}

fn shown_alert(alert: &ReceivedAlert<'_>) -> String {
    format!("{} {} {}", alert.code, alert.kind.unwrap_or("-"), alert.data.unwrap_or("-"))
}

/// A Status as `CmdRef Cmd Data`.
pub(crate) fn shown_status(status: &Status<'_>) -> String {
    [&status.cmd_ref, &status.cmd, &status.data].map(|text| text.as_deref().unwrap_or_default()).join(" ")
}

//! A server made of the real engine: it holds sessions with a simulated device, without HTTP and without a database.

use std::collections::VecDeque;

use dm::{
    Account, BodyHash, Ending, Identified, Newest, NonceKey, Outcome, Outgoing, Session, Settings, Stored,
    Transport, Unsendable, inner_hash, receive,
};
use model::{SessionKey, Timestamp};
use simulator::device::{Device, Opening, ProtocolError, SessionReport, Step};
use syncml::{Limits, Message};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

/// The engine, one device's stored session, and what there is to send.
pub(crate) struct Engine {
    pub(crate) settings: Settings,
    /// What the device is known to have said of `LrgObj`.
    pub(crate) large_objects: bool,
    /// Commands for the device, a batch for each message that may carry some.
    pub(crate) orders: VecDeque<Vec<Outgoing>>,
    stored: Option<(SessionKey, Vec<u8>)>,
    keys: u128,
}

/// What came of a session.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) report: Option<SessionReport>,
    /// Why the device could not go on.
    pub(crate) broke: Option<ProtocolError>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) refused: Vec<Unsendable>,
    pub(crate) ended: Option<Ending>,
    pub(crate) ignored: usize,
    /// The bytes of each reply, and of each message of the device.
    pub(crate) replies: Vec<String>,
    pub(crate) messages: Vec<String>,
}

impl Engine {
    pub(crate) fn new(orders: impl IntoIterator<Item = Vec<Outgoing>>) -> Self {
        Self {
            settings: Settings::default(),
            large_objects: false,
            orders: orders.into_iter().collect(),
            stored: None,
            keys: 0,
        }
    }

    /// Holds one session of the device to its end.
    pub(crate) fn hold(&mut self, device: &mut Device) -> Held {
        let mut held = Held::default();
        let mut message = device.start(Opening::Schedule, NOW);
        // More than twice what a session may have: the two do not come to an end.
        for _ in 0..2 * self.settings.max_messages {
            let reply = self.answer(&message, &mut held);
            held.messages.push(String::from_utf8(message).unwrap());
            held.replies.push(String::from_utf8(reply.clone()).unwrap());
            match device.receive(&reply, NOW) {
                Ok(Step::Send(next)) => message = next,
                Ok(Step::Done(report)) => {
                    held.report = Some(report);
                    return held;
                }
                Ok(Step::Register(_)) => panic!("these devices have no PFN"),
                Err(error) => {
                    held.broke = Some(error);
                    return held;
                }
            }
        }
        panic!("the session does not end: {:#?}", held.messages);
    }

    fn answer(&mut self, bytes: &[u8], held: &mut Held) -> Vec<u8> {
        let message = Message::parse(bytes, &Limits::default()).unwrap();
        let settings = self.settings.clone();
        let identify = receive(&message, BodyHash::of(bytes), self.stored(), NOW, &settings);
        let account = Account { user: "user".into(), inner_hash: inner_hash("user", "password") };
        let turn = match identify.verify(Some(&account), Transport::Anonymous, &NonceKey::new(&[3; 32])) {
            Identified::Repeat(reply)
            | Identified::Challenge { reply, .. }
            | Identified::Refused { reply, .. } => {
                return reply;
            }
            Identified::Turn(turn) => turn,
            Identified::Opening(opening) => {
                self.keys += 1;
                opening.begin(SessionKey::new(Uuid::from_u128(self.keys)))
            }
        };
        held.outcomes.extend_from_slice(turn.outcomes());
        held.ignored += turn.ignored();
        let orders = if turn.may_send() { self.orders.pop_front().unwrap_or_default() } else { Vec::new() };
        let answer = turn.answer(orders);
        assert!(answer.unsent.is_empty(), "commands are given only when some may be sent");
        held.refused.extend(answer.refused);
        held.ended = answer.ended.or(held.ended);
        // Between two messages a session is bytes.
        self.stored = answer.session.map(|session| (session.key(), session.encode()));
        answer.reply
    }

    fn stored(&self) -> Stored {
        let newest =
            self.stored.as_ref().map(|(key, blob)| Newest { key: *key, session: Session::decode(blob) });
        Stored { device: newest, user: None, large_objects: self.large_objects }
    }
}

impl Held {
    /// The outcomes as `tag code`, those of several nodes as `tag code node`.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = |outcome: &Outcome| {
            let code = outcome.status.map_or("?".to_owned(), |code| code.to_string());
            format!("{} {code}", outcome.tag.as_str())
        };
        self.outcomes.iter().map(told).collect()
    }

    /// The code that a command came to; it has one node.
    pub(crate) fn code(&self, tag: &str) -> Option<u16> {
        let mut of_it = self.outcomes.iter().filter(|outcome| outcome.tag.as_str() == tag);
        let outcome = of_it.next().unwrap_or_else(|| panic!("no outcome of {tag}: {:?}", self.told()));
        assert!(of_it.next().is_none(), "{tag} is told twice: {:?}", self.told());
        outcome.status
    }

    pub(crate) fn value(&self, tag: &str) -> Option<&str> {
        self.outcomes.iter().find(|outcome| outcome.tag.as_str() == tag)?.value.as_deref()
    }
}

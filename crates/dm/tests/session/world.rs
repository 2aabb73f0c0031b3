//! A device, its gateway, and what can happen between them.

use std::{collections::BTreeMap, time::Duration};

use dm::{Command as Ours, Node, Outcome, Outgoing, ServerAccount, inner_hash};
use proptest::sample::Index;
use syncml::{Command, Limits, Message};

use crate::{
    client::{Client, VALUE},
    device::{Cred, Device, PACKAGE_1, alert},
    gateway::{Gateway, Posted, Taken},
};

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The device goes on: answers the last reply it saw, or begins a session.
    Speak(Fate),
    /// The device gives up and begins another session.
    Restart,
    /// The device was enrolled anew: its session numbers begin at 1 again.
    Reenroll,
    /// A message from before comes again.
    Late(Index),
    /// Somebody speaks in the device's name.
    Forge(Forgery),
    /// The device aborts.
    Abort,
    /// The device says it is busy.
    Busy,
    /// The timer for silent sessions.
    Silence,
    /// Seconds pass.
    Pass(u64),
}

/// What happens to a message and its reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Arrives,
    Lost,
    ReplyLost,
    Twice,
}

/// A message of somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Forgery {
    pub(crate) session_id: u8,
    pub(crate) msg_id: u32,
    pub(crate) body: usize,
    pub(crate) cred: usize,
}

/// A device and its gateway.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    device: Device,
    pub(crate) client: Client,
    sessions: u32,
    /// What the device would say next.
    pub(crate) next: String,
    said: Vec<String>,
    pub(crate) commands: u32,
    /// How often each node of each command was sent, less how often its outcome was told.
    pub(crate) open: BTreeMap<(String, Option<String>), i32>,
}

/// Bytes of a message: little, so that commands wait and large ones go over in chunks.
const LIMIT: usize = 2_500;

impl World {
    pub(crate) fn new(seed: u32) -> Self {
        let mut gateway = Gateway { large_objects: seed.is_multiple_of(2), ..Gateway::new() };
        gateway.settings.max_message_bytes = LIMIT;
        let server = ServerAccount { user: "server".into(), inner_hash: inner_hash("server", "swordfish") };
        gateway.settings.server = (!seed.is_multiple_of(3)).then_some(server);
        Self {
            gateway,
            device: Device::new("1"),
            client: Client::new(seed),
            sessions: 1,
            next: PACKAGE_1.to_owned(),
            said: Vec::new(),
            commands: 0,
            open: BTreeMap::new(),
        }
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        match event {
            Event::Speak(fate) => {
                let body = self.device.next(&self.next.clone());
                self.meet(&body, *fate);
            }
            Event::Restart => self.restart(self.sessions + 1),
            Event::Reenroll => self.restart(1),
            Event::Late(index) if !self.said.is_empty() => {
                let body = index.get(&self.said).clone();
                self.post(&body);
            }
            Event::Late(_) => {}
            Event::Forge(forgery) => self.forge(forgery),
            Event::Abort => {
                let body = self.device.next(&(alert(1223, "", "") + "<Final/>"));
                self.meet(&body, Fate::Arrives);
            }
            Event::Busy => {
                let body = self.device.next(&alert(1224, "com.microsoft.mdm.requestpending", "1"));
                self.post(&body);
            }
            Event::Silence => {
                let outcomes = self.gateway.fall_silent();
                self.tell(&outcomes);
            }
            Event::Pass(seconds) => self.gateway.now = self.gateway.now + Duration::from_secs(*seconds),
        }
    }

    fn restart(&mut self, session_id: u32) {
        self.client.start_over();
        self.sessions = session_id;
        self.device = Device::new(&session_id.to_string());
        PACKAGE_1.clone_into(&mut self.next);
    }

    fn meet(&mut self, body: &str, fate: Fate) {
        self.said.push(body.to_owned());
        match fate {
            Fate::Lost => {}
            Fate::ReplyLost => {
                self.post(body);
            }
            Fate::Arrives => {
                let posted = self.post(body);
                self.hear(&posted);
            }
            Fate::Twice => {
                let first = self.post(body);
                let second = self.post(body);
                assert_eq!(first.reply, second.reply);
                assert!(second.taken == Taken::Repeated || second.taken == first.taken);
                self.hear(&second);
            }
        }
    }

    /// What the device makes of a reply.
    fn hear(&mut self, posted: &Posted) {
        if posted.challenge().is_some() {
            self.device.accept(posted);
            self.client.start_over();
            PACKAGE_1.clone_into(&mut self.next);
        } else if posted.code() >= 400 {
            self.restart(self.sessions + 1);
        } else {
            let message = Message::parse(posted.reply.as_bytes(), &Limits::default()).unwrap();
            self.next = self.client.answer(&message);
        }
    }

    fn post(&mut self, body: &str) -> Posted {
        let before = (self.gateway.device.clone(), self.gateway.user.clone());
        let commands = self.commands();
        let posted = self.gateway.post_and_send(body, commands.clone());
        if posted.taken != Taken::Believed {
            let after = (self.gateway.device.clone(), self.gateway.user.clone());
            assert_eq!(before, after, "only a message that is believed changes anything");
            return posted;
        }
        let replaced = posted.replaced.as_ref().map(|cut| cut.outcomes.clone());
        self.tell(&replaced.unwrap_or_default());
        self.tell(&posted.outcomes);
        assert!(posted.unsent.is_empty() || !posted.may_send);
        let refused = |outgoing: &Outgoing| posted.refused.iter().any(|it| it.tag == outgoing.tag);
        for command in commands.iter().filter(|it| !posted.unsent.contains(it) && !refused(it)) {
            self.sent(command);
        }
        self.check_outstanding();
        check_length(&posted);
        posted
    }

    /// What the session says is outstanding is what was sent and has no outcome.
    fn check_outstanding(&self) {
        let outstanding = self.gateway.session().map(|session| session.outstanding()).unwrap_or_default();
        let name = |outcome: Outcome| (outcome.tag.as_str().to_owned(), outcome.target);
        let mut outstanding: Vec<_> = outstanding.into_iter().map(name).collect();
        outstanding.sort();
        let open = self.open.iter().filter(|(_, open)| **open == 1).map(|(name, _)| name.clone());
        assert_eq!(outstanding, open.collect::<Vec<_>>());
    }

    fn commands(&mut self) -> Vec<Outgoing> {
        let n = self.commands;
        self.commands += 10;
        let get = |tag: u32| Outgoing::new(tag.to_string(), Ours::get(["./A", "./Vendor/B"]).unwrap());
        let add = |tag: u32, data: &str| {
            Outgoing::new(tag.to_string(), Ours::add([Node::chr("./A", data)]).unwrap())
        };
        match self.client.chance() {
            0 | 1 => vec![],
            2 => vec![get(n)],
            3 => vec![get(n), add(n + 1, "x")],
            4 => vec![add(n, &"<&é".repeat(900)), get(n + 1)],
            5 => (0..5).map(|at| add(n + at, &"x".repeat(900))).collect(),
            _ => {
                let inner = vec![add(n + 1, "x"), get(n + 2)];
                vec![Outgoing::new(n.to_string(), Ours::sequence(inner).unwrap())]
            }
        }
    }

    /// Notes what was sent, read from its `Debug` form, which names tags and targets only.
    fn sent(&mut self, outgoing: &Outgoing) {
        let debug = format!("{:?}", outgoing.command);
        let tag: u32 = outgoing.tag.as_str().parse().unwrap();
        let mut expect = |tag: u32, target: Option<&str>| {
            *self.open.entry((tag.to_string(), target.map(str::to_owned))).or_default() += 1;
        };
        if debug.contains("Sequence") {
            expect(tag, None);
            expect(tag + 1, Some("./A"));
            expect(tag + 2, Some("./A"));
            expect(tag + 2, Some("./Vendor/B"));
        } else if debug.contains("Add") {
            expect(tag, Some("./A"));
        } else {
            expect(tag, Some("./A"));
            expect(tag, Some("./Vendor/B"));
        }
    }

    fn tell(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let name = (outcome.tag.as_str().to_owned(), outcome.target.clone());
            let open = self.open.get_mut(&name).expect("an outcome of a command that was sent");
            *open -= 1;
            assert_eq!(*open, 0, "an outcome is told once: {name:?}");
            assert!(outcome.value.as_deref().is_none_or(|value| value == VALUE), "a value is whole");
        }
    }

    pub(crate) fn forge(&mut self, forgery: &Forgery) {
        let creds = [Cred::None, Cred::Md5("AAAA".to_owned()), Cred::Md5(String::new())];
        let bodies = [PACKAGE_1, "<Final/>", "", "<Alert><CmdID>1</CmdID><Data>1223</Data></Alert>"];
        let mut forged = Device {
            session_id: forgery.session_id.to_string(),
            msg_id: forgery.msg_id,
            cred: creds[forgery.cred % creds.len()].clone(),
        };
        let posted = self.post(&forged.next(bodies[forgery.body % bodies.len()]));
        assert!(matches!(posted.taken, Taken::Challenged | Taken::Refused(_)));
    }
}

/// A message that carries commands is no longer than it may be.
fn check_length(posted: &Posted) {
    let message = posted.message();
    let mut commands = message.commands.iter();
    if !commands.all(|command| matches!(command, Command::Status(_) | Command::Alert(_))) {
        assert!(posted.reply.len() <= LIMIT, "{}", posted.reply.len());
    }
}

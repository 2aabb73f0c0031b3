//! Messages that are lost, repeated, late, forged or senseless.

use std::{collections::BTreeMap, time::Duration};

use dm::{Command as Ours, Node, Outcome, Outgoing};
use proptest::{collection::vec, prelude::*};
use syncml::{Command, Limits, Message};

use crate::{
    device::{Cred, Device, PACKAGE_1, alert, results, status, status_of},
    gateway::{Gateway, Posted, Taken},
};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// The device goes on: answers the last reply it saw, or begins a session.
    Speak(Fate),
    /// The device gives up and begins another session.
    Restart,
    /// The device was enrolled anew: its session numbers begin at 1 again.
    Reenroll,
    /// A message from before comes again.
    Late(prop::sample::Index),
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
enum Fate {
    Arrives,
    Lost,
    ReplyLost,
    Twice,
}

#[derive(Clone, Debug)]
struct Forgery {
    session_id: u8,
    msg_id: u32,
    body: usize,
    cred: usize,
}

#[derive(Clone)]
struct World {
    gateway: Gateway,
    device: Device,
    sessions: u32,
    /// What the device would say next.
    next: String,
    said: Vec<String>,
    commands: u32,
    seed: u32,
    /// How often each node of each command was sent, less how often its outcome was told.
    open: BTreeMap<(String, Option<String>), i32>,
}

impl World {
    fn new(seed: u32) -> Self {
        Self {
            gateway: Gateway::new(),
            device: Device::new("1"),
            sessions: 1,
            next: PACKAGE_1.to_owned(),
            said: Vec::new(),
            commands: 0,
            seed,
            open: BTreeMap::new(),
        }
    }

    fn happen(&mut self, event: &Event) {
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
            PACKAGE_1.clone_into(&mut self.next);
            return;
        }
        if posted.code() >= 400 {
            self.restart(self.sessions + 1);
            return;
        }
        let message = Message::parse(posted.reply.as_bytes(), &Limits::default()).unwrap();
        let msg_id = message.header.msg_id;
        let mut body = String::new();
        for command in &message.commands {
            self.obey(msg_id, command, &mut body);
        }
        body.push_str("<Final/>");
        self.next = body;
    }

    /// Answers a command, now and then badly or not at all.
    fn obey(&mut self, msg_id: u32, command: &Command<'_>, body: &mut String) {
        let cmd_id = command.cmd_id().and_then(|id| id.parse().ok()).unwrap_or(0);
        let chance = self.chance();
        match command {
            Command::Get(get) => {
                for item in &get.items {
                    let uri = item.uri().unwrap();
                    match self.chance() {
                        0 => {}
                        1 => *body += &status_of(msg_id, cmd_id, uri, 404),
                        2 => *body += &results(msg_id, cmd_id, uri, "value"),
                        _ => *body += &(status(msg_id, cmd_id, 200) + &results(msg_id, cmd_id, uri, "value")),
                    }
                }
            }
            Command::Sequence(group) => {
                *body += &status(msg_id, cmd_id, 200);
                for inner in &group.commands {
                    self.obey(msg_id, inner, body);
                }
            }
            Command::Status(_) => {}
            _ if chance == 0 => {}
            _ => *body += &status(msg_id, cmd_id, [200, 202, 418, 500][chance as usize % 4]),
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
        if posted.may_send {
            for command in &commands {
                self.sent(command);
            }
        }
        assert_eq!(posted.unsent.is_empty(), posted.may_send || commands.is_empty());
        posted
    }

    fn commands(&mut self) -> Vec<Outgoing> {
        let n = self.commands;
        self.commands += 10;
        let get = |tag: u32| Outgoing::new(tag.to_string(), Ours::get(["./A", "./Vendor/B"]).unwrap());
        let write = |tag: u32| Outgoing::new(tag.to_string(), Ours::add([Node::chr("./A", "x")]).unwrap());
        match self.chance() {
            0 | 1 => vec![],
            2 => vec![get(n)],
            3 => vec![get(n), write(n + 1)],
            _ => {
                let inner = vec![write(n + 1), get(n + 2)];
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
        }
    }

    fn forge(&mut self, forgery: &Forgery) {
        let creds = [Cred::None, Cred::Md5("AAAA".to_owned()), Cred::Md5(String::new())];
        let bodies = [PACKAGE_1, "<Final/>", "", "<Alert><CmdID>1</CmdID><Data>1223</Data></Alert>"];
        let mut forged = Device {
            session_id: forgery.session_id.to_string(),
            msg_id: forgery.msg_id,
            cred: creds[forgery.cred % creds.len()].clone(),
        };
        let posted = self.post(&forged.next(bodies[forgery.body % bodies.len()]));
        assert!(matches!(posted.taken, Taken::Challenged | Taken::Refused));
    }

    /// A small, repeatable chance from 0 to 7.
    fn chance(&mut self) -> u32 {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.seed >> 29
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens, every outcome is told exactly once: also that of a command whose answer
    /// never came.
    #[test]
    fn every_outcome_is_told_once(seed in any::<u32>(), events in vec(event(), 1..60)) {
        let mut world = World::new(seed);
        for event in &events {
            world.happen(event);
        }
        world.happen(&Event::Silence);
        for (name, open) in &world.open {
            prop_assert_eq!(*open, 0, "{:?}", name);
        }
    }

    /// A stranger is never noticed: with or without it, the device is answered the same.
    #[test]
    fn forgeries_change_nothing(
        seed in any::<u32>(),
        events in vec(event(), 1..30),
        forgeries in vec(forgery(), 1..4),
    ) {
        let mut world = World::new(seed);
        for event in &events {
            let mut disturbed = world.clone();
            for forgery in &forgeries {
                disturbed.forge(forgery);
            }
            (disturbed.seed, disturbed.commands) = (world.seed, world.commands);
            world.happen(event);
            disturbed.happen(event);
            prop_assert_eq!(&world.gateway.device, &disturbed.gateway.device);
            prop_assert_eq!(&world.next, &disturbed.next);
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let fate = prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::ReplyLost),
        2 => Just(Fate::Twice),
    ];
    prop_oneof![
        12 => fate.prop_map(Event::Speak),
        1 => Just(Event::Restart),
        1 => Just(Event::Reenroll),
        3 => any::<prop::sample::Index>().prop_map(Event::Late),
        2 => forgery().prop_map(Event::Forge),
        1 => Just(Event::Abort),
        1 => Just(Event::Busy),
        1 => Just(Event::Silence),
        2 => (0u64..700).prop_map(Event::Pass),
    ]
}

fn forgery() -> impl Strategy<Value = Forgery> {
    (0u8..4, 0u32..8, any::<usize>(), any::<usize>()).prop_map(|(session_id, msg_id, body, cred)| Forgery {
        session_id,
        msg_id,
        body,
        cred,
    })
}

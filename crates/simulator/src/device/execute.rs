//! A device carries out the commands of one message and answers them (oma-dm.md §5).

use model::Timestamp;
use syncml::{Command, Data, Group, Item, Location, Meta, NodeCommand, Results, Status};

use super::{
    profile::{Profile, RegistrationTime, SequenceSupport},
    tree::{Tree, Value},
};

const OK: u16 = 200;
const BAD_REQUEST: u16 = 400;
const NOT_SUPPORTED: u16 = 406;
const NOT_EXECUTED: u16 = 215;
const ROLLED_BACK: u16 = 216;
const FAILED: u16 = 500;
const ATOMIC_FAILED: u16 = 507;

/// What WNS said when the device asked for a channel of an app.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) pfn: String,
    pub(super) outcome: Result<String, u8>,
}

/// The answers to one message while they are made.
pub(super) struct Execution<'a> {
    tree: &'a mut Tree,
    profile: &'a Profile,
    prepared: &'a [Prepared],
    now: Timestamp,
    msg_ref: String,
    next_id: u32,
    answers: Vec<Command<'static>>,
}

impl<'a> Execution<'a> {
    /// Begins with the Status for the `SyncHdr` of message `msg_ref`, which is command 1 (oma-dm.md §0.3).
    pub(super) fn new(
        tree: &'a mut Tree,
        profile: &'a Profile,
        prepared: &'a [Prepared],
        msg_ref: u32,
        now: Timestamp,
    ) -> Self {
        let mut execution = Self {
            tree,
            profile,
            prepared,
            now,
            msg_ref: msg_ref.to_string(),
            next_id: 1,
            answers: Vec::new(),
        };
        execution.status("0", "SyncHdr", None, OK);
        execution
    }

    /// Carries out one command; the status of what went worst.
    pub(super) fn run(&mut self, command: &Command<'_>) -> u16 {
        if matches!(command, Command::Status(_) | Command::Results(_)) {
            return OK;
        }
        let Some(id) = command.cmd_id() else {
            return self.status("", command.name(), None, BAD_REQUEST);
        };
        match command {
            Command::Get(get) => self.get(id, get),
            Command::Sequence(group) => self.sequence(id, group),
            Command::Atomic(group) => self.atomic(id, group),
            Command::Add(it) | Command::Replace(it) | Command::Delete(it) | Command::Exec(it) => {
                let codes = it.items.iter().map(|item| self.write(command, item)).collect();
                self.statuses(id, command.name(), it, codes)
            }
            Command::Unsupported(unsupported) => {
                let known = ["Copy", "Map", "Move", "Put", "Search", "Sync"].contains(&&*unsupported.name);
                let code = if known { NOT_SUPPORTED } else { BAD_REQUEST };
                self.status(id, command.name(), None, code)
            }
            Command::Alert(_) | Command::Results(_) | Command::Status(_) => {
                self.status(id, command.name(), None, OK)
            }
        }
    }

    /// The answers, in order.
    pub(super) fn finish(self) -> Vec<Command<'static>> {
        self.answers
    }

    /// One Status per Item, and Results that hold the Items that worked (oma-dm.md §0.2).
    fn get(&mut self, id: &str, get: &NodeCommand<'_>) -> u16 {
        let read = get.items.iter().map(|item| (uri(item), self.tree.get(uri(item), self.profile, self.now)));
        let read: Vec<_> = read.collect();
        let codes = read.iter().map(|(_, value)| value.as_ref().err().copied().unwrap_or(OK)).collect();
        let worst = self.statuses(id, "Get", get, codes);
        let items: Vec<_> =
            read.into_iter().filter_map(|(uri, value)| Some(result(uri, value.ok()?))).collect();
        if !items.is_empty() {
            let results = Results {
                cmd_id: Some(self.id().into()),
                msg_ref: Some(self.msg_ref.clone().into()),
                cmd_ref: Some(id.to_owned().into()),
                items,
                ..Results::default()
            };
            self.answers.push(Command::Results(results));
        }
        worst
    }

    fn sequence(&mut self, id: &str, group: &Group<'_>) -> u16 {
        if let SequenceSupport::Refused(code) = self.profile.sequence {
            self.status(id, "Sequence", None, code);
            self.skip(&group.commands);
            return code;
        }
        self.status(id, "Sequence", None, OK);
        let mut worst = OK;
        for (index, command) in group.commands.iter().enumerate() {
            worst = worst.max(self.run(command));
            if worst > 299 && self.profile.sequence == SequenceSupport::Stops {
                self.skip(&group.commands[index + 1..]);
                break;
            }
        }
        worst
    }

    /// All or nothing. Get and groups inside are not supported (oma-dm.md §5.1).
    fn atomic(&mut self, id: &str, group: &Group<'_>) -> u16 {
        let before = self.tree.clone();
        let mut codes: Vec<u16> = Vec::new();
        let mut failed = false;
        for command in &group.commands {
            let code = if failed { NOT_EXECUTED } else { self.inside_atomic(command) };
            failed |= code > 299;
            codes.push(code);
        }
        if failed {
            *self.tree = before;
            codes.iter_mut().filter(|code| **code == OK).for_each(|code| *code = ROLLED_BACK);
        }
        let code = self.status(id, "Atomic", None, if failed { ATOMIC_FAILED } else { OK });
        for (command, code) in group.commands.iter().zip(codes) {
            self.status(command.cmd_id().unwrap_or_default(), command.name(), None, code);
        }
        code
    }

    fn inside_atomic(&mut self, command: &Command<'_>) -> u16 {
        match command {
            Command::Add(it) | Command::Replace(it) | Command::Delete(it) | Command::Exec(it) => {
                it.items.iter().map(|item| self.write(command, item)).max().unwrap_or(BAD_REQUEST)
            }
            _ => FAILED,
        }
    }

    fn write(&mut self, command: &Command<'_>, item: &Item<'_>) -> u16 {
        let (uri, data) = (uri(item), item.value());
        let code = match command {
            Command::Add(_) => self.tree.add(uri, data, self.profile),
            Command::Replace(_) => self.tree.replace(uri, data, self.profile),
            Command::Delete(_) => self.tree.delete(uri),
            _ => OK,
        };
        self.register();
        code
    }

    /// A PFN that was just written gets the channel that was prepared for it.
    fn register(&mut self) {
        if self.profile.registration == RegistrationTime::AtOnce
            && let Some(channel) = self.tree.channel.as_mut().filter(|channel| channel.is_wanted())
            && let Some(prepared) = self.prepared.iter().find(|prepared| prepared.pfn == channel.pfn)
        {
            channel.settle(prepared.outcome.clone(), self.now);
        }
    }

    /// One Status per Item if there are several, with `TargetRef`; otherwise one without.
    fn statuses(&mut self, id: &str, cmd: &str, command: &NodeCommand<'_>, codes: Vec<u16>) -> u16 {
        let worst = codes.iter().copied().max().unwrap_or(BAD_REQUEST);
        if codes.len() < 2 {
            return self.status(id, cmd, None, worst);
        }
        for (item, code) in command.items.iter().zip(codes) {
            self.status(id, cmd, Some(uri(item)), code);
        }
        worst
    }

    fn skip(&mut self, commands: &[Command<'_>]) {
        for command in commands {
            self.status(command.cmd_id().unwrap_or_default(), command.name(), None, NOT_EXECUTED);
        }
    }

    fn status(&mut self, cmd_ref: &str, cmd: &str, target: Option<&str>, code: u16) -> u16 {
        let status = Status {
            cmd_id: Some(self.id().into()),
            msg_ref: Some(self.msg_ref.clone().into()),
            cmd_ref: Some(cmd_ref.to_owned().into()),
            cmd: Some(cmd.to_owned().into()),
            target_refs: target.map(|target| target.to_owned().into()).into_iter().collect(),
            data: Some(code.to_string().into()),
            ..Status::default()
        };
        self.answers.push(Command::Status(status));
        code
    }

    fn id(&mut self) -> String {
        let id = self.next_id;
        self.next_id += 1;
        id.to_string()
    }
}

fn uri<'i>(item: &'i Item<'_>) -> &'i str {
    item.target.as_ref().map_or("", |target| &target.uri)
}

fn result(uri: &str, value: Value) -> Item<'static> {
    Item {
        source: Some(Location::new(uri.to_owned())),
        meta: value.format.map(Meta::format),
        data: Some(Data::text(value.data)),
        ..Item::default()
    }
}

//! A device carries out the commands of one message and answers them (oma-dm.md §5).

use model::Timestamp;
use syncml::{Command, Data, Group, Item, Location, Meta, NodeCommand, Results, Status};

use super::{
    object::{Arrival, Incoming},
    package,
    profile::{Login, Profile, RegistrationTime, SequenceSupport},
    server_proof::Judgement,
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

/// What commands are carried out on.
pub(super) struct Ground<'a> {
    pub(super) tree: &'a mut Tree,
    pub(super) incoming: &'a mut Incoming,
    pub(super) profile: &'a Profile,
    pub(super) prepared: &'a [Prepared],
    pub(super) now: Timestamp,
}

/// The answers to one message while they are made.
pub(super) struct Execution<'a> {
    ground: Ground<'a>,
    msg_ref: String,
    answers: Vec<Command<'static>>,
}

impl<'a> Execution<'a> {
    /// Begins with the Status for the `SyncHdr` of message `msg_ref`.
    pub(super) fn new(ground: Ground<'a>, msg_ref: u32, judgement: Judgement) -> Self {
        Self { ground, msg_ref: msg_ref.to_string(), answers: vec![header_status(msg_ref, judgement)] }
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
                let codes = it.items.iter().map(|item| self.take(command, it, item)).collect();
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

    /// Carries out nothing: this status for every command.
    pub(super) fn refuse(&mut self, commands: &[&Command<'_>], code: u16) {
        for command in commands {
            self.status(command.cmd_id().unwrap_or_default(), command.name(), None, code);
            if let Command::Atomic(group) | Command::Sequence(group) = command {
                self.refuse(&group.commands.iter().collect::<Vec<_>>(), code);
            }
        }
    }

    /// The answers, in order.
    pub(super) fn finish(mut self) -> Vec<Command<'static>> {
        if self.ground.incoming.was_interrupted() {
            self.answers.push(package::no_end_of_data());
        }
        if self.ground.incoming.wants_more() {
            self.answers.push(package::next_message());
        }
        self.answers
    }

    /// One Status per Item, and Results that hold the Items that worked (oma-dm.md §0.2).
    fn get(&mut self, id: &str, get: &NodeCommand<'_>) -> u16 {
        let read: Vec<_> = get.items.iter().map(|item| (uri(item), self.read(uri(item)))).collect();
        let codes = read.iter().map(|(_, value)| value.as_ref().err().copied().unwrap_or(OK)).collect();
        let worst = self.statuses(id, "Get", get, codes);
        let items: Vec<_> =
            read.into_iter().filter_map(|(uri, value)| Some(result(uri, value.ok()?))).collect();
        if !items.is_empty() {
            let results = Results {
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
        if let SequenceSupport::Refused(code) = self.ground.profile.sequence {
            self.status(id, "Sequence", None, code);
            self.skip(&group.commands);
            return code;
        }
        self.status(id, "Sequence", None, OK);
        let mut worst = OK;
        for (index, command) in group.commands.iter().enumerate() {
            worst = worst.max(self.run(command));
            if worst > 299 && self.ground.profile.sequence == SequenceSupport::Stops {
                self.skip(&group.commands[index + 1..]);
                break;
            }
        }
        worst
    }

    /// All or nothing. Get and groups inside are not supported (oma-dm.md §5.1).
    fn atomic(&mut self, id: &str, group: &Group<'_>) -> u16 {
        let before = self.ground.tree.clone();
        let mut codes: Vec<u16> = Vec::new();
        let mut failed = false;
        for command in &group.commands {
            let code = if failed { NOT_EXECUTED } else { self.inside_atomic(command) };
            failed |= code > 299;
            codes.push(code);
        }
        if failed {
            *self.ground.tree = before;
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
            Command::Add(it) | Command::Replace(it) | Command::Delete(it) | Command::Exec(it) => it
                .items
                .iter()
                .map(|item| self.write(command, uri(item), item.value()))
                .max()
                .unwrap_or(BAD_REQUEST),
            _ => FAILED,
        }
    }

    fn read(&self, uri: &str) -> Result<Value, u16> {
        let Ground { tree, profile, now, .. } = &self.ground;
        if lacks_user(uri, profile.login) {
            return Err(FAILED);
        }
        tree.get(uri, profile, *now)
    }

    /// Takes an Item that may be a chunk.
    fn take(&mut self, command: &Command<'_>, all: &NodeCommand<'_>, item: &Item<'_>) -> u16 {
        let verb = match command {
            Command::Add(_) => "Add",
            Command::Replace(_) => "Replace",
            _ => "Exec",
        };
        let support = self.ground.profile.large_objects;
        match self.ground.incoming.take(verb, item, all.meta.as_ref(), support) {
            Arrival::Whole(value) => self.write(command, uri(item), &value),
            Arrival::Part(code) => code,
        }
    }

    fn write(&mut self, command: &Command<'_>, uri: &str, data: &str) -> u16 {
        let Ground { tree, profile, .. } = &mut self.ground;
        if lacks_user(uri, profile.login) {
            return FAILED;
        }
        let code = match command {
            Command::Add(_) => tree.add(uri, data, profile),
            Command::Replace(_) => tree.replace(uri, data, profile),
            Command::Delete(_) => tree.delete(uri),
            _ => OK,
        };
        self.register();
        code
    }

    /// A PFN that was just written gets the channel that was prepared for it.
    fn register(&mut self) {
        let Ground { tree, profile, prepared, now, .. } = &mut self.ground;
        if profile.registration == RegistrationTime::AtOnce
            && let Some(channel) = tree.channel.as_mut().filter(|channel| channel.is_wanted())
            && let Some(prepared) = prepared.iter().find(|prepared| prepared.pfn == channel.pfn)
        {
            channel.settle(prepared.outcome.clone(), *now);
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
        let original_error = self.ground.profile.original_error.filter(|_| code > 399);
        let status = Status {
            msg_ref: Some(self.msg_ref.clone().into()),
            cmd_ref: Some(cmd_ref.to_owned().into()),
            cmd: Some(cmd.to_owned().into()),
            target_refs: target.map(|target| target.to_owned().into()).into_iter().collect(),
            data: Some(code.to_string().into()),
            original_error: original_error.map(Into::into),
            ..Status::default()
        };
        self.answers.push(Command::Status(status));
        code
    }
}

/// The verdict about message `msg_ref`.
pub(super) fn header_status(msg_ref: u32, judgement: Judgement) -> Command<'static> {
    Command::Status(Status {
        msg_ref: Some(msg_ref.to_string().into()),
        cmd_ref: Some("0".into()),
        cmd: Some("SyncHdr".into()),
        chal: judgement.chal.map(Box::new),
        data: Some(judgement.code.to_string().into()),
        ..Status::default()
    })
}

/// Whether nobody is there whom a node of a user's would belong to (oma-dm.md §3.2, §9.2).
fn lacks_user(uri: &str, login: Login) -> bool {
    login != Login::User && (uri.starts_with("./User/") || uri.starts_with("User/"))
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

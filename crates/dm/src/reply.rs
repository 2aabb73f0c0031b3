//! The message that goes back (oma-dm.md §5.2).

use std::borrow::Cow;

use syncml::{Alert, Chal, Command, Data, Header, Item, Location, Message, Meta, NodeCommand, Status};

use crate::{
    command::{Kind, Node, Outgoing},
    outstanding::Pending,
};

/// A reply in the making: its commands are numbered in the order in which they are added.
pub(crate) struct Reply<'r> {
    to: &'r Message<'r>,
    commands: Vec<Command<'r>>,
    last_id: u32,
}

/// How a reply ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// Our package is complete.
    Final,
    /// More is to come, from whichever side.
    Open,
}

impl<'r> Reply<'r> {
    pub(crate) fn to(message: &'r Message<'r>) -> Self {
        Self { to: message, commands: Vec::new(), last_id: 0 }
    }

    /// Statuses only, all with the same code (oma-dm.md §7.2).
    pub(crate) fn refusal(mut self, code: u16, chal: Option<Chal<'static>>) -> String {
        self.header_status(code, chal);
        for command in &self.to.commands {
            self.refusal_of(command, code);
        }
        self.finish(Close::Final)
    }

    /// The Status of the `SyncHdr`, and one of each command. `refused` are the places of Results
    /// whose content is not taken.
    pub(crate) fn statuses(&mut self, header_code: u16, refused: &[usize]) {
        self.header_status(header_code, None);
        for (place, command) in self.to.commands.iter().enumerate() {
            match command {
                // A Status is never answered; Results only if there is something wrong with them.
                Command::Status(_) => {}
                Command::Results(_) if !refused.contains(&place) => {}
                Command::Atomic(group) | Command::Sequence(group) => {
                    self.status(command, verdict(command));
                    group.commands.iter().for_each(|inner| self.refusal_of(inner, NOT_EXECUTED));
                }
                command => self.status(command, verdict(command)),
            }
        }
    }

    /// Asks for the rest of the device's package (alert 1222).
    pub(crate) fn next_message(&mut self) {
        let alert = Alert { cmd_id: Some(self.next_id()), data: Some("1222".into()), items: Vec::new() };
        self.commands.push(Command::Alert(alert));
    }

    /// Adds commands and returns what is to be answered.
    pub(crate) fn send(&mut self, outgoing: &'r [Outgoing]) -> Vec<Pending> {
        let mut pending = Vec::new();
        for outgoing in outgoing {
            let command = self.command(outgoing, &mut pending);
            self.commands.push(command);
        }
        pending
    }

    pub(crate) fn finish(self, close: Close) -> String {
        let header = &self.to.header;
        let location = |location: &'r Location<'r>| Location::new(&*location.uri);
        // A device that does not say to whom it speaks is answered all the same.
        let us = header.target.as_ref().map_or(Location::new("/"), location);
        let message = Message {
            header: Header::new(&*header.session_id, header.msg_id, location(&header.source), us),
            commands: self.commands,
            is_final: close == Close::Final,
        };
        message.to_xml()
    }

    fn header_status(&mut self, code: u16, chal: Option<Chal<'static>>) {
        let status =
            Status { chal: chal.map(Box::new), ..self.new_status("0".into(), "SyncHdr".into(), code) };
        self.commands.push(Command::Status(status));
    }

    fn refusal_of(&mut self, command: &'r Command<'r>, code: u16) {
        if !matches!(command, Command::Status(_)) {
            self.status(command, code);
        }
        if let Command::Atomic(group) | Command::Sequence(group) = command {
            group.commands.iter().for_each(|inner| self.refusal_of(inner, code));
        }
    }

    /// A command without `CmdID` is referred to by an empty one (oma-dm.md §3.3).
    fn status(&mut self, command: &'r Command<'r>, code: u16) {
        let cmd_ref = cmd_id(command).unwrap_or_default();
        let status = self.new_status(cmd_ref.into(), command.name().into(), code);
        self.commands.push(Command::Status(status));
    }

    fn new_status(&mut self, cmd_ref: Cow<'r, str>, cmd: Cow<'r, str>, code: u16) -> Status<'r> {
        Status {
            cmd_id: Some(self.next_id()),
            msg_ref: Some(self.to.header.msg_id.to_string().into()),
            cmd_ref: Some(cmd_ref),
            cmd: Some(cmd),
            data: Some(code.to_string().into()),
            ..Status::default()
        }
    }

    fn command(&mut self, outgoing: &'r Outgoing, pending: &mut Vec<Pending>) -> Command<'r> {
        let cmd_id = self.next_id();
        pending.push(self.pending(outgoing));
        let nodes = |nodes: &'r [Node]| NodeCommand {
            cmd_id: Some(cmd_id.clone()),
            meta: None,
            items: nodes.iter().map(item).collect(),
        };
        match &outgoing.command.0 {
            Kind::Get(it) => Command::Get(nodes(it)),
            Kind::Add(it) => Command::Add(nodes(it)),
            Kind::Replace(it) => Command::Replace(nodes(it)),
            Kind::Delete(it) => Command::Delete(nodes(it)),
            Kind::Exec(it) => Command::Exec(nodes(it)),
            Kind::Sequence(it) => Command::Sequence(self.group(cmd_id, it, pending)),
            Kind::Atomic(it) => Command::Atomic(self.group(cmd_id, it, pending)),
        }
    }

    fn group(
        &mut self,
        cmd_id: Cow<'r, str>,
        commands: &'r [Outgoing],
        pending: &mut Vec<Pending>,
    ) -> syncml::Group<'r> {
        syncml::Group {
            cmd_id: Some(cmd_id),
            meta: None,
            commands: commands.iter().map(|inner| self.command(inner, pending)).collect(),
        }
    }

    fn pending(&self, outgoing: &Outgoing) -> Pending {
        let targets = match &outgoing.command.0 {
            Kind::Get(nodes)
            | Kind::Add(nodes)
            | Kind::Replace(nodes)
            | Kind::Delete(nodes)
            | Kind::Exec(nodes) => nodes.iter().map(|node| node.target.clone()).collect(),
            Kind::Sequence(_) | Kind::Atomic(_) => Vec::new(),
        };
        // The server's MsgID echoes the client's (oma-dm.md §2.2).
        let msg_ref = self.to.header.msg_id;
        Pending::new(msg_ref, self.last_id, outgoing.tag.clone(), targets)
    }

    fn next_id(&mut self) -> Cow<'r, str> {
        self.last_id += 1;
        self.last_id.to_string().into()
    }
}

/// Not executed, because the group around it was not (oma-dm.md §5.3).
const NOT_EXECUTED: u16 = 215;

/// What a command of a device is answered. Only `DevInfo`, alerts and answers are a device's to send
/// (oma-dm.md §3.1).
fn verdict(command: &Command<'_>) -> u16 {
    if cmd_id(command).is_none() && !matches!(command, Command::Results(_)) {
        return 400;
    }
    match command {
        Command::Alert(alert) if alert.code().is_none() => 400,
        Command::Alert(alert) => whole(&alert.items),
        Command::Replace(replace) => whole(&replace.items),
        Command::Unsupported(unsupported) => match unsupported.name.as_ref() {
            "Copy" | "Map" | "Move" | "Put" | "Search" | "Sync" => 406,
            _ => 400,
        },
        Command::Results(_) | Command::Status(_) => 406,
        Command::Add(_)
        | Command::Atomic(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Sequence(_) => 405,
    }
}

/// A piece of a large object is refused.
fn whole(items: &[Item<'_>]) -> u16 {
    let is_piece = items.iter().any(|item| item.more_data);
    if is_piece { 406 } else { 200 }
}

/// Zero is no `CmdID`: it stands for the header.
fn cmd_id<'r>(command: &'r Command<'r>) -> Option<&'r str> {
    command.cmd_id().filter(|id| *id != "0")
}

fn item(node: &Node) -> Item<'_> {
    let kind = node.kind.as_deref().map(Cow::Borrowed);
    let format = node.data.as_ref().map(|(format, _)| Cow::Borrowed(format.wire()));
    let has_meta = kind.is_some() || format.is_some();
    Item {
        target: Some(Location::new(node.target.as_str())),
        meta: has_meta.then(|| Meta { format, kind, ..Meta::default() }),
        data: node.data.as_ref().map(|(_, data)| Data::text(data.as_str())),
        ..Item::default()
    }
}

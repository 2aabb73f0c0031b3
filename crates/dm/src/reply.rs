//! The message that goes back (oma-dm.md §5.2).

use std::borrow::Cow;

use syncml::{Chal, Command, Cred, Header, Location, Message, Status};

use crate::{
    command::Outgoing,
    object::{Pieces, Slice},
    pending::Pending,
    verdict,
    wire::{self, Numbering},
};

/// A reply in the making: its commands are numbered in the order in which they are added.
pub(crate) struct Reply<'r> {
    to: &'r Message<'r>,
    signature: Option<Signature<'r>>,
    commands: Vec<Command<'r>>,
    numbering: Numbering,
    /// Of the commands, when they are written.
    bytes: usize,
}

/// Our credential, and the name that goes with it.
pub(crate) struct Signature<'r> {
    pub(crate) user: &'r str,
    pub(crate) cred: Cred<'static>,
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
        let numbering = Numbering::new(message.header.msg_id);
        Self { to: message, signature: None, commands: Vec::new(), numbering, bytes: 0 }
    }

    pub(crate) fn signed(self, signature: Option<Signature<'r>>) -> Self {
        Self { signature, ..self }
    }

    /// Statuses only, all with the same code (oma-dm.md §7.2). Of a message with more commands than any package 1, only
    /// the `SyncHdr` is answered: nobody's reply is to be many times what a stranger sent.
    pub(crate) fn refusal(mut self, code: u16, chal: Option<Chal<'static>>) -> String {
        self.header_status(code, chal);
        if count(&self.to.commands) <= MOST_REFUSED {
            self.to.commands.iter().for_each(|command| self.refusal_of(command, code));
        }
        self.finish(Close::Final)
    }

    /// The Status of the `SyncHdr`, and one of each command. Pieces of large objects have codes of
    /// their own.
    pub(crate) fn statuses(&mut self, header_code: u16, pieces: &Pieces) {
        self.header_status(header_code, None);
        for (place, command) in self.to.commands.iter().enumerate() {
            match (command, pieces.code(place)) {
                // A Status is never answered; Results only if there is something to say about them.
                (Command::Status(_), _) | (Command::Results(_), None) => {}
                (command, Some(code)) => self.status(command, code),
                (Command::Atomic(group) | Command::Sequence(group), None) => {
                    self.status(command, verdict::of(command));
                    group.commands.iter().for_each(|inner| self.refusal_of(inner, verdict::NOT_EXECUTED));
                }
                (command, None) => self.status(command, verdict::of(command)),
            }
        }
    }

    /// An alert that steers the session.
    pub(crate) fn alert(&mut self, code: u16, about: Option<String>) {
        let alert = self.numbering.alert(code, about);
        self.push(alert);
    }

    /// Whether the message has at most `limit` bytes with this command.
    pub(crate) fn has_room(&self, outgoing: &Outgoing, limit: usize) -> bool {
        let command = self.numbering.clone().command(outgoing, &mut Vec::new()).xml_len();
        self.len() + command <= limit
    }

    /// Adds a command if the message then has at most `limit` bytes, and says what is to be answered.
    pub(crate) fn send(&mut self, outgoing: &'r Outgoing, limit: usize) -> Option<Vec<Pending>> {
        let mut numbering = self.numbering.clone();
        let mut pending = Vec::new();
        let command = numbering.command(outgoing, &mut pending);
        if self.len() + command.xml_len() > limit {
            return None;
        }
        self.numbering = numbering;
        self.push(command);
        Some(pending)
    }

    /// Adds as much of an object as fits, and says how many bytes of it that is; None if nothing does.
    pub(crate) fn send_chunk(&mut self, rest: Slice<'r>, limit: usize) -> Option<(Pending, usize, Close)> {
        let room = limit.saturating_sub(self.len() + wire::around_chunk(rest));
        let slice = rest.cut(room);
        if slice.data.is_empty() {
            return None;
        }
        let (command, pending) = self.numbering.chunk(slice);
        self.push(command);
        let close = if slice.is_last { Close::Final } else { Close::Open };
        Some((pending, slice.data.len(), close))
    }

    /// Bytes that the message has so far, with `Final`.
    pub(crate) fn len(&self) -> usize {
        Message { header: self.header(), commands: Vec::new(), is_final: true }.xml_len() + self.bytes
    }

    pub(crate) fn finish(self, close: Close) -> String {
        let header = self.header();
        Message { header, commands: self.commands, is_final: close == Close::Final }.to_xml()
    }

    fn header(&self) -> Header<'r> {
        let Header { session_id, msg_id, source, target, .. } = &self.to.header;
        // A device that does not say to whom it speaks is answered all the same.
        let us = target.as_ref().map_or("/", |target| &*target.uri);
        let name = self.signature.as_ref().map(|signature| signature.user.into());
        let us = Location { uri: us.into(), name };
        let cred = self.signature.as_ref().map(|signature| signature.cred.clone());
        Header { cred, ..Header::new(&**session_id, *msg_id, Location::new(&*source.uri), us) }
    }

    fn push(&mut self, command: Command<'r>) {
        self.bytes += command.xml_len();
        self.commands.push(command);
    }

    fn header_status(&mut self, code: u16, chal: Option<Chal<'static>>) {
        let status = self.new_status("0", "SyncHdr", code);
        self.push(Command::Status(Status { chal: chal.map(Box::new), ..status }));
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
        let cmd_ref = verdict::cmd_id(command).unwrap_or_default();
        let status = self.new_status(cmd_ref, command.name(), code);
        self.push(Command::Status(status));
    }

    fn new_status(&mut self, cmd_ref: &'r str, cmd: &'r str, code: u16) -> Status<'r> {
        let text = |number: u32| Cow::Owned(number.to_string());
        Status {
            cmd_id: Some(self.numbering.next()),
            msg_ref: Some(text(self.to.header.msg_id)),
            cmd_ref: Some(cmd_ref.into()),
            cmd: Some(cmd.into()),
            data: Some(text(code.into())),
            ..Status::default()
        }
    }
}

/// Commands of a refused message that are answered one by one.
const MOST_REFUSED: usize = 64;

/// How many Statuses a refusal has, besides that of the `SyncHdr`.
fn count(commands: &[Command<'_>]) -> usize {
    let of = |command: &Command<'_>| match command {
        Command::Status(_) => 0,
        Command::Atomic(group) | Command::Sequence(group) => 1 + count(&group.commands),
        _ => 1,
    };
    commands.iter().map(of).sum()
}

//! The session that a device is in.

use std::fmt;

use model::Timestamp;
use syncml::{Command, Header, Limits, Location, Message, Meta, Status};

use super::{
    Device,
    credential::Challenge,
    execute::{Execution, Ground, Prepared, header_status},
    object::Incoming,
    outbox::{Outbox, Portion},
    package,
    profile::RegistrationTime,
    report::{ChannelRequest, Ending, Opening, ProtocolError, SessionReport},
    server_proof::{Judgement, ServerProof},
    tree::Tree,
};

/// How often a device offers its credential before it gives up: one more challenge after a wrong one is enough
/// (oma-dm.md §7.2).
const OFFERS: u8 = 2;

/// An open session.
#[derive(Clone)]
pub(super) struct Session {
    id: u32,
    opening: Opening,
    msg_id: u32,
    messages: u32,
    commands: usize,
    started_at: Timestamp,
    login: Login,
    offers: u8,
    last: Vec<u8>,
    prepared: Vec<Prepared>,
    /// None: the server need not prove itself.
    server: Option<ServerProof>,
    incoming: Incoming,
    outbox: Outbox,
    /// The reply that cannot be answered before a channel of this PFN is there.
    waiting: Option<(String, Vec<u8>)>,
}

/// What a session does with a reply.
pub(super) enum Turn {
    Sends(Session),
    Waits(Session, String),
    Ends(Session, Ending),
}

#[derive(Clone, Debug)]
enum Login {
    /// Nobody asked for a credential yet, or it was accepted for the whole session (212).
    Silent,
    /// The credential goes into every message (oma-dm.md §0.5).
    Repeats(Challenge),
}

impl Session {
    /// A session with its first message, which never carries a credential.
    pub(super) fn open(device: &Device, opening: Opening, now: Timestamp) -> Self {
        let mut session = Self {
            id: device.sessions,
            opening,
            msg_id: 0,
            messages: 0,
            commands: 0,
            started_at: now,
            login: Login::Silent,
            offers: 0,
            last: Vec::new(),
            prepared: Vec::new(),
            server: device.server.clone().map(|account| {
                let seed = format!("{}/{}", device.identity.name, device.sessions);
                ServerProof::new(account, seed)
            }),
            incoming: Incoming::default(),
            outbox: Outbox::default(),
            waiting: None,
        };
        let commands = package::package_1(&device.identity.name, &device.profile, opening);
        session.say(device, commands, Say::Package);
        session
    }

    /// The message that was sent last.
    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }

    /// What was waited for, if anything was.
    pub(super) fn stop_waiting(&mut self) -> Option<(String, Vec<u8>)> {
        self.waiting.take()
    }

    pub(super) fn prepare(&mut self, prepared: Prepared) {
        self.prepared.push(prepared);
    }

    /// Takes the server's reply. The tree is the device's own only if the turn does not wait.
    pub(super) fn turn(
        mut self,
        device: &Device,
        tree: &mut Tree,
        reply: &[u8],
        now: Timestamp,
    ) -> Result<Turn, ProtocolError> {
        if reply.is_empty() {
            return Ok(Turn::Ends(self, Ending::Completed));
        }
        let bytes = reply.len();
        if let Some(limit) = device.profile.max_msg_size.filter(|limit| bytes > *limit) {
            return Err(ProtocolError::TooLong { bytes, limit });
        }
        let message = Message::parse(reply, &Limits::default())?;
        if message.header.session_id != self.id.to_string() {
            return Err(ProtocolError::OtherSession(message.header.session_id.into_owned()));
        }
        let before = self.clone();
        let status = self.header_status(&message).ok_or(ProtocolError::NoHeaderStatus)?;
        let code = status.code().unwrap_or_default();
        let challenge = status.chal.as_ref().and_then(|chal| Challenge::read(chal));
        let judgement = self.judge(&message);
        match (code, challenge) {
            (401 | 407, Some(challenge)) if self.offers < OFFERS => {
                self.offer(device, challenge, message.header.msg_id, judgement);
                return Ok(Turn::Sends(self));
            }
            (212, _) => self.login = Login::Silent,
            // A next nonce that comes with a 200 is for the next message.
            (200, Some(challenge)) => self.login = Login::Repeats(challenge),
            (200, None) => {}
            (code, _) => return Ok(Turn::Ends(self, Ending::Refused(code))),
        }
        if !self.outbox.is_empty() {
            return Ok(self.go_on(device, &message, judgement));
        }
        match self.obey(device, tree, &message, judgement, now) {
            // Played again, as from here, when the channel is there.
            Turn::Waits(_, pfn) => {
                let waiting = Some((pfn.clone(), reply.to_vec()));
                Ok(Turn::Waits(Self { waiting, ..before }, pfn))
            }
            turn => Ok(turn),
        }
    }

    /// Breaks off.
    pub(super) fn abort(mut self, device: &Device) -> Vec<u8> {
        self.say(device, vec![package::abort()], Say::Package);
        self.last
    }

    pub(super) fn report(
        &self,
        ending: Ending,
        register: Option<ChannelRequest>,
        now: Timestamp,
    ) -> SessionReport {
        SessionReport {
            session_id: self.id,
            opening: self.opening,
            messages: self.messages,
            commands: self.commands,
            ending,
            register,
            started_at: self.started_at,
            ended_at: now,
        }
    }

    /// The verdict about the server's message.
    fn judge(&mut self, message: &Message<'_>) -> Judgement {
        match &mut self.server {
            Some(server) => server.judge(&message.header),
            None => Judgement { code: 200, chal: None },
        }
    }

    /// Package 1 once more, as the next message, with the credential (oma-dm.md §0.4).
    fn offer(&mut self, device: &Device, challenge: Challenge, msg_ref: u32, judgement: Judgement) {
        self.offers += 1;
        self.login = Login::Repeats(challenge);
        let mut commands = vec![header_status(msg_ref, judgement)];
        commands.extend(package::package_1(&device.identity.name, &device.profile, self.opening));
        self.say(device, commands, Say::Package);
    }

    /// Sends what is left of the answers to earlier commands.
    fn go_on(mut self, device: &Device, message: &Message<'_>, judgement: Judgement) -> Turn {
        if message.commands.iter().any(is_abort) {
            return Turn::Ends(self, Ending::Aborted);
        }
        if message.commands.iter().any(refuses_object) {
            self.outbox.give_up_object();
        }
        let head = vec![header_status(message.header.msg_id, judgement)];
        self.send_next(device, head);
        Turn::Sends(self)
    }

    /// Sends the next portion, behind the head if the answers do not bring their own.
    fn send_next(&mut self, device: &Device, head: Vec<Command<'static>>) {
        let Some(Portion { commands, is_final, is_keep_alive }) = self.outbox.next() else { return };
        let has_head =
            matches!(commands.first(), Some(Command::Status(it)) if it.cmd_ref.as_deref() == Some("0"));
        let mut said = if is_keep_alive || has_head { Vec::new() } else { head };
        said.extend(commands);
        self.say(device, said, if is_final { Say::Package } else { Say::Part });
    }

    /// Carries out the commands of a message that accepted ours.
    fn obey(
        mut self,
        device: &Device,
        tree: &mut Tree,
        message: &Message<'_>,
        judgement: Judgement,
        now: Timestamp,
    ) -> Turn {
        let commands: Vec<_> = message.commands.iter().filter(|command| is_order(command)).collect();
        if commands.iter().any(|command| is_abort(command)) {
            return Turn::Ends(self, Ending::Aborted);
        }
        if commands.is_empty() {
            return Turn::Ends(self, Ending::Completed);
        }
        // After a wrong answer the server may challenge again; a right one opens a new account.
        self.offers = 0;
        let believed = judgement.is_believed();
        let ground = Ground {
            tree,
            incoming: &mut self.incoming,
            profile: &device.profile,
            prepared: &self.prepared,
            now,
        };
        let mut execution = Execution::new(ground, message.header.msg_id, judgement);
        if believed {
            for command in &commands {
                execution.run(command);
            }
        } else {
            execution.refuse(&commands, 407);
        }
        let answers = execution.finish();
        if tree.hung {
            tree.hung = false;
            return Turn::Ends(self, Ending::Hung);
        }
        let wanted = tree.channel.as_ref().filter(|channel| channel.is_wanted());
        if let Some(channel) = wanted
            && device.profile.registration == RegistrationTime::AtOnce
        {
            let pfn = channel.pfn.clone();
            return Turn::Waits(self, pfn);
        }
        if believed {
            self.commands += commands.len();
        }
        self.prepared.clear();
        self.outbox.fill(answers, &device.profile, !self.incoming.wants_more());
        self.send_next(device, Vec::new());
        Turn::Sends(self)
    }

    /// The Status of our last message's header.
    fn header_status<'m>(&self, message: &'m Message<'m>) -> Option<&'m Status<'m>> {
        let ours = self.msg_id.to_string();
        message.commands.iter().find_map(|command| match command {
            Command::Status(status)
                if status.cmd_ref.as_deref() == Some("0") && status.msg_ref.as_deref() == Some(&ours) =>
            {
                Some(status)
            }
            _ => None,
        })
    }

    /// Writes the next message.
    fn say(&mut self, device: &Device, mut commands: Vec<Command<'static>>, what: Say) {
        self.msg_id += 1;
        self.messages += 1;
        // 1 is kept for the Status of the SyncHdr (oma-dm.md §0.3).
        let first = if matches!(commands.first(), Some(Command::Status(_))) { 1 } else { 2 };
        package::number(&mut commands, first);
        let target = Location::new(device.address.as_str());
        let mut source = Location::new(device.identity.name.as_str());
        let cred = match &self.login {
            Login::Silent => None,
            Login::Repeats(challenge) => {
                source.name = Some(device.identity.user.as_str().into());
                Some(challenge.answer(&device.identity))
            }
        };
        let announced = device.profile.max_msg_size.map(|bytes| bytes.to_string().into());
        let meta = announced.map(|bytes| Meta { max_msg_size: Some(bytes), ..Meta::default() });
        let header = Header { cred, meta, ..Header::new(self.id.to_string(), self.msg_id, target, source) };
        let is_final = what != Say::Part;
        self.last = Message { header, commands, is_final }.to_xml().into_bytes();
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Say {
    /// A package.
    Package,
    /// A part of one, without Final.
    Part,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("opening", &self.opening)
            .field("msg_id", &self.msg_id)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// Whether it wants to be carried out, unlike Statuses and Results.
fn is_order(command: &Command<'_>) -> bool {
    !matches!(command, Command::Status(_) | Command::Results(_))
}

fn is_abort(command: &Command<'_>) -> bool {
    matches!(command, Command::Alert(alert) if alert.code() == Some(1223))
}

/// Whether it says that the chunk of an object was not taken.
fn refuses_object(command: &Command<'_>) -> bool {
    matches!(command, Command::Status(it) if it.cmd.as_deref() == Some("Results") && it.code() != Some(213))
}

//! The session that a device is in.

use std::fmt;

use model::Timestamp;
use syncml::{Command, Header, Limits, Location, Message, Status};

use super::{
    Device,
    credential::Challenge,
    execute::{Execution, Prepared},
    package,
    profile::RegistrationTime,
    report::{ChannelRequest, Ending, Opening, ProtocolError, SessionReport},
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
            waiting: None,
        };
        let commands = package::package_1(&device.identity.name, &device.profile, opening);
        session.say(device, commands);
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
        let message = Message::parse(reply, &Limits::default())?;
        if message.header.session_id != self.id.to_string() {
            return Err(ProtocolError::OtherSession(message.header.session_id.into_owned()));
        }
        let status = self.header_status(&message).ok_or(ProtocolError::NoHeaderStatus)?;
        let code = status.code().unwrap_or_default();
        let challenge = status.chal.as_ref().and_then(|chal| Challenge::read(chal));
        match (code, challenge) {
            (401 | 407, Some(challenge)) if self.offers < OFFERS => {
                self.offer(device, tree, challenge, message.header.msg_id, now);
                return Ok(Turn::Sends(self));
            }
            (212, _) => self.login = Login::Silent,
            // A next nonce that comes with a 200 is for the next message.
            (200, Some(challenge)) => self.login = Login::Repeats(challenge),
            (200, None) => {}
            (code, _) => return Ok(Turn::Ends(self, Ending::Refused(code))),
        }
        Ok(self.obey(device, tree, &message, reply, now))
    }

    /// Breaks off.
    pub(super) fn abort(mut self, device: &Device) -> Vec<u8> {
        self.say(device, vec![package::abort()]);
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

    /// Package 1 once more, as the next message, with the credential (oma-dm.md §0.4).
    fn offer(
        &mut self,
        device: &Device,
        tree: &mut Tree,
        challenge: Challenge,
        msg_ref: u32,
        now: Timestamp,
    ) {
        self.offers += 1;
        self.login = Login::Repeats(challenge);
        let mut commands = Execution::new(tree, &device.profile, &[], msg_ref, now).finish();
        commands.extend(package::package_1(&device.identity.name, &device.profile, self.opening));
        self.say(device, commands);
    }

    /// Carries out the commands of a message that accepted ours.
    fn obey(
        mut self,
        device: &Device,
        tree: &mut Tree,
        message: &Message<'_>,
        reply: &[u8],
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
        let mut execution = Execution::new(tree, &device.profile, &self.prepared, message.header.msg_id, now);
        for command in &commands {
            execution.run(command);
        }
        let answers = execution.finish();
        let wanted = tree.channel.as_ref().filter(|channel| channel.is_wanted());
        if tree.hung {
            tree.hung = false;
            return Turn::Ends(self, Ending::Hung);
        }
        if let Some(channel) = wanted
            && device.profile.registration == RegistrationTime::AtOnce
        {
            let pfn = channel.pfn.clone();
            self.waiting = Some((pfn.clone(), reply.to_vec()));
            return Turn::Waits(self, pfn);
        }
        self.commands += commands.len();
        self.prepared.clear();
        self.say(device, answers);
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
    fn say(&mut self, device: &Device, commands: Vec<Command<'static>>) {
        self.msg_id += 1;
        self.messages += 1;
        let target = Location::new(device.address.as_str());
        let mut source = Location::new(device.identity.name.as_str());
        let cred = match &self.login {
            Login::Silent => None,
            Login::Repeats(challenge) => {
                source.name = Some(device.identity.user.as_str().into());
                Some(challenge.answer(&device.identity))
            }
        };
        let header = Header { cred, ..Header::new(self.id.to_string(), self.msg_id, target, source) };
        self.last = Message { header, commands, is_final: true }.to_xml().into_bytes();
    }
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

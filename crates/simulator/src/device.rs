//! A simulated Windows device: a pure machine that holds the device's end of OMA DM sessions (oma-dm.md §3).

mod channel;
mod client;
mod credential;
mod execute;
mod object;
mod outbox;
mod package;
mod path;
mod polling;
mod profile;
mod report;
mod server_proof;
mod session;
mod tree;

use std::time::Duration;

use model::Timestamp;

use self::{
    execute::Prepared,
    session::{Session, Turn},
    tree::Tree,
};
use crate::wns::Renewal;

pub use client::{Backoff, Client, SyncError};
pub use profile::{
    HttpManner, Identity, LargeObjects, Login, NoChannelReply, OriginHeader, PfnWrite, Polling, Profile,
    ProofLasts, RegistrationTime, ReplaceMissing, SequenceSupport, ServerAccount, Upkeep,
};
pub use report::{ChannelRequest, Ending, Opening, ProtocolError, SessionReport, Step};
pub use tree::Writes;

/// A simulated device: its nodes, its channel, and the session that it is in.
///
/// ```text
/// start ─▶ bytes ─▶ (server) ─▶ receive ─▶ Send ─▶ (server) ─▶ receive ─▶ … ─▶ Done
///                                  └─▶ Register ─▶ channel_assigned or channel_failed ─▶ Send …
/// ```
#[derive(Clone, Debug)]
pub struct Device {
    identity: Identity,
    profile: Profile,
    /// The configured address of the server: the Target of its messages.
    address: String,
    tree: Tree,
    /// Who the server must prove to be; None: it need not.
    server: Option<ServerAccount>,
    sessions: u32,
    session: Option<Session>,
}

impl Device {
    /// A freshly enrolled device that is managed at `address`.
    pub fn new(identity: Identity, profile: Profile, address: &str) -> Self {
        let tree = Tree::new(&identity.name, &profile);
        Self {
            identity,
            profile,
            address: address.to_owned(),
            tree,
            server: None,
            sessions: 0,
            session: None,
        }
    }

    /// From the next session on the server must prove itself: until it does, nothing that it wants is done.
    pub fn challenge_server(&mut self, account: ServerAccount) {
        self.server = Some(account);
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What it is like.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Changes what it is like.
    pub fn profile_mut(&mut self) -> &mut Profile {
        &mut self.profile
    }

    /// The PFN that is set on it.
    pub fn pfn(&self) -> Option<&str> {
        self.tree.channel.as_ref().map(|channel| channel.pfn.as_str())
    }

    /// Its `ChannelURI`.
    pub fn channel_uri(&self) -> Option<&str> {
        self.tree.channel.as_ref()?.uri()
    }

    /// How often a server tried to write to its nodes, since it enrolled.
    pub fn writes(&self) -> Writes {
        self.tree.writes
    }

    /// Starts a session; one that was open is given up, as by a reboot. The message goes to the server.
    pub fn start(&mut self, opening: Opening, now: Timestamp) -> Vec<u8> {
        self.sessions += 1;
        let session = Session::open(self, opening, now);
        let message = session.last().to_vec();
        self.session = Some(session);
        message
    }

    /// The server's reply to the last message. An empty one ends the session (oma-dm.md §0.9).
    pub fn receive(&mut self, reply: &[u8], now: Timestamp) -> Result<Step, ProtocolError> {
        let session = self.session.take().ok_or(ProtocolError::NoSession)?;
        let mut tree = self.tree.clone();
        let turn = session.turn(self, &mut tree, reply, now)?;
        // A turn that waits for a channel is played again when that is there, from the same tree.
        if !matches!(turn, Turn::Waits(..)) {
            self.tree = tree;
        }
        Ok(self.take_turn(turn, now))
    }

    /// WNS gave the device the channel that it wanted. The step with which the session goes on, if one is waiting.
    pub fn channel_assigned(&mut self, uri: String, now: Timestamp) -> Result<Option<Step>, ProtocolError> {
        self.registered(Ok(uri), now)
    }

    /// WNS gave the device no channel; `push_status` is the value that `Push/Status` takes (oma-dm.md §8.1).
    pub fn channel_failed(&mut self, push_status: u8, now: Timestamp) -> Result<Option<Step>, ProtocolError> {
        self.registered(Err(push_status), now)
    }

    /// The message that was sent last, to be sent once more because no reply came (oma-dm.md §3.5).
    pub fn resend(&self) -> Option<&[u8]> {
        self.session.as_ref().map(Session::last)
    }

    /// Breaks the open session off: alert 1223, to which no reply is expected.
    pub fn abort(&mut self) -> Option<Vec<u8>> {
        let session = self.session.take()?;
        Some(session.abort(self))
    }

    /// Falls silent: the open session is given up without a word, as by a loss of the network.
    pub fn fall_silent(&mut self) {
        self.session = None;
    }

    /// A push came, but battery saver or the network kept the device from starting a session: `Push/Status` is 7
    /// until it has held one (oma-dm.md §8.1).
    pub fn miss_push(&mut self) {
        if let Some(channel) = &mut self.tree.channel {
            channel.miss_push();
        }
    }

    /// Enrolls anew: no channel, no server settings, and `SessionID` begins at 1 again (oma-dm.md §0.10).
    pub fn enroll_again(&mut self) {
        let server = self.server.take();
        *self = Self { server, ..Self::new(self.identity.clone(), self.profile.clone(), &self.address) };
    }

    /// The channel that the device asks WNS for because it is 15 days old; afterwards it starts a session
    /// (oma-dm.md §9.1).
    pub fn renewal_due(&self, now: Timestamp) -> Option<ChannelRequest> {
        let channel = self.tree.channel.as_ref()?;
        let due = self.profile.renewal == profile::Upkeep::Renews && self.renewal_at()? <= now;
        due.then(|| ChannelRequest { pfn: channel.pfn.clone(), renewal: Renewal::Fresh })
    }

    /// When the device tries to renew its channel the next time, whether its build can or not. None without a channel.
    pub fn renewal_at(&self) -> Option<Timestamp> {
        self.tree.channel.as_ref()?.renewal_at()
    }

    /// The device tried and failed: its build cannot, or there was no network. `chance` in 0..1 spreads the next try
    /// (the table in oma-dm.md §9.1).
    pub fn renewal_failed(&mut self, now: Timestamp, chance: f64) {
        if let Some(channel) = &mut self.tree.channel {
            channel.renewal_failed(now, chance);
        }
    }

    /// How long after a session by its schedule the device starts the next one, when it has started `polls` since it
    /// enrolled (oma-dm.md §8.3).
    pub fn poll_after(&self, polls: u32, now: Timestamp) -> Duration {
        let poll =
            format!("./Vendor/MSFT/DMClient/Provider/{}/Poll", path::encode(&self.profile.provider_id));
        polling::wait(polls, |node| self.node(&format!("{poll}/{node}"), now)?.parse().ok())
    }

    /// Another device that was made from an image of this one's disk: it shows the same channel.
    #[must_use]
    pub fn imaged(&self, identity: Identity) -> Self {
        let mut twin = Self::new(identity, self.profile.clone(), &self.address);
        twin.tree.channel.clone_from(&self.tree.channel);
        twin
    }

    /// The value of `UserAgentOrigin` for a session, if the device sends it (oma-dm.md §1.1).
    pub(crate) fn origin_header(&self, opening: Opening) -> Option<&'static str> {
        let origin = match opening {
            Opening::Schedule => "2",
            Opening::Push => "3",
            Opening::User => "4",
            Opening::Unenroll => "1",
        };
        (self.profile.origin == OriginHeader::Sent).then_some(origin)
    }

    /// The query that it adds to the server's address, and its User-Agent (oma-dm.md §1.1).
    pub(crate) fn http_manner(&self) -> (&'static str, &'static str) {
        match self.profile.http {
            HttpManner::Windows10 => ("mode=Maintenance&Platform=WoA", "MSFT OMA DM Client/1.2.0.1"),
            HttpManner::Windows8 => ("Platform=WoA", "Enrollment"),
        }
    }

    /// The value of a node, as a Get would tell it.
    pub fn node(&self, uri: &str, now: Timestamp) -> Option<String> {
        self.tree.get(uri, &self.profile, now).ok().map(|value| value.data)
    }

    fn registered(
        &mut self,
        outcome: Result<String, u8>,
        now: Timestamp,
    ) -> Result<Option<Step>, ProtocolError> {
        if let Some((pfn, reply)) = self.session.as_mut().and_then(Session::stop_waiting) {
            if let Some(session) = &mut self.session {
                session.prepare(Prepared { pfn, outcome });
            }
            return self.receive(&reply, now).map(Some);
        }
        if let Some(channel) = &mut self.tree.channel {
            channel.settle(outcome, now);
        }
        Ok(None)
    }

    fn take_turn(&mut self, turn: Turn, now: Timestamp) -> Step {
        match turn {
            Turn::Sends(session) => {
                let message = session.last().to_vec();
                self.session = Some(session);
                Step::Send(message)
            }
            Turn::Waits(session, pfn) => {
                self.session = Some(session);
                Step::Register(ChannelRequest { pfn, renewal: self.profile.reset })
            }
            Turn::Ends(session, ending) => {
                if let (Some(channel), Ending::Completed) = (&mut self.tree.channel, ending) {
                    channel.held_session();
                }
                let wanted = self.tree.channel.as_ref().filter(|channel| channel.is_wanted());
                let register = wanted
                    .map(|channel| ChannelRequest { pfn: channel.pfn.clone(), renewal: self.profile.reset });
                Step::Done(session.report(ending, register, now))
            }
        }
    }
}

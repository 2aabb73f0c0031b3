//! Who a simulated device is, and what it is like.

use std::fmt;

use secrecy::SecretString;

use crate::wns::Renewal;

/// Who a device is: what it was given at enrollment.
#[derive(Clone)]
pub struct Identity {
    /// Its name: the Source `LocURI` of its messages.
    pub name: String,
    /// The user name of its credential.
    pub user: String,
    /// The password of its credential.
    pub password: SecretString,
}

impl Identity {
    /// A device of this name, with its credential.
    pub fn new(name: impl Into<String>, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { name: name.into(), user: user.into(), password: SecretString::from(password.into()) }
    }
}

/// What a device knows of its server since enrollment: who that must prove to be (oma-dm.md §7.2).
#[derive(Clone)]
pub struct ServerAccount {
    /// The user name of the server's credential.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// For how long a right credential is good.
    pub lasts: ProofLasts,
}

/// For how long a server's credential is good (oma-dm.md §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofLasts {
    /// For the message that it came with (200): each further one needs another.
    Message,
    /// For the session (212).
    Session,
}

/// How a device behaves. The default is a Windows 11 of build 26200 as it was captured (oma-dm.md §0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The provider id that it was enrolled with; names its `DMClient` nodes.
    pub provider_id: String,
    /// `./DevDetail/SwV`.
    pub software_version: String,
    /// `./DevInfo/Man`.
    pub manufacturer: String,
    /// `./DevInfo/Mod`.
    pub model: String,
    /// What it does when the PFN is written.
    pub pfn_write: PfnWrite,
    /// When a channel is there after that.
    pub registration: RegistrationTime,
    /// Which URI it has after the PFN was written again.
    pub reset: Renewal,
    /// What becomes of its channel after 15 days.
    pub renewal: Upkeep,
    /// What a Get of `ChannelURI` yields while the PFN is set and there is no channel.
    pub no_channel: NoChannelReply,
    /// What Replace does to a node that is not there.
    pub replace_missing: ReplaceMissing,
    /// What it does with a Sequence.
    pub sequence: SequenceSupport,
    /// Whether it names the reason of a session in `UserAgentOrigin` (`SyncApplicationVersion` 4.0, §1.1).
    pub origin: OriginHeader,
    /// Who is signed in.
    pub login: Login,
    /// What it does with large objects, in both directions.
    pub large_objects: LargeObjects,
    /// The `MaxMsgSize` that it announces, in bytes; `None`: it announces none, as Windows does. It takes no larger message.
    pub max_msg_size: Option<usize>,
    /// How many bytes its own messages have at most; longer packages are cut into several; `None`: no bound.
    pub longest_message: Option<usize>,
    /// How many keep-alive alerts it sends before the answer to commands (`EnableOmaDmKeepAliveMessage`, §4.3).
    pub keep_alives: u32,
    /// Whether its failing Statuses carry `msft:originalerror` (`SyncApplicationVersion` 3.0, §2.1).
    pub original_error: Option<&'static str>,
    /// What it makes of the polling schedule that is written.
    pub polling: Polling,
    /// How its HTTP requests look.
    pub http: HttpManner,
}

/// Who is signed in on a device (oma-dm.md §3.2). User-scope commands need [`Login::User`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user of the management's directory.
    User,
    /// Somebody else.
    Others,
    /// Nobody.
    Nobody,
}

/// What a device does with large objects (oma-dm.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeObjects {
    /// `./DevDetail/LrgObj` is false, as captured: it takes no chunks, and makes none.
    Refused,
    /// `./DevDetail/LrgObj` is true.
    Taken {
        /// The `Size` beyond which it answers 416, in bytes.
        max: usize,
    },
}

/// What a device makes of the polling schedule that is written (oma-dm.md §8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// It keeps what is written.
    Kept,
    /// A schedule that ends some day becomes one of every 24 hours.
    Corrected,
    /// It answers 200, and its last set stays one of every 24 hours.
    Fixed,
}

/// How a device's HTTP requests look (oma-dm.md §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpManner {
    /// Of Windows 10 and 11: `mode` and `Platform` in the query.
    Windows10,
    /// Of 8.1: no `mode`, and `Enrollment` as the User-Agent.
    Windows8,
}

/// What a device does when the PFN is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PfnWrite {
    /// It asks WNS for a channel.
    Works,
    /// It answers this status, such as 404 where a policy turned cloud notifications off (oma-dm.md §8.1).
    Refused(u16),
    /// Its client hangs, and the session falls silent (oma-dm.md §9.1, builds of 8.1 and 1511).
    Hangs,
}

/// When a channel is there after a PFN write. Which one holds is not known (oma-dm.md §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationTime {
    /// At once: a Get later in the same Sequence reads the URI.
    AtOnce,
    /// After the session.
    AfterSession,
}

/// What becomes of a channel after 15 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// The device renews it and starts a session.
    Renews,
    /// It does not, and the channel expires after 30 days (oma-dm.md §9.1).
    Fails,
}

/// What a Get of `ChannelURI` yields without a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoChannelReply {
    /// Status 404, as captured.
    NotFound,
    /// An empty value, as documented.
    Empty,
}

/// What Replace does to a node that is not there (oma-dm.md §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceMissing {
    /// It fails with 404, as the specification says.
    NotFound,
    /// It creates the node, as many nodes do all the same.
    Creates,
}

/// What a device does with a Sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceSupport {
    /// It executes one command after the other, whatever becomes of them.
    Continues,
    /// It stops after the first one that fails; the rest is answered 215.
    Stops,
    /// It answers this status, such as 406, and executes nothing.
    Refused(u16),
}

/// Whether a device names the reason of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginHeader {
    /// It does not: the default of Windows.
    Silent,
    /// In the HTTP header `UserAgentOrigin`.
    Sent,
}

impl Profile {
    /// The default profile of a device that is enrolled with this provider id.
    pub fn new(provider_id: &str) -> Self {
        Self {
            provider_id: provider_id.to_owned(),
            software_version: "10.0.26200.7171".to_owned(),
            manufacturer: "Contoso, Inc.".to_owned(),
            model: "Simulated Device 1".to_owned(),
            pfn_write: PfnWrite::Works,
            registration: RegistrationTime::AtOnce,
            reset: Renewal::Fresh,
            renewal: Upkeep::Renews,
            no_channel: NoChannelReply::NotFound,
            replace_missing: ReplaceMissing::NotFound,
            sequence: SequenceSupport::Continues,
            origin: OriginHeader::Silent,
            login: Login::User,
            large_objects: LargeObjects::Refused,
            max_msg_size: None,
            longest_message: None,
            keep_alives: 0,
            original_error: None,
            polling: Polling::Kept,
            http: HttpManner::Windows10,
        }
    }

    /// A Windows 10 of build 10586: its renewal is known to fail (oma-dm.md §9.1).
    pub fn windows_1511(provider_id: &str) -> Self {
        let software_version = "10.0.10586.0".to_owned();
        Self { software_version, renewal: Upkeep::Fails, ..Self::new(provider_id) }
    }

    /// A Windows 10 of build 14393, the first whose renewal holds (oma-dm.md §9.1).
    pub fn windows_1607(provider_id: &str) -> Self {
        Self { software_version: "10.0.14393.0".to_owned(), ..Self::new(provider_id) }
    }

    /// A Windows 8.1: its renewal is known to fail, and its requests look otherwise (oma-dm.md §9.1, §9.2).
    pub fn windows_8_1(provider_id: &str) -> Self {
        let software_version = "6.3.9600.20000".to_owned();
        let http = HttpManner::Windows8;
        Self { software_version, renewal: Upkeep::Fails, http, ..Self::new(provider_id) }
    }
}

impl Login {
    /// The data of the alert `LoginStatus`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Others => "others",
            Self::Nobody => "none",
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerAccount")
            .field("user", &self.user)
            .field("lasts", &self.lasts)
            .finish_non_exhaustive()
    }
}

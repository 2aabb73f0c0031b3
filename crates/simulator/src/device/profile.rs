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
        }
    }

    /// A Windows 10 of build 10586: its renewal is known to fail (oma-dm.md §9.1).
    pub fn windows_1511(provider_id: &str) -> Self {
        let software_version = "10.0.10586.0".to_owned();
        Self { software_version, renewal: Upkeep::Fails, ..Self::new(provider_id) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).field("user", &self.user).finish_non_exhaustive()
    }
}

//! What it takes to be believed.

/// What the gateway found out about the connection before it read the message (oma-dm.md §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// No certificate, or one that is not bound to the device that the message names.
    Anonymous,
    /// A certificate that is bound to the device that the message names.
    Vouched,
}

/// What a device has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A certificate or a credential. A credential that comes beside a certificate must be right.
    Either,
    /// A certificate and a credential.
    Both,
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Whoever sent it did not prove to be the device, and there is no use in another challenge.
    Credential,
    /// Its `DevInfo` is that of another device (oma-dm.md §7.4).
    DevId,
    /// An older message, or another one under the last `MsgID` (oma-dm.md §3.5).
    MsgId,
    /// The `SessionID` is too long.
    SessionId,
}

impl Proof {
    /// Whether this is enough to be believed.
    pub(crate) fn is_given(self, certificate: bool, credential: bool) -> bool {
        match self {
            Self::Either => certificate || credential,
            Self::Both => certificate && credential,
        }
    }
}

impl Refusal {
    /// A word for logs and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::DevId => "dev_id",
            Self::MsgId => "msg_id",
            Self::SessionId => "session_id",
        }
    }
}

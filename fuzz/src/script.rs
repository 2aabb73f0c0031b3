//! What happens, as the fuzzer makes it up.

use arbitrary::Arbitrary;

/// An operator's choices, and what happens then.
#[derive(Arbitrary, Debug)]
pub struct Script {
    pub(crate) setup: Setup,
    pub(crate) steps: Vec<Step>,
}

/// What the operator and the enrollment decided.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Arbitrary, Debug)]
pub(crate) struct Setup {
    pub(crate) whole_session: bool,
    pub(crate) both_proofs: bool,
    pub(crate) md5: bool,
    pub(crate) basic: bool,
    pub(crate) has_password: bool,
    pub(crate) has_server_account: bool,
    pub(crate) large_objects: bool,
    pub(crate) max_messages: u8,
    pub(crate) max_message_bytes: u16,
    pub(crate) max_object_bytes: u16,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
pub(crate) enum Step {
    /// A message that is well-formed.
    Say(Saying),
    /// A message with anything in its body.
    Raw(Who, String),
    /// The last message comes again, with a certificate of the device or without.
    Again { certificate: bool },
    /// Seconds pass.
    Pass(u16),
    /// The timer for silent sessions.
    Silence,
}

/// A message, and what the caller wants to say then.
#[derive(Arbitrary, Debug)]
pub(crate) struct Saying {
    pub(crate) who: Who,
    pub(crate) head: Head,
    pub(crate) body: Vec<Piece>,
    pub(crate) is_final: bool,
    pub(crate) commands: Vec<Order>,
}

/// Who sends a message, and how it is proven.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The device, with a digest over the last nonce that it was given.
    Digest,
    Basic,
    /// A certificate of the device, and no credential.
    Certificate,
    CertificateAndDigest,
    /// Anybody who knows the name.
    Nobody,
    /// Anybody, with a digest that is wrong.
    Forger,
    /// A device that does not exist.
    Unknown,
}

impl Who {
    /// Whether the connection says that it is the device.
    pub(crate) fn has_certificate(self) -> bool {
        matches!(self, Self::Certificate | Self::CertificateAndDigest)
    }
}

/// What a header says.
#[derive(Arbitrary, Debug)]
pub(crate) struct Head {
    pub(crate) session: SessionId,
    pub(crate) number: Number,
    pub(crate) max_msg_size: Option<u16>,
    pub(crate) max_obj_size: Option<u16>,
    pub(crate) odd: bool,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum SessionId {
    Same,
    Next,
    First,
    Long,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Number {
    Next,
    Same,
    First,
    Skip(u8),
    Any(u32),
}

/// One command of a message.
#[derive(Arbitrary, Debug)]
pub(crate) enum Piece {
    /// Alerts 1201 or 1200.
    Begins { called: bool },
    /// Whose session it is.
    IsOf { user: bool },
    /// A code and a type of a small list, or any code.
    Alert { code: u16, kind: u8, data: Option<String> },
    /// `DevInfo`, of this device or another.
    Info { other: bool },
    /// A Status of a command that was sent.
    Answer { command: u8, node: Option<u8>, code: u16, original_error: bool },
    /// Results of a Get that was sent.
    Value { command: u8, node: u8, refs: Refs, chunk: Chunk },
    /// An alert in pieces.
    Part { chunk: Chunk },
    /// A Status of our `SyncHdr`.
    Header { code: u16, chal: Option<Challenge> },
    /// A command that a device does not send.
    Odd { verb: u8, cmd_id: Option<u8>, inside: Vec<Piece> },
}

/// Which references Results carry.
#[derive(Arbitrary, Debug)]
pub(crate) enum Refs {
    Right,
    Missing,
    Any(u8, u8),
}

/// Data that may go on in another message.
#[derive(Arbitrary, Debug)]
pub(crate) struct Chunk {
    pub(crate) size: Option<u16>,
    pub(crate) bytes: u8,
    pub(crate) more: bool,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Challenge {
    Md5,
    Md5WithoutNonce,
    Basic,
    Other,
}

/// A command for the device.
#[derive(Arbitrary, Debug)]
pub(crate) enum Order {
    Get { nodes: u8 },
    Write { verb: u8, bytes: u16, kind: u8, nodes: u8 },
    Delete { nodes: u8 },
    Sequence(Vec<Order>),
    Atomic(Vec<Order>),
}

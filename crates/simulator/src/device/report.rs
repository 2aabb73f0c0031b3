//! What a session of a simulated device came to.

use model::Timestamp;
use thiserror::Error;

use crate::wns::Renewal;

/// Why a device starts a session, and what kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The schedule, or the end of enrollment.
    Schedule,
    /// A push.
    Push,
    /// A user's session on a multi-user device, with the alert `com.microsoft.mdm.synctype` (oma-dm.md §3.6).
    User,
    /// The user leaves the management: alert 1226 in package 1 (oma-dm.md §3.4).
    Unenroll,
}

/// What the driver of a device does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this message to the server, and give the device the reply.
    Send(Vec<u8>),
    /// Get a channel from WNS, and tell the device what came of it.
    Register(ChannelRequest),
    /// The session is over.
    Done(SessionReport),
}

/// A device wants a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRequest {
    /// The package family name that the server set.
    pub pfn: String,
    /// Which URI it gets if it had one.
    pub renewal: Renewal,
}

/// What a session came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReport {
    /// Its `SessionID`.
    pub session_id: u32,
    /// Why it was started.
    pub opening: Opening,
    /// How many messages the device sent.
    pub messages: u32,
    /// How many commands the device carried out, those inside of groups not counted.
    pub commands: usize,
    /// How it ended.
    pub ending: Ending,
    /// A channel that the device wants now that the session is over.
    pub register: Option<ChannelRequest>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server had no more commands.
    Completed,
    /// The server sent alert 1223.
    Aborted,
    /// The server did not accept the message; the last status of its `SyncHdr`.
    Refused(u16),
    /// The device's client hung, and the server hears nothing more.
    Hung,
}

/// A reply that no device can make sense of; the session is over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// There is no session that it could belong to.
    #[error("no session is open")]
    NoSession,
    /// It is not SyncML.
    #[error("the reply is not SyncML: {0}")]
    NotSyncMl(#[from] syncml::ParseError),
    /// It names another session.
    #[error("the reply is for session `{0}`")]
    OtherSession(String),
    /// It is longer than the device said that a message may be.
    #[error("the reply has {bytes} bytes, and the device announced {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The `MaxMsgSize` that the device announced.
        limit: usize,
    },
    /// It does not say what became of the message's header.
    #[error("the reply has no Status for the SyncHdr")]
    NoHeaderStatus,
}

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{account::InnerHash, credential::Schemes, proof::Proof};

/// What an operator decides about sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For how long a credential counts.
    pub session_auth: SessionAuth,
    /// The schemes by which a device may prove who it is.
    pub schemes: Schemes,
    /// Whether a certificate or a credential is enough.
    pub proof: Proof,
    /// How we prove ourselves to a device that challenges us; None: we carry on unproven, which
    /// Windows accepts over TLS (oma-dm.md §7.2).
    pub server: Option<ServerAccount>,
    /// How many messages of a device one session takes; the last one is answered without commands
    /// (oma-dm.md §9.3). A session of few messages ends by itself long before.
    pub max_messages: u32,
    /// After how long a silence the caller's timer ends a session (oma-dm.md §9.3).
    pub silence: Duration,
    /// Bytes of a message that we send, unless the device said less (`MaxMsgSize`).
    pub max_message_bytes: usize,
    /// Bytes of a large object that is received in pieces.
    pub max_object_bytes: usize,
}

/// Our account on devices, for md5. Basic is never sent: a server must use a digest (oma-dm.md §7.2).
#[derive(Clone, Debug)]
pub struct ServerAccount {
    /// The user name, which goes into the Source's `LocName`.
    pub user: String,
    /// What the digest is made with.
    pub inner_hash: InnerHash,
}

/// For how long a verified credential counts (oma-dm.md §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionAuth {
    /// For the message it came with (status 200): the device repeats it in each.
    EachMessage,
    /// For the whole session (status 212). Whoever knows the device's name and the `SessionID`
    /// can then speak for it. A credential that comes all the same is verified. A session that
    /// began without a credential is never accepted as a whole.
    WholeSession,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_auth: SessionAuth::EachMessage,
            schemes: Schemes::default(),
            proof: Proof::Either,
            server: None,
            max_messages: 64,
            silence: Duration::from_mins(15),
            max_message_bytes: 256 << 10,
            max_object_bytes: 1 << 20,
        }
    }
}

impl SessionAuth {
    /// The status of `SyncHdr` for a message that was believed.
    pub(crate) fn accepted(self) -> u16 {
        match self {
            Self::EachMessage => 200,
            Self::WholeSession => 212,
        }
    }
}

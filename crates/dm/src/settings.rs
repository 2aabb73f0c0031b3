use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::credential::Schemes;

/// What an operator decides about sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For how long a credential counts.
    pub session_auth: SessionAuth,
    /// The schemes by which a device may prove who it is.
    pub schemes: Schemes,
    /// How many messages of a device one session takes; the last one is answered without commands
    /// (oma-dm.md §9.3). A session of few messages ends by itself long before.
    pub max_messages: u32,
    /// After how long a silence the caller's timer ends a session (oma-dm.md §9.3).
    pub silence: Duration,
}

/// For how long a verified credential counts (oma-dm.md §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionAuth {
    /// For the message it came with (status 200): the device repeats it in each.
    EachMessage,
    /// For the whole session (status 212). Whoever knows the device's name and the `SessionID`
    /// can then speak for it. A credential that comes all the same is verified.
    WholeSession,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_auth: SessionAuth::EachMessage,
            schemes: Schemes::default(),
            max_messages: 64,
            silence: Duration::from_mins(15),
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

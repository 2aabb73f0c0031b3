//! One POST to WNS: what is asked, and what came back.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::ChannelUri;

/// One raw push (DESIGN §5, wns.md §2).
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Where to.
    pub uri: ChannelUri,
    /// The body; small, constant, and never about the device (wns.md §2.2).
    pub payload: Vec<u8>,
    /// `X-WNS-TTL`, in whole seconds, at least one.
    pub ttl: Duration,
    /// `X-WNS-PRIORITY`, 1 (high) to 4 (very low), if configured.
    pub priority: Option<u8>,
    /// `MS-CV`: a correlation vector, new for each request.
    pub ms_cv: String,
    /// Use a connection that no earlier request used: after ambiguous trouble, a pooled one may be dead too (wns.md §2.1).
    pub fresh_connection: bool,
}

/// What became of one push, before anybody judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// WNS answered. A 401 here is the second one: the token was renewed and the push sent again in between.
    Responded(WnsResponse),
    /// Nothing was sent: no connection came about. Says why, without naming the URI.
    NotSent(String),
    /// The request may have arrived; no answer did. Says why, without naming the URI.
    Ambiguous(String),
    /// There was no access token to send it with.
    NoToken(TokenTrouble),
}

/// Why there is no access token (wns.md §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenTrouble {
    /// The token endpoint refuses the credentials; only an operator can help.
    Credential {
        /// The endpoint's error code and description, bounded, without secrets.
        description: String,
    },
    /// The token endpoint is throttling, failing or out of reach.
    Unavailable {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// What happened, bounded, without secrets.
        description: String,
    },
}

/// What WNS answered to a push (wns.md §3). All texts are bounded by whoever reads them from the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WnsResponse {
    /// The HTTP status.
    pub status: u16,
    /// The HTTP/1.1 reason phrase: one of the two places where "Domain Blocked" may stand (wns.md §3.1).
    pub reason: Option<String>,
    /// `X-WNS-Status`, or its older name `X-WNS-NotificationStatus`.
    pub notification_status: Option<String>,
    /// `X-WNS-DeviceConnectionStatus`.
    pub connection: Option<ConnectionStatus>,
    /// `X-WNS-Error-Description`.
    pub error_description: Option<String>,
    /// `X-WNS-Debug-Trace`.
    pub debug_trace: Option<String>,
    /// `X-WNS-Msg-ID`.
    pub message_id: Option<String>,
    /// `MS-CV` of the answer.
    pub ms_cv: Option<String>,
    /// `Retry-After`, whether it came as seconds or as a date.
    pub retry_after: Option<Duration>,
}

/// Whether the device is connected to WNS, as WNS sees it (wns.md §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// It is.
    Connected,
    /// It is not.
    Disconnected,
    /// It was a moment ago and is expected back.
    TempDisconnected,
}

impl ConnectionStatus {
    /// Reads the header's value; `tempconnected` is deprecated and means connected, an unknown value is nothing.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "connected" | "tempconnected" => Some(Self::Connected),
            "disconnected" => Some(Self::Disconnected),
            "tempdisconnected" => Some(Self::TempDisconnected),
            _ => None,
        }
    }

    /// The header's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::TempDisconnected => "tempdisconnected",
        }
    }
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

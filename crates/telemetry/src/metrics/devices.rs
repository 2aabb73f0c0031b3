//! What devices send: messages and sessions.

use std::time::Duration;

use super::{
    Metrics,
    catalogue::{Family, PLAIN},
};

pub(super) const SESSIONS: Family =
    Family { name: "reveille_sessions_total", labels: &["ending"], help: "Sessions that ended, by how." };
pub(super) const MESSAGE_DURATION: Family = Family {
    name: "reveille_gateway_message_duration_seconds",
    labels: &["result"],
    help: "Time from the head of a device's message to its reply: its body, parsing, deciding and storing it.",
};
pub(super) const MESSAGE_BYTES: Family = Family {
    name: "reveille_gateway_message_bytes",
    labels: &["direction"],
    help: "Length of devices' messages (received) and of the replies (sent).",
};
pub(super) const WRONG_CREDENTIALS: Family = Family {
    name: "reveille_gateway_wrong_credentials_total",
    labels: &[],
    help: "Messages with a credential that was wrong.",
};

/// From an empty message to the longest that is read by default.
pub(super) const SIZES: &[f64] = &[256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];

/// The endings that sessions have every day.
const ENDINGS: [&str; 2] = ["completed", "silent"];

/// A device's message and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// `answered`, or the name of the refusal.
    pub result: &'static str,
    /// Length of the reply, if it was answered.
    pub sent: Option<usize>,
    /// How long that took.
    pub took: Duration,
}

impl Metrics {
    pub(super) fn begin_devices(&self) {
        for ending in ENDINGS {
            self.sessions.with_label_values(&[ending]);
        }
        self.wrong_credentials.with_label_values(PLAIN);
    }

    /// A session ended.
    pub(crate) fn session_ended(&self, ending: &str) {
        self.sessions.with_label_values(&[ending]).inc();
    }

    /// A message's body was read.
    pub fn message_received(&self, bytes: usize) {
        self.message_bytes("received", bytes);
    }

    /// A message was answered or refused.
    pub fn message(&self, message: Message) {
        self.message_duration.with_label_values(&[message.result]).observe(message.took.as_secs_f64());
        if let Some(bytes) = message.sent {
            self.message_bytes("sent", bytes);
        }
    }

    /// A credential was wrong.
    pub fn wrong_credential(&self) {
        self.wrong_credentials.with_label_values(PLAIN).inc();
    }

    fn message_bytes(&self, direction: &str, bytes: usize) {
        // Longer ones were refused.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.message_bytes.with_label_values(&[direction]).observe(bytes.into());
    }
}

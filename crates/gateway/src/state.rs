//! What is kept of a session between two messages.

use dm::Session;
use push::Visit;

/// A session and its housekeeping. Stored as one line of JSON, then the session in its own versioned form.
pub(crate) struct State {
    pub(crate) session: Session,
    /// None until the first answer that could ask something.
    pub(crate) visit: Option<Visit>,
}

impl State {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.visit).expect("a visit is made of plain values");
        bytes.push(b'\n');
        bytes.extend(self.session.encode());
        bytes
    }

    /// None if it is of another version: the device then starts over.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let line = bytes.iter().position(|byte| *byte == b'\n')?;
        let visit = serde_json::from_slice(&bytes[..line]).ok()?;
        Session::decode(&bytes[line + 1..]).map(|session| Self { session, visit })
    }
}

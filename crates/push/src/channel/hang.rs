//! Clients that hang when the PFN is written (DESIGN §4, oma-dm.md §9.1).

use serde::{Deserialize, Serialize};

/// What is suspected of a device's client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hang {
    /// Since the last write, nothing was heard of the session that it went in.
    unheard: bool,
    /// Sessions in a row that fell silent after a write.
    silent: u8,
}

/// Sessions in a row that fall silent after a write, until it is believed that the write hangs the client.
const ENOUGH: u8 = 2;

impl Hang {
    /// The write is in the message that is about to go.
    pub(super) fn writing(&mut self) {
        self.unheard = true;
    }

    /// The device said something after the write, if only that the session goes on.
    pub(super) fn heard(&mut self) {
        self.unheard = false;
    }

    /// The device said what became of the write.
    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }

    /// Another session begins: if the last write is still unheard, its session fell silent.
    pub(super) fn session_begins(&mut self) {
        let silent = std::mem::take(&mut self.unheard);
        self.silent = self.silent.saturating_add(u8::from(silent));
    }

    pub(super) fn is_likely(&self) -> bool {
        self.silent >= ENOUGH
    }
}

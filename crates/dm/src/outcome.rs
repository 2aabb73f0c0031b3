use std::fmt;

use serde::{Deserialize, Serialize};
use syncml::Status;

use crate::command::{Kind, Outgoing, Tag};

/// What became of one node of a command, or of a group as such. Delivered once.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The command's name.
    pub tag: Tag,
    /// The node as the command spelled it; None for a Sequence or an Atomic itself.
    pub target: Option<String>,
    /// The status code. 101, 202, 206 and 213 if nothing final followed; None if the device never
    /// said anything, or the command was never sent.
    pub status: Option<u16>,
    /// What failed inside the device, as it says it: `0x86000002` (oma-dm.md §2.1).
    pub original_error: Option<String>,
    /// The value that was read. `Debug` shows its length only.
    pub value: Option<String>,
}

/// What a Status said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) code: u16,
    pub(crate) original_error: Option<String>,
}

impl Outcome {
    pub(crate) fn new(tag: Tag, target: Option<String>, said: Option<Said>, value: Option<String>) -> Self {
        let (status, original_error) =
            said.map_or((None, None), |said| (Some(said.code), said.original_error));
        Self { tag, target, status, original_error, value }
    }
}

/// The outcomes of a command that was never sent: nothing is known of it.
pub(crate) fn unsent(outgoing: &Outgoing) -> Vec<Outcome> {
    let unknown = |target| Outcome::new(outgoing.tag.clone(), target, None, None);
    match &outgoing.command.0 {
        Kind::About(_, nodes) => nodes.iter().map(|node| unknown(Some(node.target.clone()))).collect(),
        Kind::Group(_, inner) => [unknown(None)].into_iter().chain(inner.iter().flat_map(unsent)).collect(),
    }
}

impl Said {
    /// What a Status says; None if its Data is no number.
    pub(crate) fn by(status: &Status<'_>) -> Option<Self> {
        let original_error = status.original_error.as_deref().map(str::trim);
        let original_error = original_error.filter(|error| !error.is_empty() && error.len() <= LONGEST_ERROR);
        Some(Self { code: status.code()?, original_error: original_error.map(str::to_owned) })
    }

    /// Not in progress, accepted, partial or a chunk buffered (oma-dm.md §5.3).
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.code, 101 | 202 | 206 | 213)
    }

    /// The command was not executed, because we did not say who we are.
    pub(crate) fn is_challenge(&self) -> bool {
        matches!(self.code, 401 | 407)
    }
}

/// Ten characters are what it should be; whatever is much longer is something else.
const LONGEST_ERROR: usize = 64;

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("tag", &self.tag)
            .field("target", &self.target)
            .field("status", &self.status)
            .field("original_error", &self.original_error)
            .field("value_bytes", &self.value.as_ref().map(String::len))
            .finish()
    }
}

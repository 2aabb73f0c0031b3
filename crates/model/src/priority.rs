//! How urgent a wake is.

use serde::{Deserialize, Serialize};

/// How urgent a wake is. Ordered: interactive is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// May be paced and held back.
    #[default]
    Bulk,
    /// Somebody is waiting.
    Interactive,
}

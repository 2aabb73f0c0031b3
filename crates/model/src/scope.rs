//! Whom a management session is about.

use serde::{Deserialize, Serialize};

/// Whom a management session is about (oma-dm.md §3.6). A push wakes only the device session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The device.
    #[default]
    Device,
    /// One of its users, on multi-session hosts.
    User,
}

impl Scope {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::User => "user",
        }
    }
}

//! The builds of Windows that the fleet is made of (oma-dm.md §9.1).

use serde::Serialize;
use simulator::device::Profile;

/// A build of Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Build {
    /// 8.1, whose renewal can fail, and whose client can hang at a PFN write.
    #[serde(rename = "8.1")]
    Windows81,
    /// 10.0.10586, the same.
    #[serde(rename = "10.0.10586")]
    Windows1511,
    /// 10.0.14393, the first that renews reliably.
    #[serde(rename = "10.0.14393")]
    Windows1607,
    /// 11.
    #[serde(rename = "11")]
    Windows11,
}

impl Build {
    /// All of them, the oldest first.
    pub const ALL: [Self; 4] = [Self::Windows81, Self::Windows1511, Self::Windows1607, Self::Windows11];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows81 => "8.1",
            Self::Windows1511 => "10.0.10586",
            Self::Windows1607 => "10.0.14393",
            Self::Windows11 => "11",
        }
    }

    /// Whether its renewal is known to fail, and its client known to hang.
    pub(crate) fn is_old(self) -> bool {
        matches!(self, Self::Windows81 | Self::Windows1511)
    }

    pub(crate) fn profile(self, provider_id: &str) -> Profile {
        match self {
            Self::Windows81 => Profile::windows_8_1(provider_id),
            Self::Windows1511 => Profile::windows_1511(provider_id),
            Self::Windows1607 => Profile::windows_1607(provider_id),
            Self::Windows11 => Profile::new(provider_id),
        }
    }
}

//! Names that people and protocols give to things. Parsed once, then trusted.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It has more bytes than allowed.
    #[error("has {got} bytes, {limit} is the limit")]
    TooLong {
        /// Its length in bytes.
        got: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// It holds a control character.
    #[error("must not hold control characters")]
    Control,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text, $limit).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                check(&text, $limit).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

name!(
    /// A device's name: the `SyncHdr/Source/LocURI` that its credential vouches for (oma-dm.md §2.2).
    /// 1 to 255 bytes, compared exactly.
    DeviceName, 255
);
name!(
    /// The `{ProviderID}` in `./Vendor/MSFT/DMClient/Provider/{ProviderID}` (oma-dm.md §8), not percent-encoded.
    /// 1 to 255 bytes.
    ProviderId, 255
);
name!(
    /// The operator's name for a push app. 1 to 63 bytes.
    PushAppName, 63
);
name!(
    /// A package family name, the value of the `Push/PFN` node (oma-dm.md §8.1). 1 to 255 bytes.
    Pfn, 255
);

fn check(text: &str, limit: usize) -> Result<(), InvalidName> {
    match text.len() {
        0 => Err(InvalidName::Empty),
        got if got > limit => Err(InvalidName::TooLong { got, limit }),
        _ if text.chars().any(char::is_control) => Err(InvalidName::Control),
        _ => Ok(()),
    }
}

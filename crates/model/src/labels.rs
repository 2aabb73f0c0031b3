//! Labels: the owner's own words about a device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Key-value pairs of the owner's choosing, at most 32, sorted by key.
///
/// Keys have 1 to 63 bytes, values at most 255.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// Why a set of labels was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidLabels {
    /// There are more than 32.
    #[error("{0} labels were given, 32 is the limit")]
    TooMany(usize),
    /// A key is empty or has more than 63 bytes.
    #[error("a label's key has {0} bytes, 1 to 63 are allowed")]
    Key(usize),
    /// A value has more than 255 bytes.
    #[error("the value of label `{0}` is longer than 255 bytes")]
    Value(String),
}

impl Labels {
    /// Checks the pairs and keeps them.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, InvalidLabels> {
        let map: BTreeMap<_, _> = pairs.into_iter().collect();
        if map.len() > 32 {
            return Err(InvalidLabels::TooMany(map.len()));
        }
        for (key, value) in &map {
            if key.is_empty() || key.len() > 63 {
                return Err(InvalidLabels::Key(key.len()));
            }
            if value.len() > 255 {
                return Err(InvalidLabels::Value(key.clone()));
            }
        }
        Ok(Self(map))
    }

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Whether the label `key` has this value.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.0.get(key).is_some_and(|v| v == value)
    }
}

//! Secrets: named in the configuration, kept elsewhere.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use figment::value::Value;
use secrecy::{ExposeSecret, SecretString};

use super::value::quoted;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In an environment variable: `{ env = "NAME" }`.
    Variable(String),
    /// In a file: `{ file = "…" }`.
    File(PathBuf),
}

/// How a place is written.
pub(super) const EXPECTED: &str = "{ env = \"NAME\" } or { file = \"PATH\" }";

impl Place {
    pub(super) fn read(value: &Value) -> Option<Self> {
        let dict = value.as_dict()?;
        let mut entries = dict.iter();
        let (Some((kind, place)), None) = (entries.next(), entries.next()) else {
            return None;
        };
        let place = place.as_str().filter(|place| !place.is_empty())?;
        match kind.as_str() {
            "env" => Some(Self::Variable(place.to_owned())),
            "file" => Some(Self::File(place.into())),
            _ => None,
        }
    }

    /// As it is written in TOML.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Variable(name) => format!("{{ env = {} }}", quoted(name)),
            Self::File(path) => format!("{{ file = {} }}", quoted(&path.display().to_string())),
        }
    }

    /// The secret, or what is wrong with its place.
    pub(super) fn secret(&self, environment: &BTreeMap<String, String>) -> Result<SecretString, String> {
        let text = match self {
            Self::Variable(name) => {
                environment.get(name).cloned().ok_or_else(|| format!("names {self}, which is not set"))?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("names {self}, which cannot be read ({error})"))?,
        };
        let secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
        if secret.expose_secret().is_empty() {
            return Err(format!("names {self}, which is empty"));
        }
        Ok(secret)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

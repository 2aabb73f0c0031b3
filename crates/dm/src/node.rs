//! A node of the management tree, and what to write into it (oma-dm.md §6).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::CommandError;

/// A node and what to write into it. `Debug` shows the length of the data only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub(crate) target: String,
    pub(crate) data: Option<(Format, String)>,
    pub(crate) kind: Option<String>,
}

/// `Format` of a value (oma-dm.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// Text.
    Chr,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// A floating-point number.
    Float,
    /// A date.
    Date,
    /// A time.
    Time,
    /// Base64.
    B64,
    /// Bytes.
    Bin,
    /// An inner node.
    Node,
    /// Nothing.
    Null,
    /// XML, escaped.
    Xml,
}

impl Node {
    /// A node without data.
    pub fn bare(target: impl Into<String>) -> Self {
        let target = target.into();
        Self { target, data: None, kind: None }
    }

    /// A node and its text.
    pub fn chr(target: impl Into<String>, text: impl Into<String>) -> Self {
        Self::with(target, Format::Chr, text)
    }

    /// A node and its number.
    pub fn int(target: impl Into<String>, number: i64) -> Self {
        Self::with(target, Format::Int, number.to_string())
    }

    /// A node and data of some format.
    pub fn with(target: impl Into<String>, format: Format, data: impl Into<String>) -> Self {
        let data = Some((format, data.into()));
        Self { data, ..Self::bare(target) }
    }

    /// The same with a media type; without one it is `text/plain`.
    #[must_use]
    pub fn of_type(self, kind: impl Into<String>) -> Self {
        let kind = Some(kind.into());
        Self { kind, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), CommandError> {
        let target = || self.target.clone();
        let data = self.data.as_ref().map(|(_, data)| data);
        let mut texts = [Some(&self.target), data, self.kind.as_ref()].into_iter().flatten();
        match self.target.trim() {
            "" => Err(CommandError::Target(target())),
            trimmed if trimmed.starts_with('/') => Err(CommandError::Target(target())),
            _ if !texts.all(|text| syncml::is_text(text)) => Err(CommandError::Character(target())),
            _ => Ok(()),
        }
    }
}

impl Format {
    pub(crate) fn wire(self) -> &'static str {
        match self {
            Self::Chr => "chr",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Float => "float",
            Self::Date => "date",
            Self::Time => "time",
            Self::B64 => "b64",
            Self::Bin => "bin",
            Self::Node => "node",
            Self::Null => "null",
            Self::Xml => "xml",
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("target", &self.target)
            .field("format", &self.data.as_ref().map(|(format, _)| format))
            .field("data_bytes", &self.data.as_ref().map(|(_, data)| data.len()))
            .field("kind", &self.kind)
            .finish()
    }
}

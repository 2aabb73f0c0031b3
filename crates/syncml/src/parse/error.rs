use std::fmt;

/// Why a document is not a `SyncML` message. The sender's fault, always.
///
/// Nothing of the document is repeated but element names, shortened: documents hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: {kind}")]
pub struct ParseError {
    /// Where, in bytes from the start of the document.
    pub position: usize,
    /// What.
    pub kind: ParseErrorKind,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    /// More than a limit allows.
    #[error("expected at most {limit} {what}, found more")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Bytes that are neither UTF-8 nor UTF-16, whatever the declaration says.
    #[error("expected UTF-8 or UTF-16, found other bytes")]
    NotUtf8,
    /// UTF-16 of an odd number of bytes.
    #[error("expected UTF-16, found an odd number of bytes")]
    HalfUnit,
    /// Half of a surrogate pair in UTF-16.
    #[error("expected UTF-16, found half of a surrogate pair")]
    LoneSurrogate,
    /// A character that XML does not allow, literal or by reference.
    #[error("expected characters that XML allows, found a forbidden one")]
    Character,
    /// A document type definition.
    #[error("expected no document type definition, found one")]
    Doctype,
    /// An entity other than the five of XML.
    #[error("expected a character reference or a predefined entity, found another entity")]
    Entity,
    /// An end tag that does not belong to the open element.
    #[error("expected </{expected}>, found </{found}>")]
    MismatchedEnd {
        /// The open element.
        expected: Name,
        /// The end tag.
        found: Name,
    },
    /// The document ends inside an element.
    #[error("expected </{0}>, found the end of the document")]
    UnclosedElement(Name),
    /// Markup that is not XML.
    #[error("expected {0}")]
    Syntax(&'static str),
    /// The root is something else.
    #[error("expected SyncML as the root, found {0}")]
    NotSyncMl(Name),
    /// A required element is absent or empty.
    #[error("expected {0}, found none")]
    Missing(&'static str),
    /// An element that can only be there once.
    #[error("expected one {0}, found two")]
    Repeated(&'static str),
    /// A number is not one.
    #[error("expected a number in {0}")]
    NotANumber(&'static str),
}

/// An element's name as an error shows it: at most 40 characters, only those of ASCII names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    const SHOWN: usize = 40;

    pub(crate) fn new(name: &str) -> Self {
        let shown = |c: char| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ':' | '-' | '.' => c,
            _ => '?',
        };
        let mut short: String = name.chars().take(Self::SHOWN).map(shown).collect();
        if name.chars().nth(Self::SHOWN).is_some() {
            short.push('…');
        }
        Self(short)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

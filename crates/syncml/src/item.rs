use std::{borrow::Cow, fmt};

use crate::{message::Location, meta::Meta};

/// `Item`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Item<'a> {
    /// `Target`: the node that a command is about.
    pub target: Option<Location<'a>>,
    /// `Source`: the node that a device tells about.
    pub source: Option<Location<'a>>,
    /// `Meta`.
    pub meta: Option<Meta<'a>>,
    /// `Data`.
    pub data: Option<Data<'a>>,
    /// `MoreData`: this is a chunk, and another one follows (oma-dm.md §6).
    pub more_data: bool,
}

/// The content of an `Item`'s `Data`. Its `Debug` form tells the length only: data may be a
/// `ChannelURI`, a token or a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// Character data, entities resolved, white space as it was.
    Text(Cow<'a, str>),
    /// Elements, as they stood in the document.
    Markup(Markup<'a>),
}

/// Raw XML from inside a `Data` element, white space and namespace declarations included.
/// Only the parser makes one, so that it is always well-formed.
#[derive(Clone, PartialEq, Eq)]
pub struct Markup<'a>(Cow<'a, str>);

impl Item<'_> {
    /// The data as text, markup as its source. Empty if there is none: `<Data/>`, `<Data></Data>`
    /// and no `Data` at all are alike (oma-dm.md §6).
    pub fn value(&self) -> &str {
        match &self.data {
            Some(Data::Text(text)) => text,
            Some(Data::Markup(markup)) => markup.as_str(),
            None => "",
        }
    }

    /// The node's URI: `Source` as in Results and `DevInfo`, otherwise `Target`.
    pub fn uri(&self) -> Option<&str> {
        let location = self.source.as_ref().or(self.target.as_ref())?;
        Some(&location.uri)
    }

    /// The `Type` of the item's own Meta.
    pub fn kind(&self) -> Option<&str> {
        self.meta.as_ref()?.kind.as_deref()
    }
}

impl<'a> Data<'a> {
    /// Character data; escaped when it is written.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Markup(markup) => markup.fmt(f),
        }
    }
}

impl<'a> Markup<'a> {
    pub(crate) fn from_document(source: &'a str) -> Self {
        Self(Cow::Borrowed(source))
    }

    pub(crate) fn into_owned(self) -> Markup<'static> {
        Markup(Cow::Owned(self.0.into_owned()))
    }

    /// The XML.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Markup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Markup({} bytes)", self.0.len())
    }
}

use std::borrow::Cow;

use crate::{
    auth::Cred,
    command::Command,
    meta::Meta,
    parse::{self, Limits, ParseError},
    write,
};

/// One `SyncML` document: what one HTTP body carries (oma-dm.md §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `SyncHdr`.
    pub header: Header<'a>,
    /// The commands of `SyncBody`, in document order.
    pub commands: Vec<Command<'a>>,
    /// Whether `Final` is present: the sender's package ends with this message.
    pub is_final: bool,
}

/// `SyncHdr` (oma-dm.md §2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// `VerDTD`, normally `1.2`.
    pub ver_dtd: Option<Cow<'a, str>>,
    /// `VerProto`, normally `DM/1.2`.
    pub ver_proto: Option<Cow<'a, str>>,
    /// `SessionID`: opaque, chosen by the client, compared as text.
    pub session_id: Cow<'a, str>,
    /// `MsgID`.
    pub msg_id: u32,
    /// `Target`: to whom the message goes.
    pub target: Option<Location<'a>>,
    /// `Source`: from whom it claims to come. Proves nothing by itself (oma-dm.md §7.4).
    pub source: Location<'a>,
    /// `RespURI`: where the answer is wanted. Never follow one that a device sent.
    pub resp_uri: Option<Cow<'a, str>>,
    /// `Cred`.
    pub cred: Option<Cred<'a>>,
    /// `Meta`: `MaxMsgSize` and `MaxObjSize`.
    pub meta: Option<Meta<'a>>,
}

/// `Target` or `Source`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Location<'a> {
    /// `LocURI`, without the white space around it.
    pub uri: Cow<'a, str>,
    /// `LocName`; in a `SyncHdr` Source, the user name of the credential.
    pub name: Option<Cow<'a, str>>,
}

impl<'a> Message<'a> {
    /// Reads one document.
    ///
    /// Strict about XML, lenient about the schema; see the crate's documentation. The text of a document in
    /// UTF-8 is borrowed, that of one in UTF-16 is converted and owned.
    pub fn parse(document: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        parse::message(document, limits)
    }

    /// Writes the message as compact XML: no declaration, no white space, no CDATA, children in
    /// the order of the DTD (oma-dm.md §0.7, §0.8, §2.1).
    ///
    /// What was parsed is written without loss. A character that XML cannot carry, which no parsed
    /// message holds, becomes U+FFFD; see [`is_text`](crate::is_text).
    pub fn to_xml(&self) -> String {
        write::message(self)
    }

    /// How many bytes [`to_xml`](Self::to_xml) makes, without making them. A message without commands and
    /// [`Command::xml_len`] of each add up to it.
    pub fn xml_len(&self) -> usize {
        write::message_len(self)
    }
}

impl<'a> Header<'a> {
    /// A header of version 1.2 with the four fields that every message has.
    pub fn new(
        session_id: impl Into<Cow<'a, str>>,
        msg_id: u32,
        target: Location<'a>,
        source: Location<'a>,
    ) -> Self {
        Self {
            ver_dtd: Some("1.2".into()),
            ver_proto: Some("DM/1.2".into()),
            session_id: session_id.into(),
            msg_id,
            target: Some(target),
            source,
            resp_uri: None,
            cred: None,
            meta: None,
        }
    }
}

impl<'a> Location<'a> {
    /// A location without `LocName`.
    pub fn new(uri: impl Into<Cow<'a, str>>) -> Self {
        Self { uri: uri.into(), name: None }
    }
}

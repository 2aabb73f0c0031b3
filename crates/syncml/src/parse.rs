//! From a document to a [`Message`]. Strict about XML, lenient about the schema.

mod attributes;
mod body;
mod decode;
mod element;
mod error;
mod header;
mod limits;
mod reference;
mod scanner;

pub use error::{Name, ParseError, ParseErrorKind};
pub use limits::Limits;

use std::borrow::Cow;

use self::{
    body::Body,
    decode::decode,
    scanner::{Scanner, Token},
};
use crate::message::{Header, Message};

pub(crate) fn message<'a>(document: &'a [u8], limits: &Limits) -> Result<Message<'a>, ParseError> {
    let decoded = decode(document, limits)?;
    let message = match &decoded.text {
        Cow::Borrowed(text) => read(text, limits),
        Cow::Owned(text) => read(text, limits).map(Message::into_owned),
    };
    message.map_err(|error| decoded.locate(error))
}

fn read<'a>(text: &'a str, limits: &Limits) -> Result<Message<'a>, ParseError> {
    if let Some(position) = decode::forbidden(text) {
        return Err(ParseError { position, kind: ParseErrorKind::Character });
    }
    let mut scanner = Scanner::new(text, *limits);
    root(&mut scanner)?;
    let mut header: Option<Header<'a>> = None;
    let mut body: Option<Body<'a>> = None;
    scanner.children(|scanner, name| match name {
        "SyncHdr" if header.is_some() => Err(scanner.fail(ParseErrorKind::Repeated("SyncHdr"))),
        "SyncHdr" => {
            header = Some(header::read(scanner)?);
            Ok(())
        }
        "SyncBody" if body.is_some() => Err(scanner.fail(ParseErrorKind::Repeated("SyncBody"))),
        "SyncBody" => {
            body = Some(body::read(scanner)?);
            Ok(())
        }
        _ => scanner.skip(),
    })?;
    scanner.finish()?;
    let missing = |what| scanner.fail(ParseErrorKind::Missing(what));
    let header = header.ok_or_else(|| missing("SyncHdr"))?;
    let body = body.ok_or_else(|| missing("SyncBody"))?;
    Ok(Message { header, commands: body.commands, is_final: body.is_final })
}

/// Opens the root, which may be in any namespace (oma-dm.md §2.1).
fn root(scanner: &mut Scanner<'_>) -> Result<(), ParseError> {
    match scanner.next()? {
        Token::Open("SyncML") => Ok(()),
        Token::Open(name) => Err(scanner.fail(ParseErrorKind::NotSyncMl(Name::new(name)))),
        Token::Text(_) | Token::Close | Token::End => Err(scanner.fail(ParseErrorKind::Missing("SyncML"))),
    }
}

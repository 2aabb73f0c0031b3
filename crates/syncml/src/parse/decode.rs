//! From bytes to text. What the XML declaration claims about the encoding is not believed: a real
//! document declares UTF-16 in ASCII bytes (oma-dm.md §2.1).

use std::borrow::Cow;

use super::{Limits, ParseError, ParseErrorKind};
use crate::xml;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// The document's text, and where it stood in the document.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// Bytes of the document before the text: the byte order mark.
    mark: usize,
}

/// How two bytes make a unit of UTF-16.
type Unit = fn([u8; 2]) -> u16;

impl Decoded<'_> {
    /// `error`, which names a place in the text, naming that place in the document.
    pub(super) fn locate(&self, error: ParseError) -> ParseError {
        let before = match &self.text {
            Cow::Borrowed(_) => error.position,
            Cow::Owned(text) => 2 * text.get(..error.position).map_or(0, |text| text.encode_utf16().count()),
        };
        ParseError { position: self.mark + before, ..error }
    }
}

/// UTF-8 is borrowed, UTF-16 is converted. Other encodings are refused.
pub(super) fn decode<'a>(document: &'a [u8], limits: &Limits) -> Result<Decoded<'a>, ParseError> {
    if document.len() > limits.bytes {
        let (what, limit) = ("bytes", limits.bytes);
        return Err(ParseError { position: limit, kind: ParseErrorKind::TooMany { what, limit } });
    }
    if let Some((unit, mark)) = utf16(document) {
        let text = Cow::Owned(from_utf16(&document[mark..], unit, mark)?);
        return Ok(Decoded { text, mark });
    }
    let bytes = document.strip_prefix(UTF8_MARK).unwrap_or(document);
    let mark = document.len() - bytes.len();
    match str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: Cow::Borrowed(text), mark }),
        Err(error) => Err(ParseError { position: mark + error.valid_up_to(), kind: ParseErrorKind::NotUtf8 }),
    }
}

/// Whether the document is UTF-16, by its byte order mark or by a `<` of two bytes: the order of
/// the bytes, and the length of the mark.
fn utf16(document: &[u8]) -> Option<(Unit, usize)> {
    match document {
        [0xfe, 0xff, ..] => Some((u16::from_be_bytes, 2)),
        [0xff, 0xfe, ..] => Some((u16::from_le_bytes, 2)),
        [0, b'<', ..] => Some((u16::from_be_bytes, 0)),
        [b'<', 0, ..] => Some((u16::from_le_bytes, 0)),
        _ => None,
    }
}

fn from_utf16(bytes: &[u8], unit: Unit, mark: usize) -> Result<String, ParseError> {
    let (pairs, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(ParseError { position: mark + bytes.len() - 1, kind: ParseErrorKind::HalfUnit });
    }
    let mut text = String::with_capacity(bytes.len());
    let mut position = mark;
    for c in char::decode_utf16(pairs.iter().copied().map(unit)) {
        let c = c.map_err(|_| ParseError { position, kind: ParseErrorKind::LoneSurrogate })?;
        position += 2 * c.len_utf16();
        text.push(c);
    }
    Ok(text)
}

/// Where the first character is that XML does not allow.
pub(super) fn forbidden(text: &str) -> Option<usize> {
    // U+FFFE and U+FFFF begin with 0xEF. Nearly every document has neither that nor a control character.
    if !xml::has_byte(text, |b| b == 0xef || (b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r'))) {
        return None;
    }
    text.char_indices().find(|(_, c)| !xml::is_char(*c)).map(|(position, _)| position)
}

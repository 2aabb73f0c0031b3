//! From bytes to text. What the XML declaration claims about the encoding is not believed: a real
//! document declares UTF-16 in ASCII bytes (oma-dm.md §2.1).

use super::{Limits, ParseError, ParseErrorKind};

/// The document's text, and how many bytes stood before it.
pub(super) struct Decoded<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

pub(super) fn decode<'a>(document: &'a [u8], limits: &Limits) -> Result<Decoded<'a>, ParseError> {
    let fail = |position, kind| Err(ParseError { position, kind });
    if document.len() > limits.bytes {
        let (what, limit) = ("bytes", limits.bytes);
        return fail(limit, ParseErrorKind::TooMany { what, limit });
    }
    if looks_like_utf16(document) {
        return fail(0, ParseErrorKind::Utf16);
    }
    let bytes = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let offset = document.len() - bytes.len();
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return fail(offset + error.valid_up_to(), ParseErrorKind::NotUtf8),
    };
    match forbidden(text) {
        Some(position) => fail(offset + position, ParseErrorKind::Character),
        None => Ok(Decoded { text, offset }),
    }
}

/// A byte order mark, or a `<` of two bytes.
fn looks_like_utf16(document: &[u8]) -> bool {
    matches!(document, [0xfe, 0xff, ..] | [0xff, 0xfe, ..] | [b'<', 0, ..] | [0, b'<', ..])
}

/// Where the first character is that XML does not allow.
fn forbidden(text: &str) -> Option<usize> {
    let control = |b: u8| b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    let control = text.bytes().position(control);
    // Both are rare enough to be looked for one by one.
    let others = [text.find('\u{fffe}'), text.find('\u{ffff}')];
    others.into_iter().flatten().chain(control).min()
}

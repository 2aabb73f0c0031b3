//! The attributes of a start tag, from the text between its name and its end.
//!
//! Only `originalerror` means anything here (oma-dm.md §2.1), but a document with a wrong attribute is not XML.
//! Prefixes need no declaration: Windows uses `msft` without one.

use std::borrow::Cow;

use super::{ParseErrorKind, reference};
use crate::xml;

const MALFORMED: ParseErrorKind = ParseErrorKind::Syntax("well-formed, distinct attributes");

/// One attribute, its value as it stands in the document.
pub(super) struct Attribute<'a> {
    name: &'a str,
    value: &'a str,
}

/// The attributes in `source`, one by one.
#[derive(Clone)]
pub(super) struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self(source)
    }

    /// How many there are, if each is well-formed, none is there twice and they are at most `limit`.
    pub(super) fn check(self, limit: usize) -> Result<usize, ParseErrorKind> {
        let mut count = 0;
        for attribute in self.clone() {
            let Attribute { value, .. } = attribute?;
            if count == limit {
                return Err(ParseErrorKind::TooMany { what: "attributes of one element", limit });
            }
            if value.bytes().any(|b| b == b'&') {
                normalized(value)?;
            }
            count += 1;
        }
        if count < 2 || self.are_distinct() { Ok(count) } else { Err(MALFORMED) }
    }

    fn are_distinct(self) -> bool {
        let mut names: Vec<&str> = self.flatten().map(|attribute| attribute.name).collect();
        names.sort_unstable();
        names.is_sorted_by(|a, b| a < b)
    }

    /// The value of the first attribute with this local name, whatever its prefix.
    pub(super) fn find(self, name: &str) -> Option<Cow<'a, str>> {
        let is_it =
            |it: &Attribute<'_>| xml::local_name(it.name) == Some(name) && !it.name.starts_with("xmlns:");
        let found = self.filter_map(Result::ok).find(is_it)?;
        normalized(found.value).ok()
    }

    fn take(&mut self) -> Option<Attribute<'a>> {
        let rest = self.0.strip_prefix(xml::is_space)?.trim_ascii_start();
        let (name, rest) = split(rest, b'=')?;
        let name = name.trim_ascii_end();
        let rest = rest.trim_ascii_start();
        let quote = rest.bytes().next().filter(|b| matches!(b, b'"' | b'\''))?;
        let (value, rest) = split(&rest[1..], quote)?;
        self.0 = rest;
        (xml::is_name(name) && !value.bytes().any(|b| b == b'<')).then_some(Attribute { name, value })
    }
}

/// What stands before and after a character of ASCII. Attributes are too short for a search that prepares itself.
fn split(text: &str, at: u8) -> Option<(&str, &str)> {
    let position = text.bytes().position(|b| b == at)?;
    Some((&text[..position], &text[position + 1..]))
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, ParseErrorKind>;

    fn next(&mut self) -> Option<Self::Item> {
        if xml::trim(self.0).is_empty() {
            return None;
        }
        let attribute = self.take();
        if attribute.is_none() {
            self.0 = "";
        }
        Some(attribute.ok_or(MALFORMED))
    }
}

/// The value with its references resolved; white space is a blank, as XML wants it.
fn normalized(value: &str) -> Result<Cow<'_, str>, ParseErrorKind> {
    if !value.contains(['&', '\t', '\n', '\r']) {
        return Ok(Cow::Borrowed(value));
    }
    let blanks = |text: &str| text.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
    let mut pieces = value.split('&');
    let mut text = blanks(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, rest) = piece.split_once(';').ok_or(ParseErrorKind::Entity)?;
        text.push_str(&reference::resolve(name)?);
        text.push_str(&blanks(rest));
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_counted_if_they_are_xml() {
        let wrong = || Err(MALFORMED);
        for (source, expect) in [
            ("", Ok(0)),
            (" \r\n ", Ok(0)),
            (" a='1'", Ok(1)),
            ("\n a = \"1\"\t b:c='>&lt;\"' ", Ok(2)),
            (" a:b='1' b='2'", Ok(2)),
            (" a='1' a='3'", wrong()),
            (" a", wrong()),
            (" a=", wrong()),
            (" a=1", wrong()),
            (" a='1", wrong()),
            (" a='1\"", wrong()),
            (" ='1'", wrong()),
            (" a b='1'", wrong()),
            (" 1='1'", wrong()),
            (" a='<'", wrong()),
            ("a='1'", wrong()),
            (" a='1'b='2'", wrong()),
            (" a='&b'", Err(ParseErrorKind::Entity)),
            (" a='&b;'", Err(ParseErrorKind::Entity)),
            (" a='&#1;'", Err(ParseErrorKind::Character)),
            (
                " a='1' b='1' c='1'",
                Err(ParseErrorKind::TooMany { what: "attributes of one element", limit: 2 }),
            ),
        ] {
            assert_eq!(Attributes::new(source).check(2), expect, "{source}");
        }
    }

    #[test]
    fn an_attribute_is_found_by_its_local_name() {
        for (source, expect) in [
            ("", None),
            (" a='1'", None),
            (" e='1'", Some("1")),
            (" x='0' p:e=\"1\" q:e='2'", Some("1")),
            (" xmlns:e='urn:e' p:e=' 1 '", Some(" 1 ")),
            (" e='a\tb\r\nc&#10;&amp;'", Some("a b c\n&")),
        ] {
            assert_eq!(Attributes::new(source).find("e").as_deref(), expect, "{source}");
        }
    }
}

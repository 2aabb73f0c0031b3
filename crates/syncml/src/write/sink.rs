//! Where a document goes, and how text is escaped on its way.

use super::Writer;
use crate::xml;

/// Where a document goes.
pub(super) trait Sink {
    fn push(&mut self, piece: &str);
}

impl Sink for String {
    fn push(&mut self, piece: &str) {
        self.push_str(piece);
    }
}

/// Counts the bytes of a document that nobody needs.
pub(super) struct Length(pub(super) usize);

impl Sink for Length {
    fn push(&mut self, piece: &str) {
        self.0 += piece.len();
    }
}

impl<S: Sink> Writer<S> {
    /// Character data.
    pub(super) fn text(&mut self, text: &str) {
        self.escaped(text, text_escape);
    }

    /// The value of an attribute, without its quotes.
    pub(super) fn attribute(&mut self, value: &str) {
        self.escaped(value, attribute_escape);
    }

    fn escaped(&mut self, text: &str, escape: impl Fn(char) -> Option<&'static str>) {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            if let Some(instead) = escape(c) {
                self.pieces(&[&text[from..at], instead]);
                from = at + c.len_utf8();
            }
        }
        self.0.push(&text[from..]);
    }

    pub(super) fn pieces(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.0.push(piece);
        }
    }
}

/// What stands for a character of a text that cannot stand for itself.
fn text_escape(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        // A reader would take a literal one for a line feed.
        '\r' => Some("&#13;"),
        c if xml::is_char(c) => None,
        _ => Some("\u{fffd}"),
    }
}

fn attribute_escape(c: char) -> Option<&'static str> {
    match c {
        '"' => Some("&quot;"),
        // A reader would take literal ones for blanks.
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        c => text_escape(c),
    }
}

//! Well-formed tokens from text: the place where `quick-xml` is used, and the limits are kept.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    errors::{Error, IllFormedError, SyntaxError},
    events::{BytesStart, BytesText, Event},
};

use super::{Limits, Name, ParseError, ParseErrorKind, attributes::Attributes, reference};
use crate::xml;

/// A piece of a document. Comments, processing instructions and the declaration are not shown.
pub(super) enum Token<'a> {
    /// A start tag, or the first half of an empty element; its local name.
    Open(&'a str),
    /// The end of the innermost open element.
    Close,
    /// Character data inside an element. A text may come in several pieces.
    Text(Cow<'a, str>),
    /// The end of the document, after its root.
    End,
}

pub(super) struct Scanner<'a> {
    source: &'a str,
    reader: Reader<&'a [u8]>,
    limits: Limits,
    /// The names of the open elements, with prefixes.
    open: Vec<&'a str>,
    /// Where the last token begins in `source`.
    start: usize,
    /// Whether an empty element was opened whose end is to be told.
    owes_close: bool,
    /// What follows the name in the last start tag.
    tag_attributes: &'a str,
    /// Whether a root was opened.
    has_root: bool,
    /// Whether no text has to be changed or refused: there is no carriage return, and no `]` of a `]]>`.
    is_plain: bool,
    elements: usize,
    attributes: usize,
    commands: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a str, limits: Limits) -> Self {
        let mut reader = Reader::from_str(source);
        reader.config_mut().check_comments = true;
        Self {
            source,
            reader,
            limits,
            open: Vec::with_capacity(16),
            start: 0,
            owes_close: false,
            tag_attributes: "",
            has_root: false,
            is_plain: !xml::has_byte(source, |b| matches!(b, b'\r' | b']')),
            elements: 0,
            attributes: 0,
            commands: 0,
        }
    }

    /// An error at the last token.
    pub(super) fn fail(&self, kind: ParseErrorKind) -> ParseError {
        ParseError { position: self.start, kind }
    }

    /// The value of an attribute of the element that was just opened, by its local name.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        Attributes::new(self.tag_attributes).find(name)
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where the last token begins.
    pub(super) fn token_start(&self) -> usize {
        self.start
    }

    /// Where the next token begins.
    pub(super) fn token_end(&self) -> usize {
        position(self.reader.buffer_position())
    }

    /// The document between two places that [`token_start`](Self::token_start) or
    /// [`token_end`](Self::token_end) named.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.source.get(from..to).unwrap_or_default()
    }

    /// Reads on to the end of the document, after the root was closed.
    pub(super) fn finish(&mut self) -> Result<(), ParseError> {
        while !matches!(self.next()?, Token::End) {}
        Ok(())
    }

    /// The error for a text that is longer than the limit, if it is.
    pub(super) fn check_text(&self, bytes: usize) -> Result<(), ParseError> {
        self.check("bytes of text in one element", bytes, self.limits.text)
    }

    /// Counts a command: the element that was just opened is one.
    pub(super) fn count_command(&mut self) -> Result<(), ParseError> {
        self.commands += 1;
        self.check("commands", self.commands, self.limits.commands)
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, ParseError> {
        if std::mem::take(&mut self.owes_close) {
            self.open.pop();
            return Ok(Token::Close);
        }
        loop {
            self.start = self.token_end();
            match self.reader.read_event() {
                Ok(Event::Start(tag)) => return self.opened(&tag),
                Ok(Event::Empty(tag)) => {
                    self.owes_close = true;
                    return self.opened(&tag);
                }
                Ok(Event::End(_)) => {
                    self.open.pop();
                    return Ok(Token::Close);
                }
                Ok(Event::Text(text)) => {
                    if let Some(text) = self.character_data(text)? {
                        return Ok(Token::Text(text));
                    }
                }
                Ok(Event::CData(_)) if self.open.is_empty() => {
                    return Err(self.expected("no text outside the root"));
                }
                Ok(Event::CData(text)) => return Ok(Token::Text(text.xml10_content())),
                Ok(Event::GeneralRef(reference)) => return self.reference(&reference),
                Ok(Event::DocType(_)) => return Err(self.fail(ParseErrorKind::Doctype)),
                Ok(Event::Decl(_)) if self.start != 0 => {
                    return Err(self.expected("an XML declaration only at the start"));
                }
                Ok(Event::PI(instruction)) if !xml::is_name(instruction.target()) => {
                    return Err(self.expected("a name in a processing instruction"));
                }
                Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_)) => {}
                Ok(Event::Eof) => return self.ended(),
                Err(error) => return Err(self.translate(error)),
            }
        }
    }

    fn opened(&mut self, tag: &BytesStart<'_>) -> Result<Token<'a>, ParseError> {
        if self.open.is_empty() && std::mem::replace(&mut self.has_root, true) {
            return Err(self.expected("one root, found another element"));
        }
        // The name follows the `<`; taken from the source, it lives as long as the document.
        let from = self.start + 1;
        let end = from + tag.name().as_ref().len();
        let name = self.slice(from, end);
        let Some(local) = xml::local_name(name) else {
            return Err(self.expected("an element's name"));
        };
        self.elements += 1;
        self.check("elements", self.elements, self.limits.elements)?;
        self.check("elements inside one another", self.open.len() + 1, self.limits.depth)?;
        self.tag_attributes = self.slice(end, end + tag.attributes_raw().len());
        if !self.tag_attributes.is_empty() {
            self.check_attributes()?;
        }
        self.open.push(name);
        Ok(Token::Open(local))
    }

    fn check_attributes(&mut self) -> Result<(), ParseError> {
        let attributes = Attributes::new(self.tag_attributes);
        let count = attributes.check(self.limits.attributes_per_element).map_err(|kind| self.fail(kind))?;
        self.attributes += count;
        self.check("attributes", self.attributes, self.limits.attributes)
    }

    fn character_data(&self, text: BytesText<'a>) -> Result<Option<Cow<'a, str>>, ParseError> {
        let text = if self.is_plain { text.into_inner() } else { text.xml10_content() };
        if !self.is_plain && text.contains("]]>") {
            return Err(self.expected("no ]]> in a text"));
        }
        if !self.open.is_empty() {
            return Ok(Some(text));
        }
        if text.chars().all(xml::is_space) {
            return Ok(None);
        }
        Err(self.expected("no text outside the root"))
    }

    fn reference(&self, reference: &str) -> Result<Token<'a>, ParseError> {
        if self.open.is_empty() {
            return Err(self.expected("no text outside the root"));
        }
        reference::resolve(reference).map(Token::Text).map_err(|kind| self.fail(kind))
    }

    fn ended(&self) -> Result<Token<'a>, ParseError> {
        match self.open.last() {
            // The reader takes the end of the input inside an element for an end.
            Some(name) => Err(self.fail(ParseErrorKind::UnclosedElement(Name::new(name)))),
            None => Ok(Token::End),
        }
    }

    fn check(&self, what: &'static str, count: usize, limit: usize) -> Result<(), ParseError> {
        if count > limit {
            return Err(self.fail(ParseErrorKind::TooMany { what, limit }));
        }
        Ok(())
    }

    fn expected(&self, what: &'static str) -> ParseError {
        self.fail(ParseErrorKind::Syntax(what))
    }

    fn translate(&self, error: Error) -> ParseError {
        let kind = match error {
            Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                ParseErrorKind::MismatchedEnd { expected: Name::new(&expected), found: Name::new(&found) }
            }
            Error::IllFormed(error) => ParseErrorKind::Syntax(ill_formed(&error)),
            Error::Syntax(error) => ParseErrorKind::Syntax(syntax(error)),
            _ => ParseErrorKind::Syntax("XML"),
        };
        ParseError { position: position(self.reader.error_position()), kind }
    }
}

fn ill_formed(error: &IllFormedError) -> &'static str {
    match error {
        IllFormedError::UnmatchedEndTag(_) => "no end tag where no element is open",
        IllFormedError::DoubleHyphenInComment => "no -- in a comment",
        IllFormedError::UnclosedReference => "a reference that ends with ;",
        _ => "well-formed XML",
    }
}

fn syntax(error: SyntaxError) -> &'static str {
    match error {
        SyntaxError::InvalidBangMarkup => "a comment or CDATA after <!",
        SyntaxError::UnclosedPI => "?> at the end of a processing instruction",
        SyntaxError::UnclosedXmlDecl => "?> at the end of the XML declaration",
        SyntaxError::UnclosedComment => "--> at the end of a comment",
        SyntaxError::UnclosedDoctype => "no document type definition",
        SyntaxError::UnclosedCData => "]]> at the end of CDATA",
        SyntaxError::UnclosedTag => "> at the end of a tag",
        SyntaxError::UnclosedSingleQuotedAttributeValue | SyntaxError::UnclosedDoubleQuotedAttributeValue => {
            "a quote at the end of an attribute"
        }
    }
}

/// The document is a slice, so that its positions fit.
fn position(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

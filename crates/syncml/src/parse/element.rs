//! What to do with an element that was just opened. Every function reads to its end.

use std::borrow::Cow;

use super::{
    ParseError,
    scanner::{Scanner, Token},
};
use crate::{
    item::{Data, Markup},
    xml,
};

impl<'a> Scanner<'a> {
    /// Hands each child element, just opened, to `read`, which reads to its end. Text between the
    /// children means nothing.
    pub(super) fn children(
        &mut self,
        mut read: impl FnMut(&mut Self, &'a str) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        loop {
            match self.next()? {
                Token::Open(name) => read(self, name)?,
                Token::Text(_) => {}
                Token::Close | Token::End => return Ok(()),
            }
        }
    }

    /// Passes over the element.
    pub(super) fn skip(&mut self) -> Result<(), ParseError> {
        let outside = self.depth() - 1;
        while self.depth() > outside {
            self.next()?;
        }
        Ok(())
    }

    /// The element's own text, in full.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Token::Open(_) => self.skip()?,
                Token::Text(piece) => self.join(&mut text, piece)?,
                Token::Close | Token::End => return Ok(text),
            }
        }
    }

    /// The element's text without the white space around it. For names, numbers and URIs.
    pub(super) fn token(&mut self) -> Result<Cow<'a, str>, ParseError> {
        Ok(match self.text()? {
            Cow::Borrowed(text) => Cow::Borrowed(xml::trim(text)),
            Cow::Owned(text) => Cow::Owned(xml::trim(&text).to_owned()),
        })
    }

    /// [`token`](Self::token) into `field`, unless an earlier element was there: the first counts.
    pub(super) fn token_into(&mut self, field: &mut Option<Cow<'a, str>>) -> Result<(), ParseError> {
        let token = self.token()?;
        field.get_or_insert(token);
        Ok(())
    }

    /// The content of an item's Data: its text as it is, or everything as it stands in the
    /// document if there is an element inside.
    pub(super) fn data(&mut self) -> Result<Data<'a>, ParseError> {
        let from = self.token_end();
        let mut text = Cow::Borrowed("");
        let mut is_markup = false;
        loop {
            match self.next()? {
                Token::Open(_) => {
                    is_markup = true;
                    self.skip()?;
                }
                Token::Text(piece) if !is_markup => self.join(&mut text, piece)?,
                Token::Text(_) => {}
                Token::Close | Token::End if is_markup => {
                    let markup = self.slice(from, self.token_start());
                    self.check_text(markup.len())?;
                    return Ok(Data::Markup(Markup::from_document(markup)));
                }
                Token::Close | Token::End => return Ok(Data::Text(text)),
            }
        }
    }

    #[inline]
    fn join(&self, text: &mut Cow<'a, str>, piece: Cow<'a, str>) -> Result<(), ParseError> {
        self.check_text(text.len() + piece.len())?;
        if text.is_empty() {
            *text = piece;
        } else {
            text.to_mut().push_str(&piece);
        }
        Ok(())
    }
}

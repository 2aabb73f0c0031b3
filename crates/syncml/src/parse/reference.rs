//! What stands between `&` and `;`.

use std::borrow::Cow;

use quick_xml::events::BytesRef;

use super::ParseErrorKind;
use crate::xml;

/// The text that a reference stands for: one of the five entities of XML, or a character by number.
/// There are no others, since there is no document type definition to define them.
pub(super) fn resolve(name: &str) -> Result<Cow<'static, str>, ParseErrorKind> {
    Ok(match name {
        "lt" => "<".into(),
        "gt" => ">".into(),
        "amp" => "&".into(),
        "apos" => "'".into(),
        "quot" => "\"".into(),
        _ => match BytesRef::new(name).resolve_char_ref() {
            Ok(Some(c)) if xml::is_char(c) => c.to_string().into(),
            Ok(Some(_)) => return Err(ParseErrorKind::Character),
            Ok(None) | Err(_) => return Err(ParseErrorKind::Entity),
        },
    })
}

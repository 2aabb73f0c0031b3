/// Whether XML 1.0 can carry every character of `text`: no control characters but tab, line feed
/// and carriage return, no U+FFFE, no U+FFFF.
pub fn is_text(text: &str) -> bool {
    text.chars().all(is_char)
}

pub(crate) fn is_char(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => c >= ' ',
    }
}

/// Whether a long text has such a byte. It is read to its end: that way many bytes are looked at in one step.
pub(crate) fn has_byte(text: &str, is_it: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(false, |found, b| found | is_it(b))
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// White space as XML means it, taken off both ends. Of ASCII's, it lacks the form feed only, which no document holds.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_ascii()
}

/// Whether `name` can be the name of an element. Wider than the grammar outside ASCII.
pub(crate) fn is_name(name: &str) -> bool {
    local_name(name).is_some()
}

/// What follows the prefix in a name, if it is a name: it has one colon at most, with a name before it and after.
pub(crate) fn local_name(name: &str) -> Option<&str> {
    let starts = |b: u8| b.is_ascii_alphabetic() || b == b'_' || !b.is_ascii();
    let mut local = 0;
    for (position, b) in name.bytes().enumerate() {
        match b {
            b':' if local == 0 && position > 0 => local = position + 1,
            b if starts(b) => {}
            b'0'..=b'9' | b'-' | b'.' if position > local => {}
            _ => return None,
        }
    }
    name.get(local..).filter(|local| !local.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_xml_cannot_carry() {
        for (text, expect) in [
            ("", true),
            ("a\tb\r\nc\u{f000}\u{10ffff}", true),
            ("\u{0}", false),
            ("a\u{1b}[0m", false),
            ("\u{ffff}", false),
        ] {
            assert_eq!(is_text(text), expect, "{text:?}");
        }
    }

    #[test]
    fn names() {
        for (name, expect) in [
            ("Data", true),
            ("A:Format", true),
            ("_x-1.y", true),
            ("ä", true),
            ("", false),
            ("1a", false),
            ("a<b", false),
            ("a\"", false),
        ] {
            assert_eq!(is_name(name), expect, "{name:?}");
        }
    }

    #[test]
    fn local_names() {
        for (name, expect) in [
            ("a", Some("a")),
            ("p:a", Some("a")),
            ("p1:a.1", Some("a.1")),
            (":a", None),
            ("p:", None),
            ("p:a:b", None),
            ("p:1", None),
        ] {
            assert_eq!(local_name(name), expect, "{name:?}");
        }
    }
}

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

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// White space as XML means it, taken off both ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Whether `name` can be the name of an element. Wider than the grammar outside ASCII.
pub(crate) fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || !c.is_ascii();
    let inner = |c: char| start(c) || c.is_ascii_digit() || c == '-' || c == '.';
    name.starts_with(start) && name.chars().all(inner)
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
}

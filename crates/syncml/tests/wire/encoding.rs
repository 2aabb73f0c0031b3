//! Bytes: UTF-8 and UTF-16 are read, with and without a byte order mark; others are refused (oma-dm.md §2.1).

use super::{fixtures, parse, with_body};

/// UTF-16 with the bytes of a unit as `order` wants them.
fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn every_fixture_means_the_same_in_utf_16() {
    for name in fixtures::names() {
        let Ok(text) = String::from_utf8(fixtures::document(&name)) else { continue };
        let text = text.trim_start_matches('\u{feff}');
        let expect = parse(text.as_bytes()).map_err(|error| error.kind);
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            for mark in ["", "\u{feff}"] {
                let document = utf16(&format!("{mark}{text}"), order);
                let read = parse(&document).map_err(|error| error.kind);
                assert_eq!(read, expect, "{name}");
            }
        }
    }
}

#[test]
fn a_byte_order_mark_changes_nothing() {
    let text = with_body("<Add><Item><Data>für \u{1f600}</Data></Item></Add><Final/>");
    let marked = format!("\u{feff}{text}");
    assert_eq!(parse(marked.as_bytes()), parse(text.as_bytes()));
    assert!(parse(&utf16(&marked, u16::to_le_bytes)).unwrap().is_final);
}

#[test]
fn the_declaration_is_not_believed() {
    let text = with_body("<Final/>");
    for declared in ["utf-16", "utf-8", "iso-8859-1"] {
        let text = format!("<?xml version='1.0' encoding='{declared}'?>{text}");
        assert!(parse(text.as_bytes()).unwrap().is_final, "{declared}");
        assert!(parse(&utf16(&text, u16::to_be_bytes)).unwrap().is_final, "{declared}");
    }
}

#[test]
fn other_bytes_are_refused_where_they_stand() {
    for (bytes, expect) in [
        (&b"\xef\xbb\xbf<a>\xff</a>"[..], "at byte 6: expected UTF-8 or UTF-16, found other bytes"),
        (b"\x4c\x6f\xa7\x94", "at byte 2: expected UTF-8 or UTF-16, found other bytes"),
        // UTF-32 begins like UTF-16.
        (b"\xff\xfe\0\0<\0\0\0", "at byte 2: expected characters that XML allows, found a forbidden one"),
        (b"\xfe\xff\0<\0", "at byte 4: expected UTF-16, found an odd number of bytes"),
        (b"<\0a", "at byte 2: expected UTF-16, found an odd number of bytes"),
        (b"\xff\xfe<\0\x00\xd8>\0", "at byte 4: expected UTF-16, found half of a surrogate pair"),
        (b"<\0\x00\xdc", "at byte 2: expected UTF-16, found half of a surrogate pair"),
        (b"\xff\xfe\x3d\xd8\x00\xde\x00\xd8", "at byte 6: expected UTF-16, found half of a surrogate pair"),
        (b"\xff\xfe", "at byte 2: expected SyncML, found none"),
    ] {
        assert_eq!(parse(bytes).unwrap_err().to_string(), expect, "{bytes:x?}");
    }
}

#[test]
fn an_error_names_the_place_in_the_document_as_it_was_sent() {
    let text = "<SyncML>ü\u{1f600}</SyncMl>";
    assert_eq!(parse(text.as_bytes()).unwrap_err().position, 14);
    assert_eq!(parse(format!("\u{feff}{text}").as_bytes()).unwrap_err().position, 17);
    assert_eq!(parse(&utf16(text, u16::to_le_bytes)).unwrap_err().position, 22);
    assert_eq!(parse(&utf16(&format!("\u{feff}{text}"), u16::to_be_bytes)).unwrap_err().position, 24);
}

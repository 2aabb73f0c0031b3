//! What hostile documents cost: `cargo test -p syncml --release cost -- --nocapture` prints a table.
//!
//! Time is measured, memory is bounded by [`Limits`]: nothing is kept of a document but what they allow.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use syncml::{Limits, Message};

use super::with_body;

/// Far more than any of them takes, and far less than a quadratic one would.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn hostile_documents_cost_little() {
    for (what, document) in hostile() {
        let (read, took) = timed(|| Message::parse(&document, &Limits::default()));
        let verdict = read.map_or_else(|error| error.to_string(), |_| "read".to_owned());
        println!("{what:<44} {:>8} bytes {took:>12.1?}  {verdict}", document.len());
        assert!(took < BOUND, "{what}: {took:?}");
    }
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let body: fn(&str) -> String = with_body;
    let items: fn(&str) -> String = |inner| with_body(&format!("<Get>{inner}</Get>"));
    let data: fn(&str) -> String =
        |inner| with_body(&format!("<Add><Item><Data>{inner}</Data></Item></Add>"));
    let tag: fn(&str) -> String = |inner| with_body(&format!("<a{inner}/>"));
    let attribute: fn(&str) -> String = |inner| with_body(&format!("<a b='{inner}'/>"));
    let comment: fn(&str) -> String = |inner| with_body(&format!("<!--{inner}-->"));
    [
        ("100,000 attributes", with_attributes(100_000)),
        ("10,000 elements inside one another", body(&"<a>".repeat(10_000))),
        ("10,000 Atomics inside one another", body(&"<Atomic>".repeat(10_000))),
        ("a billion laughs", billion_laughs()),
        ("1 MiB of empty commands", filled("<Get/>", body)),
        ("1 MiB of empty items", filled("<Item/>", items)),
        ("1 MiB of character references", filled("&#65;", data)),
        ("1 MiB of entities", filled("&amp;", data)),
        ("1 MiB of pieces of text", filled("x<!---->", data)),
        ("1 MiB of CDATA sections", filled("<![CDATA[x]]>", data)),
        ("1 MiB of line ends", filled("\r\n", data)),
        ("1 MiB of white space", filled(" ", body)),
        ("1 MiB of open brackets", filled("<", body)),
        ("1 MiB of one name", filled("a", tag)),
        ("1 MiB of one attribute", filled("&lt;", attribute)),
        ("1 MiB of one comment", filled("- ", comment)),
    ]
    .map(|(what, document)| (what, document.into_bytes()))
    .into_iter()
    .chain([(
        "1 MiB of UTF-16",
        body(&" ".repeat(500_000)).encode_utf16().flat_map(u16::to_le_bytes).collect(),
    )])
    .collect()
}

/// As many pieces as a document may hold.
fn filled(piece: &str, around: fn(&str) -> String) -> String {
    let room = Limits::default().bytes - around("").len();
    around(&piece.repeat(room / piece.len()))
}

#[test]
fn without_limits_attributes_are_not_quadratic() {
    let limits =
        Limits { attributes_per_element: 1 << 20, attributes: 1 << 20, bytes: 1 << 22, ..Limits::default() };
    let document = with_attributes(100_000);
    let (read, took) = timed(|| Message::parse(document.as_bytes(), &limits));
    assert!(read.unwrap().is_final);
    assert!(took < BOUND, "{took:?}");
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let result = run();
    (result, begin.elapsed())
}

fn with_attributes(count: usize) -> String {
    let attributes = (0..count).fold(String::new(), |mut text, n| {
        write!(text, " a{n:x}=''").unwrap();
        text
    });
    with_body("<Final/>").replace("<SyncBody>", &format!("<SyncBody{attributes}>"))
}

fn billion_laughs() -> String {
    let entities = (1..10).fold("<!ENTITY a0 'ha'>".to_owned(), |mut text, n| {
        write!(text, "<!ENTITY a{n} '{}'>", format!("&a{};", n - 1).repeat(10)).unwrap();
        text
    });
    format!("<!DOCTYPE SyncML [{entities}]>{}", with_body("<Get><CmdID>&a9;</CmdID></Get>"))
}

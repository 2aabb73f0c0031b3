//! A message that can be read is written without loss: parse, write, parse gives the same message, of the length that
//! was told, and what is written is as good a document.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use syncml::{Command, Limits, Message};

/// Documents grow when they are written: a prefix, a declaration and a reference are longer than what they stand for.
const ROOM: Limits = Limits {
    bytes: 64 << 20,
    depth: 64,
    elements: 1 << 20,
    commands: 1 << 20,
    attributes_per_element: 32,
    attributes: 1 << 20,
    text: 64 << 20,
};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(message) = Message::parse(bytes, &Limits::default()) else { return Corpus::Reject };
    let written = message.to_xml();
    let read = Message::parse(written.as_bytes(), &ROOM).expect("what is written can be read");
    assert_eq!(read, message);
    assert_eq!(read.to_xml(), written);
    assert_eq!(message.xml_len(), written.len());
    let commands: usize = message.commands.iter().map(Command::xml_len).sum();
    assert!(commands < written.len());
    assert_eq!(message.into_owned(), read);
    Corpus::Keep
});

//! The length of what is written, told without writing it.

use proptest::prelude::*;
use syncml::{Command, Message, escaped_len};

use super::{fixtures, parse, round_trip};

/// Checks the length of a message and of each of its commands against the document itself.
fn check(mut message: Message<'_>) {
    let whole = message.to_xml().len();
    assert_eq!(message.xml_len(), whole);
    let commands: Vec<Command<'_>> = std::mem::take(&mut message.commands);
    let parts: usize = commands.iter().map(Command::xml_len).sum();
    assert_eq!(message.to_xml().len() + parts, whole);
}

#[test]
fn every_fixture_is_as_long_as_told() {
    let mut checked = 0;
    for name in fixtures::names() {
        if let Ok(message) = parse(&fixtures::document(&name)) {
            check(message);
            checked += 1;
        }
    }
    assert_eq!(checked, 50);
}

proptest! {
    #[test]
    fn every_message_is_as_long_as_told(message in round_trip::message()) {
        check(message);
    }

    #[test]
    fn every_text_is_as_long_as_told(text in any::<String>()) {
        let mut message = parse(&fixtures::document("s-push-add-pfn.xml")).unwrap().into_owned();
        let Some(Command::Add(add)) = message.commands.iter_mut().find(|it| it.name() == "Add") else { panic!() };
        let before = add.items[0].value().to_owned();
        let gap = message.xml_len() - escaped_len(&before);
        let Some(Command::Add(add)) = message.commands.iter_mut().find(|it| it.name() == "Add") else { panic!() };
        // Without text the element is written in its short form.
        add.items[0].data = Some(syncml::Data::text(format!("x{text}")));
        prop_assert_eq!(message.to_xml().len(), gap + 1 + escaped_len(&text));
    }
}

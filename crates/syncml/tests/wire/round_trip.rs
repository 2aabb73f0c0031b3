//! Whatever message can be built, its document means the same.

use std::borrow::Cow;

use proptest::{collection::vec, option, prelude::*};
use syncml::{
    Alert, Chal, Command, Cred, Data, Group, Header, Item, Location, Message, Meta, NodeCommand, Results,
    Secret, Status, Unsupported,
};

use super::parse;

type Text = Cow<'static, str>;

proptest! {
    #[test]
    fn a_written_message_is_read_as_it_was(message in message()) {
        let document = message.to_xml();
        prop_assert_eq!(parse(document.as_bytes()), Ok(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn anything_between_tags_is_a_message_or_an_error(body in "[<>/&;!?\\-\\[\\]'\"= a-zDAT#x0-9\r\n]{0,60}") {
        let document = super::with_body(&format!("<Add><Item><Data>{body}</Data></Item></Add>"));
        if let Ok(message) = parse(document.as_bytes()) {
            let written = message.to_xml();
            prop_assert_eq!(parse(written.as_bytes()), Ok(message));
        }
    }

    #[test]
    fn characters_that_xml_cannot_carry_do_not_spoil_the_document(text in any::<String>()) {
        let mut message = Message { header: header_of("1"), commands: Vec::new(), is_final: true };
        let item = Item { data: Some(Data::text(text.clone())), ..Item::default() };
        message.commands.push(Command::Add(NodeCommand { items: vec![item], ..NodeCommand::default() }));
        let document = message.to_xml();
        let read = parse(document.as_bytes());
        prop_assert_eq!(read == Ok(message), syncml::is_text(&text));
    }
}

/// Text as it comes out of an element that is trimmed.
fn token() -> impl Strategy<Value = Text> {
    "([!-~ü\u{f000}]([ -~\t\n]{0,6}[!-~])?)?".prop_map(Cow::Owned)
}

fn filled() -> impl Strategy<Value = Text> {
    "[!-~]{1,8}".prop_map(Cow::Owned)
}

fn text() -> impl Strategy<Value = Text> {
    "[ -~\t\n\rü\u{f000}\u{10ffff}]{0,12}".prop_map(Cow::Owned)
}

fn location() -> impl Strategy<Value = Location<'static>> {
    (token(), option::of(token())).prop_map(|(uri, name)| Location { uri, name })
}

fn meta() -> BoxedStrategy<Meta<'static>> {
    let field = || option::of(token());
    (field(), field(), field(), field(), field(), field(), field())
        .prop_map(|(format, kind, mark, size, nonce, max_msg_size, max_obj_size)| Meta {
            format,
            kind,
            mark,
            size,
            next_nonce: nonce.map(Secret::new),
            max_msg_size,
            max_obj_size,
        })
        .boxed()
}

fn cred() -> BoxedStrategy<Cred<'static>> {
    (meta(), token()).prop_map(|(meta, data)| Cred { meta, data: Secret::new(data) }).boxed()
}

fn item() -> BoxedStrategy<Item<'static>> {
    let location = || option::of(location());
    (location(), location(), option::of(meta()), option::of(text()), any::<bool>())
        .prop_map(|(target, source, meta, data, more_data)| Item {
            target,
            source,
            meta,
            data: data.map(Data::Text),
            more_data,
        })
        .boxed()
}

fn items() -> impl Strategy<Value = Vec<Item<'static>>> {
    vec(item(), 0..3)
}

fn node_command() -> BoxedStrategy<NodeCommand<'static>> {
    (option::of(token()), option::of(meta()), items())
        .prop_map(|(cmd_id, meta, items)| NodeCommand { cmd_id, meta, items })
        .boxed()
}

fn results() -> BoxedStrategy<Results<'static>> {
    let field = || option::of(token());
    (field(), field(), field(), field(), option::of(meta()), field(), field(), items())
        .prop_map(|(cmd_id, msg_ref, cmd_ref, cmd, meta, target_ref, source_ref, items)| Results {
            cmd_id,
            msg_ref,
            cmd_ref,
            cmd,
            meta,
            target_ref,
            source_ref,
            items,
        })
        .boxed()
}

fn status() -> BoxedStrategy<Status<'static>> {
    let field = || option::of(token());
    let refs = || vec(token(), 0..3);
    let chal = option::of(meta().prop_map(|meta| Box::new(Chal { meta })));
    let cred = option::of(cred().prop_map(Box::new));
    let data = option::of((token(), option::of(text())));
    ((field(), field(), field(), field()), refs(), refs(), cred, chal, data, items())
        .prop_map(|((cmd_id, msg_ref, cmd_ref, cmd), target_refs, source_refs, cred, chal, data, items)| {
            let (data, original_error) = data.unzip();
            let original_error = original_error.flatten();
            let head = Status { cmd_id, msg_ref, cmd_ref, cmd, ..Status::default() };
            Status { target_refs, source_refs, cred, chal, data, original_error, items, ..head }
        })
        .boxed()
}

pub(crate) fn command() -> impl Strategy<Value = Command<'static>> {
    let alert = (option::of(token()), option::of(token()), items()).prop_map(|(cmd_id, data, items)| Alert {
        cmd_id,
        data,
        items,
    });
    let unsupported = ("(Copy|Put|x-1)", option::of(token()))
        .prop_map(|(name, cmd_id)| Unsupported { name: name.into(), cmd_id });
    let leaf = prop_oneof![
        node_command().prop_map(Command::Add),
        node_command().prop_map(Command::Delete),
        node_command().prop_map(Command::Exec),
        node_command().prop_map(Command::Get),
        node_command().prop_map(Command::Replace),
        alert.prop_map(Command::Alert),
        results().prop_map(Command::Results),
        status().prop_map(Command::Status),
        unsupported.prop_map(Command::Unsupported),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let group = (option::of(token()), option::of(meta()), vec(inner, 0..3))
            .prop_map(|(cmd_id, meta, commands)| Group { cmd_id, meta, commands })
            .boxed();
        prop_oneof![group.clone().prop_map(Command::Atomic), group.prop_map(Command::Sequence),]
    })
}

fn header_of(session_id: &str) -> Header<'static> {
    Header::new(session_id.to_owned(), 1, Location::new("https://s"), Location::new("dev"))
}

fn header() -> impl Strategy<Value = Header<'static>> {
    let field = || option::of(token());
    let source = (filled(), field()).prop_map(|(uri, name)| Location { uri, name });
    let parts = (field(), field(), filled(), any::<u32>(), option::of(location()), source);
    (parts, field(), option::of(cred()), option::of(meta())).prop_map(
        |((ver_dtd, ver_proto, session_id, msg_id, target, source), resp_uri, cred, meta)| Header {
            ver_dtd,
            ver_proto,
            session_id,
            msg_id,
            target,
            source,
            resp_uri,
            cred,
            meta,
        },
    )
}

pub(crate) fn message() -> impl Strategy<Value = Message<'static>> {
    (header(), vec(command(), 0..4), any::<bool>()).prop_map(|(header, commands, is_final)| Message {
        header,
        commands,
        is_final,
    })
}

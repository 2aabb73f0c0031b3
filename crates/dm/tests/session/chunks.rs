//! Large objects on their way to a device (oma-dm.md §6).

use dm::{Command, Ending, Format, Node, Outgoing, SendError};
use syncml::{Command as Said, NodeCommand};

use crate::{
    device::{Device, PACKAGE_1, alert, status},
    gateway::{Gateway, Posted},
};

const NEXT: &str = "<Alert><CmdID>3</CmdID><Data>1222</Data></Alert>";

fn gateway() -> Gateway {
    let mut gateway = Gateway { large_objects: true, ..Gateway::new() };
    gateway.settings.max_message_bytes = 2_000;
    gateway
}

fn data() -> String {
    "a<b>&c\r\n\u{f000}\u{1f600} ".repeat(200)
}

fn write() -> Outgoing {
    let node = Node::with("./X", Format::Xml, data()).of_type("text/plain");
    Outgoing::new("write", Command::replace([node]).unwrap())
}

fn get() -> Outgoing {
    Outgoing::new("get", Command::get(["./Y"]).unwrap())
}

/// The chunk of a reply.
fn chunk<'p>(posted: &'p Posted) -> Option<NodeCommand<'p>> {
    let message: syncml::Message<'p> = posted.message();
    message.commands.into_iter().find_map(|command| match command {
        Said::Replace(replace) | Said::Add(replace) | Said::Exec(replace) => Some(replace),
        _ => None,
    })
}

/// A Status about the chunk of a reply.
fn about(posted: &Posted, code: u16) -> String {
    let id = chunk(posted).unwrap().cmd_id.unwrap().parse().unwrap();
    status(posted.message().header.msg_id, id, code)
}

#[test]
fn data_that_no_message_can_hold_goes_over_in_chunks() {
    let node = || Node::with("./X", Format::Xml, data()).of_type("text/plain");
    for command in [Command::replace([node()]), Command::add([node()]), Command::exec(node())] {
        let command = Outgoing::new("write", command.unwrap());
        let mut gateway = gateway();
        let (mut device, mut posted) = Device::in_session(&mut gateway, vec![get(), command, get_after()]);
        // What comes before it is sent first.
        assert_eq!(posted.shape()[4..], ["Get", "Final"]);
        posted = gateway.post(&device.next(&(status(2, 5, 404) + "<Final/>")));
        let mut whole = String::new();
        let mut chunks = 0;
        loop {
            assert!(posted.reply.len() <= 2_000 && !posted.may_send);
            let Some(chunk) = chunk(&posted) else { panic!("{}", posted.reply) };
            let item = &chunk.items[0];
            let meta = item.meta.as_ref().unwrap();
            assert_eq!((meta.format.as_deref(), meta.kind.as_deref()), (Some("xml"), Some("text/plain")));
            let size = (chunks == 0).then(|| data().len().to_string());
            assert_eq!(meta.size.as_deref(), size.as_deref(), "the first chunk tells the size");
            assert_eq!(item.target.as_ref().unwrap().uri, "./X");
            whole += item.value();
            chunks += 1;
            assert_eq!(posted.message().is_final, !item.more_data, "the package ends with the object");
            if !item.more_data {
                break;
            }
            posted = gateway.post(&device.next(&(about(&posted, 213) + NEXT)));
            assert!(posted.outcomes.is_empty());
        }
        assert_eq!(whole, data());
        assert!(chunks > 3);
        let posted = gateway.post(&device.next(&(about(&posted, 200) + "<Final/>")));
        assert_eq!(posted.outcomes(), ["write ./X 200"]);
        assert_eq!(posted.shape(), ["0 SyncHdr 200", "Get", "Final"], "and then what waits behind it");
    }
}

fn get_after() -> Outgoing {
    Outgoing::new("after", Command::get(["./Z"]).unwrap())
}

/// What the device says to the second chunk, what the reply is, and the outcome of the command.
#[test]
fn what_a_device_says_to_a_chunk() {
    const GOES_ON: &[&str] = &["0 SyncHdr 200", "Replace"];
    const ENDS: &[&str] = &["0 SyncHdr 200", "Final"];
    let waits = "com.microsoft.mdm.requestpending";
    for (code, rest, shape, outcome) in [
        // It has it, however it says so.
        (Some(213), "", GOES_ON, None),
        (Some(213), "<Final/>", GOES_ON, None),
        (Some(202), "<Final/>", GOES_ON, None),
        (None, "asks", &["0 SyncHdr 200", "3 Alert 200", "Replace"], None),
        // It does not want it.
        (Some(424), "<Final/>", ENDS, Some("write ./X 424")),
        (Some(420), "<Final/>", ENDS, Some("write ./X 420")),
        (Some(500), "", &["0 SyncHdr 200", "Alert 1222"], None),
        // It took a chunk for the whole: nobody knows what the node holds now.
        (Some(200), "<Final/>", ENDS, Some("write ./X ?")),
        // It says nothing.
        (None, "<Final/>", ENDS, Some("write ./X ?")),
        (None, "", &["0 SyncHdr 200", "Alert 1222"], None),
        (None, "keep-alive", &["0 SyncHdr 200", "5 Alert 200"], None),
        // It saw another command before the end.
        (
            Some(213),
            "<Alert><CmdID>4</CmdID><Data>1225</Data></Alert><Final/>",
            &["0 SyncHdr 200", "4 Alert 200", "Final"],
            Some("write ./X ?"),
        ),
        (
            Some(213),
            "<Alert><CmdID>4</CmdID><Data>1223</Data></Alert><Final/>",
            &["0 SyncHdr 200", "4 Alert 200", "Final"],
            Some("write ./X ?"),
        ),
    ] {
        let mut gateway = gateway();
        let (mut device, posted) = Device::in_session(&mut gateway, vec![write()]);
        let posted = gateway.post(&device.next(&(about(&posted, 213) + NEXT)));
        let said = code.map(|code| about(&posted, code)).unwrap_or_default();
        let rest = match rest {
            "keep-alive" => alert(1224, waits, "1"),
            "asks" => status(3, 0, 200) + NEXT,
            rest => rest.to_owned(),
        };
        let posted = gateway.post(&device.next(&(said + &rest)));
        assert_eq!(posted.shape(), shape, "{code:?} {rest}");
        assert!(chunk(&posted).is_none() || !posted.may_send, "{code:?} {rest}");
        assert_eq!(
            posted.outcomes(),
            outcome.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{code:?} {rest}"
        );
        // Whatever it was, exactly one outcome comes of it.
        let later = gateway.fall_silent();
        assert_eq!(later.len() + posted.outcomes.len(), 1, "{code:?} {rest}");
    }
}

#[test]
fn a_busy_device_goes_on_where_it_was() {
    let mut gateway = gateway();
    let (mut device, first) = Device::in_session(&mut gateway, vec![write()]);
    let waits = alert(1224, "com.microsoft.mdm.requestpending", "1");
    assert!(chunk(&gateway.post(&device.next(&waits))).is_none());
    let posted = gateway.post(&device.next(&(about(&first, 213) + NEXT)));
    let sent = chunk(&first).unwrap().items[0].value().to_owned() + chunk(&posted).unwrap().items[0].value();
    assert!(
        data().starts_with(&sent) && chunk(&posted).unwrap().items[0].meta.as_ref().unwrap().size.is_none()
    );
}

#[test]
fn an_object_that_waits_for_one_of_the_device() {
    let piece = |text: &str, rest: &str| {
        alert(1226, "kind", text)
            .replace("<Meta>", "<Meta><Size>4</Size>")
            .replace("</Item>", &format!("{rest}</Item>"))
    };
    for gives_up in [false, true] {
        let mut gateway = gateway();
        let (mut device, first) = Device::in_session(&mut gateway, vec![write()]);
        // One object at a time: the device's comes first.
        let posted = gateway.post(&device.next(&(about(&first, 213) + &piece("ab", "<MoreData/>"))));
        assert_eq!(posted.shape(), ["0 SyncHdr 200", "5 Alert 213", "Alert 1222"]);
        let end =
            if gives_up { "<Alert><CmdID>4</CmdID><Data>1225</Data></Alert><Final/>" } else { "<Final/>" };
        let posted = gateway.post(&device.next(&(piece("cd", "") + end)));
        assert_eq!(posted.alerts[0], "1226 kind abcd");
        assert_eq!(chunk(&posted).is_some(), !gives_up);
        let outcomes: &[&str] = if gives_up { &["write ./X ?"] } else { &[] };
        assert_eq!(posted.outcomes(), outcomes);
        assert_eq!(gateway.fall_silent().len() + outcomes.len(), 1);
    }
}

#[test]
fn an_object_that_did_not_begin_cannot_be_given_up() {
    let mut gateway = gateway();
    let mut device = Device { cred: crate::device::Cred::Basic, ..Device::new("1") };
    // There is no room for a chunk beside so many Statuses.
    let body = alert(1224, "kind", "x").repeat(30) + PACKAGE_1;
    let posted = gateway.post_and_send(&device.next(&body), vec![write()]);
    assert!(chunk(&posted).is_none() && !posted.message().is_final);
    let posted = gateway.post(&device.next("<Alert><CmdID>4</CmdID><Data>1225</Data></Alert><Final/>"));
    assert!(posted.outcomes.is_empty() && chunk(&posted).is_some());
}

#[test]
fn a_chunk_that_never_came_is_sent_again() {
    let mut gateway = gateway();
    let (mut device, first) = Device::in_session(&mut gateway, vec![write()]);
    let second = gateway.post(&device.next(&(about(&first, 213) + NEXT)));
    // The device speaks of the first one again: it did not see the second.
    let again = gateway.post(&device.next(&(about(&first, 213) + NEXT)));
    let text = |posted: &Posted| chunk(posted).unwrap().items[0].value().to_owned();
    assert!(text(&second).starts_with(&text(&again)) || text(&again).starts_with(&text(&second)));
    let third = gateway.post(&device.next(&(about(&again, 213) + NEXT)));
    assert!(data().starts_with(&(text(&first) + &text(&again) + &text(&third))));
}

#[test]
fn a_device_says_how_large_an_object_may_be() {
    let meta = "<Meta><MaxObjSize>3000</MaxObjSize></Meta></SyncHdr>";
    let mut gateway = gateway();
    let mut device = Device { cred: crate::device::Cred::Basic, ..Device::new("1") };
    let posted = gateway.post_and_send(&device.next(PACKAGE_1).replace("</SyncHdr>", meta), vec![write()]);
    let error = posted.refused[0].error;
    assert_eq!(error, SendError::ObjectTooLarge { needed: data().len(), allowed: 3_000 });
    assert_eq!(posted.ended, Some(Ending::Completed));
    // It binds what goes over in chunks only.
    let small = Outgoing::new("small", Command::exec(Node::chr("./X", "x".repeat(1_000))).unwrap());
    let mut device = Device { cred: crate::device::Cred::Basic, ..Device::new("2") };
    let body = device.next(PACKAGE_1).replace("</SyncHdr>", &meta.replace("3000", "10"));
    assert!(gateway.post_and_send(&body, vec![small]).refused.is_empty());
}

#[test]
fn a_message_without_room_for_data_is_no_way_to_send_it() {
    let mut gateway = gateway();
    gateway.settings.max_message_bytes = 900;
    let (_, posted) = Device::in_session(&mut gateway, vec![write()]);
    assert!(matches!(posted.refused[0].error, SendError::Indivisible { .. }), "{:?}", posted.refused);
}

#[test]
fn a_session_shows_no_chunk() {
    let mut gateway = gateway();
    let (_, _) = Device::in_session(&mut gateway, vec![write()]);
    assert!(!format!("{:?}", gateway.session()).contains("a<b>"));
}

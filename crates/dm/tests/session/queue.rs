//! Commands that wait, and messages that are not longer than the device takes (oma-dm.md §6).

use dm::{Command, Ending, Node, Outgoing, SendError};

use crate::{
    device::{Cred, Device, PACKAGE_1, alert, status},
    gateway::{Gateway, Posted},
};

fn write(tag: usize, bytes: usize) -> Outgoing {
    let node = Node::chr(format!("./X/{tag}"), "x".repeat(bytes));
    Outgoing::new(format!("write-{tag}"), Command::replace([node]).unwrap())
}

fn small(bytes: usize) -> Gateway {
    let mut gateway = Gateway::new();
    gateway.settings.max_message_bytes = bytes;
    gateway
}

/// Answers each command of a reply with 200.
fn obey(posted: &Posted) -> String {
    let message = posted.message();
    let commands = message.commands.iter().filter(|command| command.name() != "Status");
    let ids = commands.filter_map(|command| command.cmd_id()?.parse().ok());
    ids.map(|id| status(message.header.msg_id, id, 200)).collect()
}

#[test]
fn commands_are_cut_into_messages() {
    let mut gateway = small(2_000);
    let (mut device, mut posted) =
        Device::in_session(&mut gateway, (0..10).map(|tag| write(tag, 300)).collect());
    let mut told = Vec::new();
    let mut messages = 0;
    while posted.ended.is_none() {
        assert!(posted.reply.len() <= 2_000 && posted.message().is_final, "{}", posted.reply.len());
        // None is sent before the last ones were answered (oma-dm.md §3.1), and none out of turn.
        posted = gateway.post(&device.next(&(obey(&posted) + "<Final/>")));
        assert!(!posted.may_send || posted.ended.is_some());
        told.extend(posted.outcomes());
        messages += 1;
    }
    let expect: Vec<String> = (0..10).map(|tag| format!("write-{tag} ./X/{tag} 200")).collect();
    assert_eq!((told, posted.ended), (expect, Some(Ending::Completed)));
    assert!((3..=5).contains(&messages), "{messages}");
}

#[test]
fn the_device_says_how_much_it_takes() {
    let meta = |size: &str| format!("<Meta><MaxMsgSize>{size}</MaxMsgSize></Meta></SyncHdr>");
    for (size, limit) in
        [("1500", 1_500), (" 1500 ", 1_500), ("999999999", 4_000), ("0", 4_000), ("many", 4_000)]
    {
        let mut gateway = small(4_000);
        let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
        let body = device.next(PACKAGE_1).replace("</SyncHdr>", &meta(size));
        let commands = (0..20).map(|tag| write(tag, 200)).collect();
        let mut posted = gateway.post_and_send(&body, commands);
        // It holds for the session, though it is said once.
        for _ in 0..2 {
            let length = posted.reply.len();
            assert!((limit - 400..=limit).contains(&length), "{size} {length}");
            posted = gateway.post(&device.next(&(obey(&posted) + "<Final/>")));
        }
    }
}

#[test]
fn what_no_message_can_hold_is_refused_at_once() {
    let get = |tag: &str, node: String| Outgoing::new(tag, Command::get([node]).unwrap());
    let group = |tag: &str, make: fn(Vec<Outgoing>) -> Result<Command, dm::CommandError>| {
        Outgoing::new(tag, make((0..8).map(|tag| write(tag, 300)).collect()).unwrap())
    };
    for (large_objects, command, cannot_be_cut) in [
        (false, write(1, 3_000), false),
        (false, group("atomic", Command::atomic), true),
        (true, group("atomic", Command::atomic), true),
        (true, group("sequence", Command::sequence), true),
        (true, get("get", format!("./{}", "x".repeat(3_000))), true),
    ] {
        let mut gateway = Gateway { large_objects, ..small(2_000) };
        let tag = command.tag.clone();
        let fine = get("fine", "./X".to_owned());
        let (mut device, posted) = Device::in_session(&mut gateway, vec![command, fine]);
        let [refused] = &posted.refused[..] else { panic!("{:?}", posted.refused) };
        assert_eq!(refused.tag, tag);
        let (needed, allowed) = match refused.error {
            SendError::TooLarge { needed, allowed } if !cannot_be_cut => (needed, allowed),
            SendError::Indivisible { needed, allowed } if cannot_be_cut => (needed, allowed),
            other => panic!("{other:?}"),
        };
        assert!(needed > 2_000 && (1_000..2_000).contains(&allowed), "{needed} {allowed}");
        let text = refused.error.to_string();
        assert!(text.contains(&needed.to_string()) && text.contains(&allowed.to_string()), "{text}");
        // The others are sent, and nothing more is heard of it.
        assert_eq!(posted.shape()[4..], ["Get", "Final"]);
        let posted = gateway.post(&device.next("<Final/>"));
        assert_eq!(posted.outcomes(), ["fine ./X ?"]);
    }
}

#[test]
fn whatever_is_not_refused_is_sent_sooner_or_later() {
    // At the edge of what has room, neither lost nor stuck.
    let (_, posted) = Device::in_session(&mut small(2_000), vec![write(0, 3_000)]);
    let SendError::TooLarge { needed, allowed } = posted.refused[0].error else { panic!() };
    let edge = 3_000 - (needed - allowed);
    for bytes in edge - 40..edge + 5 {
        let mut gateway = small(2_000);
        let (mut device, mut posted) = Device::in_session(&mut gateway, vec![write(0, bytes)]);
        let mut told = posted.refused.len();
        assert_eq!(told, usize::from(bytes > edge), "{bytes}");
        for _ in 0..4 {
            assert!(posted.reply.len() <= 2_000);
            let asks = if posted.message().is_final { "<Final/>" } else { ASKS };
            posted = gateway.post(&device.next(&(obey(&posted) + asks)));
            told += posted.outcomes.len();
        }
        assert_eq!(told, 1, "{bytes}");
        assert_eq!(posted.ended.or(gateway.session().unwrap().ended()), Some(Ending::Completed));
    }
}

const ASKS: &str = "<Alert><CmdID>2</CmdID><Data>1222</Data></Alert>";

#[test]
fn statuses_go_out_even_if_they_are_too_many_and_commands_wait() {
    let mut gateway = small(2_000);
    let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
    let body = alert(1224, "kind", "x").repeat(30) + PACKAGE_1;
    let posted = gateway.post_and_send(&device.next(&body), vec![write(0, 300)]);
    assert!(posted.reply.len() > 2_000);
    // Without Final, which would end the session.
    assert_eq!((posted.shape().len(), posted.message().is_final, posted.ended), (34, false, None));
    let posted = gateway.post(&device.next(ASKS));
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "2 Alert 200", "Replace", "Final"]);
    let posted = gateway.post(&device.next(&(obey(&posted) + "<Final/>")));
    assert_eq!(posted.outcomes(), ["write-0 ./X/0 200"]);
}

#[test]
fn a_command_about_many_nodes_goes_out_in_parts() {
    let nodes = (0..20).map(|at| Node::chr(format!("./X/{at}"), "x".repeat(200)));
    let command = Outgoing::new("many", Command::replace(nodes).unwrap());
    let mut gateway = small(2_000);
    let (mut device, mut posted) = Device::in_session(&mut gateway, vec![command.clone()]);
    let mut told = Vec::new();
    while posted.ended.is_none() {
        assert!(posted.reply.len() <= 2_000);
        posted = gateway.post(&device.next(&(obey(&posted) + "<Final/>")));
        told.extend(posted.outcomes());
    }
    let expect: Vec<String> = (0..20).map(|at| format!("many ./X/{at} 200")).collect();
    assert_eq!(told, expect);
    // It stays one command where there is room.
    let (_, posted) = Device::in_session(&mut Gateway::new(), vec![command]);
    assert_eq!(posted.shape()[4..], ["Replace", "Final"]);
}

#[test]
fn commands_that_were_never_sent_are_unknown() {
    let commands = || (0..6).map(|tag| write(tag, 700)).collect::<Vec<_>>();
    let told = |mut outcomes: Vec<String>| {
        outcomes.sort();
        assert_eq!(outcomes, (0..6).map(|tag| format!("write-{tag} ./X/{tag} ?")).collect::<Vec<_>>());
    };
    // The device aborts, is silent, or begins anew.
    let mut gateway = small(2_000);
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let posted = gateway.post(&device.next(&alert(1223, "", "")));
    assert_eq!(posted.ended, Some(Ending::Aborted));
    told(posted.outcomes());

    let mut gateway = small(2_000);
    let (_, _) = Device::in_session(&mut gateway, commands());
    told(gateway.fall_silent().iter().map(crate::gateway::shown).collect());
    assert!(gateway.fall_silent().is_empty());

    let mut gateway = small(2_000);
    let (_, _) = Device::in_session(&mut gateway, commands());
    let posted = gateway.post(&Device { cred: Cred::Basic, ..Device::new("2") }.next(PACKAGE_1));
    told(posted.replaced.unwrap().outcomes.iter().map(crate::gateway::shown).collect());
}

#[test]
fn new_commands_go_behind_those_that_wait() {
    let mut gateway = small(2_000);
    let (mut device, posted) = Device::in_session(&mut gateway, (0..3).map(|tag| write(tag, 700)).collect());
    let posted = gateway.post_and_send(&device.next(&(obey(&posted) + "<Final/>")), vec![write(3, 10)]);
    assert!(!posted.may_send && posted.unsent.is_empty());
    let targets = |posted: &Posted| posted.reply.matches("<LocURI>./X/").count();
    let mut sent = 1 + targets(&posted);
    let mut last = posted;
    while last.ended.is_none() {
        last = gateway.post(&device.next(&(obey(&last) + "<Final/>")));
        sent += targets(&last);
    }
    assert_eq!((sent, last.outcomes().last().map(String::as_str)), (4, Some("write-3 ./X/3 200")));
}

#[test]
fn the_next_message_of_our_package() {
    // Asked for before it has answered everything: what was sent is still to be answered.
    let mut gateway = small(2_000);
    let (mut device, first) = Device::in_session(&mut gateway, (0..3).map(|tag| write(tag, 700)).collect());
    let posted = gateway.post(&device.next(ASKS));
    assert_eq!(posted.shape()[..2], ["0 SyncHdr 200", "2 Alert 200"]);
    assert!(posted.reply.contains("./X/1") && posted.outcomes.is_empty() && !posted.may_send);
    let posted = gateway.post(&device.next(&(obey(&first) + &obey(&posted) + "<Final/>")));
    assert_eq!(posted.outcomes()[..2], ["write-0 ./X/0 200", "write-1 ./X/1 200"]);

    // There is none: the device goes on.
    let mut gateway = Gateway::new();
    let (mut device, first) = Device::in_session(&mut gateway, vec![write(0, 10)]);
    for body in [ASKS.to_owned(), obey(&first) + ASKS] {
        let posted = gateway.post(&device.next(&body));
        assert_eq!((posted.shape().last().map(String::as_str), posted.ended), (Some("Alert 1222"), None));
    }
    assert_eq!(gateway.post(&device.next("<Final/>")).outcomes(), ["write-0 ./X/0 200"]);

    // It owes us no answer: new commands may go out.
    let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
    let body = PACKAGE_1.replace("<Final/>", ASKS);
    let posted = Gateway::new().post_and_send(&device.next(&body), vec![write(0, 10)]);
    assert_eq!(
        (posted.may_send, &posted.shape()[5..]),
        (true, &["Replace".to_owned(), "Final".to_owned()][..])
    );
}

#[test]
fn a_device_that_wants_less_in_mid_session_gets_less() {
    let mut gateway = small(4_000);
    let (mut device, posted) =
        Device::in_session(&mut gateway, vec![write(0, 3_000), write(1, 2_500), write(2, 10)]);
    let meta = "<Meta><MaxMsgSize>2000</MaxMsgSize></Meta></SyncHdr>";
    let body = device.next(&(obey(&posted) + "<Final/>")).replace("</SyncHdr>", meta);
    let posted = gateway.post(&body);
    assert_eq!(posted.refused.iter().map(|it| it.tag.as_str()).collect::<Vec<_>>(), ["write-1"]);
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "Replace", "Final"]);
}

#[test]
fn a_session_shows_nothing_of_what_waits() {
    let secret = Outgoing::new("secret", Command::replace([Node::chr("./X", "hunter2")]).unwrap());
    let mut gateway = small(2_000);
    let (_, _) = Device::in_session(&mut gateway, vec![write(0, 700), write(1, 700), secret]);
    assert!(!format!("{:?}", gateway.session()).contains("hunter2"));
}

//! How sessions begin, go on and end.

use std::time::Duration;

use dm::{Command, DevInfo, Ending, Outgoing, Refusal, Scope, Session};

use crate::{
    device::{Cred, DEVICE, Device, PACKAGE_1, alert, results, status},
    gateway::{Gateway, Taken, shown},
};

fn get() -> Vec<Outgoing> {
    vec![Outgoing::new("get", Command::get(["./X"]).unwrap())]
}

/// A device that needs no challenge, so that the story can begin anywhere.
fn basic(session_id: &str) -> Device {
    Device { cred: Cred::Basic, ..Device::new(session_id) }
}

#[test]
fn a_reply_without_commands_completes_the_session() {
    let mut gateway = Gateway::new();
    let (mut device, posted) = Device::in_session(&mut gateway, get());
    assert_eq!((posted.ended, posted.may_send), (None, true));
    let posted = gateway.post(&device.next(&format!("{}<Final/>", status(2, 5, 404))));
    assert_eq!(posted.ended, Some(Ending::Completed));
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "Final"]);
    assert_eq!(gateway.session().unwrap().ended(), Some(Ending::Completed));
}

#[test]
fn the_same_message_gets_the_same_reply() {
    let mut gateway = Gateway::new();
    let (mut device, first) = Device::in_session(&mut gateway, get());
    let again = gateway.post_and_send(&device.message(PACKAGE_1), get());
    assert_eq!((again.taken, again.reply), (Taken::Repeated, first.reply));
    let body = device.next(&format!("{}<Final/>", status(2, 5, 200)));
    let last = gateway.post(&body);
    let stored = gateway.device.clone();
    let again = gateway.post(&body);
    assert_eq!((again.taken, again.reply), (Taken::Repeated, last.reply), "also of an ended session");
    assert_eq!(gateway.device, stored);
}

#[test]
fn message_ids_may_skip_but_not_go_back() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    device.msg_id = 6;
    let body = format!("{}<Final/>", status(2, 5, 200));
    assert_eq!(gateway.post_and_send(&device.next(&body), get()).taken, Taken::Believed);
    let stored = gateway.device.clone();
    for msg_id in [1, 3, 7] {
        device.msg_id = msg_id;
        let posted = gateway.post(&device.message(&alert(1224, "other", "x")));
        assert_eq!(posted.taken, Taken::Refused(Refusal::MsgId));
        assert_eq!(posted.shape(), ["0 SyncHdr 400", "5 Alert 400", "Final"]);
        assert_eq!(gateway.device, stored);
    }
}

#[test]
fn an_ended_session_is_answered_with_statuses() {
    let mut gateway = Gateway::new();
    let (mut device, posted) = Device::in_session(&mut gateway, vec![]);
    assert_eq!(posted.ended, Some(Ending::Completed));
    let body = device.next(&format!("{}{}<Final/>", status(2, 5, 200), alert(1224, "other", "x")));
    let posted = gateway.post_and_send(&body, get());
    assert_eq!((posted.opened, posted.may_send, posted.ended), (false, false, None));
    assert_eq!((posted.unsent.len(), posted.ignored), (1, 1));
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "5 Alert 200", "Final"]);
    assert_eq!(gateway.session().unwrap().ended(), Some(Ending::Completed));
    assert_eq!(gateway.post(&body).taken, Taken::Repeated);
    // Only once it is authenticated, of course.
    device.cred = Cred::None;
    assert_eq!(gateway.post(&device.next("<Final/>")).code(), 407);
}

#[test]
fn a_session_begins_with_package_1_or_when_none_is_open() {
    let mut gateway = Gateway::new();
    let unenroll = alert(1226, "com.microsoft:mdm.unenrollment.userrequest", "1");
    for (body, opened) in [
        (PACKAGE_1.to_owned(), true),
        (PACKAGE_1.replace("1201", "1200"), true),
        (unenroll, true),
        ("<Final/>".to_owned(), true),
        (format!("{}<Final/>", status(1, 0, 200)), true),
        (format!("{}<Final/>", status(1, 5, 200)), false),
        (format!("{}<Final/>", results(1, 5, "./X", "v")), false),
    ] {
        gateway.device = None;
        let posted = gateway.post(&Device { msg_id: 4, ..basic("1") }.next(&body));
        assert_eq!((posted.taken, posted.opened), (Taken::Believed, opened), "{body}");
        assert_eq!(gateway.device.is_some(), opened);
        assert!(opened || !posted.may_send);
    }
}

#[test]
fn another_session_id_without_package_1_changes_nothing_while_one_is_open() {
    let mut gateway = Gateway::new();
    let (_, _) = Device::in_session(&mut gateway, get());
    let stored = gateway.device.clone();
    let posted = gateway.post_and_send(&basic("9").next(&format!("{}<Final/>", status(2, 5, 200))), get());
    assert_eq!((posted.taken, posted.may_send, posted.opened), (Taken::Believed, false, false));
    assert_eq!((posted.shape(), posted.ignored), (vec!["0 SyncHdr 200".to_owned(), "Final".to_owned()], 1));
    assert_eq!(gateway.device, stored);
}

#[test]
fn package_1_takes_the_place_of_an_open_session_also_under_its_id() {
    for session_id in ["1", "2"] {
        let mut gateway = Gateway::new();
        let (_, _) = Device::in_session(&mut gateway, get());
        let old = gateway.session().unwrap();
        let posted = gateway.post_and_send(&basic(session_id).next(PACKAGE_1), get());
        let cut = posted.replaced.unwrap();
        assert_eq!((cut.session.key(), cut.session.ended()), (old.key(), Some(Ending::Replaced)));
        assert_eq!(cut.outcomes.iter().map(shown).collect::<Vec<_>>(), ["get ./X ?"]);
        assert_ne!(gateway.session().unwrap().key(), old.key());
        // What the old session's commands are answered now is nobody's business.
        let late = Device { msg_id: 1, ..basic(session_id) }.next(&format!("{}<Final/>", status(2, 5, 200)));
        assert_eq!((gateway.post(&late).outcomes().len(), posted.opened), (1, true));
    }
}

#[test]
fn an_ended_session_is_not_replaced() {
    let mut gateway = Gateway::new();
    let (_, _) = Device::in_session(&mut gateway, vec![]);
    let posted = gateway.post(&basic("2").next(PACKAGE_1));
    assert!(posted.opened && posted.replaced.is_none());
}

#[test]
fn a_busy_device_is_waited_for() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let pending = alert(1224, "Reversed-Domain-Name: com.microsoft.mdm.requestpending", "1");
    let posted = gateway.post_and_send(&device.next(&pending), get());
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "5 Alert 200"], "no Final, which would end the session");
    assert_eq!((posted.may_send, posted.unsent.len(), posted.ended), (false, 1, None));
    assert!(posted.outcomes.is_empty());
    // With Final it has said everything, whatever the alert says.
    let body = format!("{}{pending}<Final/>", results(2, 5, "./X", "v"));
    let posted = gateway.post(&device.next(&body));
    assert_eq!((posted.outcomes(), posted.may_send), (vec!["get ./X 200 v".to_owned()], true));
}

#[test]
fn a_package_of_several_messages_is_heard_out() {
    let mut gateway = Gateway::new();
    let mut device = basic("1");
    let posted = gateway.post_and_send(&device.next(&PACKAGE_1.replace("<Final/>", "")), get());
    assert_eq!((posted.opened, posted.may_send, posted.ended), (true, false, None));
    assert_eq!(posted.shape()[4..], ["Alert 1222"]);
    let posted = gateway.post_and_send(&device.next("<Final/>"), get());
    assert_eq!((posted.opened, posted.may_send), (false, true));
    let more = format!("{}{}", status(2, 2, 200), status(2, 0, 200));
    let posted = gateway.post(&device.next(&more));
    assert_eq!(
        (posted.shape(), posted.outcomes().len()),
        (vec!["0 SyncHdr 200".into(), "Alert 1222".into()], 0)
    );
    let posted = gateway.post(&device.next("<Final/>"));
    assert_eq!((posted.outcomes(), posted.ended), (vec!["get ./X 200".to_owned()], Some(Ending::Completed)));
}

#[test]
fn the_device_aborts() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let posted = gateway.post_and_send(&device.next(&alert(1223, "", "")), get());
    assert_eq!((posted.ended, posted.aborted, posted.may_send), (Some(Ending::Aborted), true, false));
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "5 Alert 200", "Final"]);
    assert_eq!(posted.outcomes(), ["get ./X ?"]);
}

#[test]
fn the_user_leaves() {
    for (code, kind, unenrolled) in [
        (1226, " com.microsoft:mdm.unenrollment.userrequest", true),
        (1226, "Reversed-Domain-Name:com.microsoft.mdm.EnterpriseHostedAppInstall.result", false),
        (1224, "com.microsoft:mdm.unenrollment.userrequest", false),
    ] {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, get());
        let posted = gateway.post_and_send(&device.next(&(alert(code, kind, "1") + "<Final/>")), get());
        assert_eq!((posted.unenrolled, posted.may_send), (unenrolled, !unenrolled));
        assert_eq!(posted.ended, unenrolled.then_some(Ending::Unenrolled));
    }
    // Also where no session is open that it could belong to.
    let mut gateway = Gateway::new();
    let (_, _) = Device::in_session(&mut gateway, get());
    let alert = alert(1226, "com.microsoft:mdm.unenrollment.userrequest", "1");
    let posted = gateway.post(&basic("9").next(&alert));
    assert!(posted.unenrolled && !posted.opened);
}

#[test]
fn a_session_has_so_many_messages() {
    let mut gateway = Gateway::new();
    gateway.settings.max_messages = 3;
    let (mut device, _) = Device::in_session(&mut gateway, get());
    assert_eq!(gateway.post_and_send(&device.next("<Final/>"), get()).ended, None);
    let posted = gateway.post_and_send(&device.next("<Final/>"), get());
    assert_eq!((posted.ended, posted.may_send), (Some(Ending::TooManyMessages), false));
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "Final"]);
}

#[test]
fn silence_ends_a_session() {
    let mut gateway = Gateway::new();
    let (_, _) = Device::in_session(&mut gateway, get());
    let session = gateway.session().unwrap();
    assert_eq!(session.silent_at(gateway.settings.silence), gateway.now + Duration::from_mins(15));
    let outcomes = gateway.fall_silent();
    assert_eq!(outcomes.iter().map(shown).collect::<Vec<_>>(), ["get ./X ?"]);
    assert_eq!(gateway.session().unwrap().ended(), Some(Ending::Silent));
    assert!(gateway.fall_silent().is_empty());
}

#[test]
fn a_users_session_stands_beside_the_devices() {
    for (kind, data, scope) in [
        ("com.microsoft.mdm.synctype", "user", Scope::User),
        ("Reversed-Domain-Name: com.microsoft.mdm.synctype", " User ", Scope::User),
        ("com.microsoft.mdm.synctype", "mixed", Scope::Device),
        ("com.microsoft/MDM/LoginStatus", "user", Scope::Device),
    ] {
        let body = alert(1224, kind, data) + PACKAGE_1;
        let posted = Gateway::new().post(&basic("1").next(&body));
        assert_eq!((posted.opened, posted.scope), (true, Some(scope)), "{kind} {data}");
    }
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let mut user = basic("2");
    let posted = gateway
        .post_and_send(&user.next(&(alert(1224, "com.microsoft.mdm.synctype", "user") + PACKAGE_1)), get());
    assert!(posted.opened && posted.replaced.is_none());
    // Later messages do not say it again: the SessionID tells.
    let posted = gateway.post(&user.next(&format!("{}<Final/>", status(1, 6, 200))));
    assert_eq!((posted.scope, posted.outcomes().len()), (Some(Scope::User), 1));
    let posted = gateway.post(&device.next(&format!("{}<Final/>", status(2, 5, 200))));
    assert_eq!((posted.scope, posted.outcomes().len()), (Some(Scope::Device), 1));
}

#[test]
fn what_the_device_tells() {
    let token = alert(1224, "com.microsoft/MDM/AADUserToken", "hunter2");
    let body = basic("1").next(&(token + PACKAGE_1));
    let message = syncml::Message::parse(body.as_bytes(), &syncml::Limits::default()).unwrap();
    let settings = dm::Settings::default();
    let hash = dm::BodyHash::of(body.as_bytes());
    let now = model::Timestamp::EPOCH;
    let identify = dm::receive(&message, hash, dm::Stored::default(), now, &settings);
    let account = dm::Account {
        user: crate::device::USER.to_owned(),
        inner_hash: dm::inner_hash(crate::device::USER, crate::device::PASSWORD),
    };
    let dm::Identified::Opening(opening) =
        identify.verify(Some(&account), dm::Transport::Anonymous, &dm::NonceKey::new(&[7; 32]))
    else {
        panic!()
    };
    assert_eq!((opening.device(), opening.scope()), (DEVICE, Scope::Device));
    let turn = opening.begin(model::SessionKey::new(uuid::Uuid::nil()));
    let alerts = turn.alerts();
    let seen: Vec<_> = alerts.iter().map(|alert| (alert.code, alert.kind, alert.data)).collect();
    assert_eq!(
        seen,
        [
            (1224, Some("com.microsoft/MDM/AADUserToken"), None),
            (1201, None, None),
            (1224, Some("com.microsoft/MDM/LoginStatus"), Some("user")),
        ]
    );
    let expect = DevInfo { dev_id: Some(DEVICE.into()), man: Some("Maker".into()), ..DevInfo::default() };
    assert_eq!(turn.dev_info(), Some(expect));
    assert!(!format!("{turn:?} {alerts:?}").contains("hunter2"));
}

#[test]
fn a_blob_of_another_version_is_dropped_and_the_device_starts_over() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let (key, mut blob) = gateway.device.clone().unwrap();
    assert_eq!(Session::decode(&blob).unwrap().encode(), blob);
    for broken in [&b""[..], b"\x02", b"\x02{}"] {
        assert_eq!(Session::decode(broken), None);
    }
    blob[0] = 0xff;
    assert_eq!(Session::decode(&blob), None);
    gateway.device = Some((key, blob));
    let posted = gateway.post(&device.next(&format!("{}<Final/>", status(2, 5, 200))));
    assert_eq!((posted.code(), posted.taken), (401, Taken::Challenged));
    device.accept(&posted);
    assert!(gateway.post(&device.next(PACKAGE_1)).opened);
}

#[test]
fn a_session_id_is_whatever_the_device_says() {
    for session_id in ["0", "1", "7f", "FFFF", "65535", "not a number", &"1".repeat(64)] {
        let mut gateway = Gateway::new();
        let mut device = basic(session_id);
        assert!(gateway.post_and_send(&device.next(PACKAGE_1), get()).opened, "{session_id}");
        assert_eq!(gateway.session().unwrap().session_id(), session_id);
        let posted = gateway.post(&device.next(&(status(1, 5, 404) + "<Final/>")));
        assert_eq!(posted.outcomes(), ["get ./X 404"], "{session_id}");
        assert!(posted.reply.contains(&format!("<SessionID>{session_id}</SessionID>")));
    }
    // It is compared as it is.
    let mut gateway = Gateway::new();
    gateway.post_and_send(&basic("7f").next(PACKAGE_1), get());
    assert_eq!(gateway.post(&basic("7F").next(&(status(1, 5, 404) + "<Final/>"))).ignored, 1);
}

#[test]
fn a_device_that_was_enrolled_anew_begins_with_session_1() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    gateway.post_and_send(&device.next("<Final/>"), get());
    let open = gateway.session().unwrap().key();
    // Its MsgID 1 looks like a repetition, and is none: it is challenged like any package 1.
    let (_, posted) = Device::in_session(&mut gateway, get());
    assert_eq!(posted.replaced.unwrap().session.key(), open);
}

#[test]
fn a_session_id_that_is_too_long_is_refused() {
    let mut gateway = Gateway::new();
    let posted = gateway.post(&basic(&"1".repeat(65)).next(PACKAGE_1));
    assert_eq!((posted.code(), posted.taken), (400, Taken::Refused(Refusal::SessionId)));
}

use std::{path::PathBuf, time::Duration};

use model::Timestamp;
use simulator::device::{
    Device, Ending, Identity, Opening, PfnWrite, Profile, ProtocolError, RegistrationTime, SequenceSupport,
    SessionReport, Step, Upkeep,
};
use syncml::{Command, Limits, Message};

const NOW: Timestamp = Timestamp::from_micros(1_000_000);
const ADDRESS: &str = "https://mdm.example.test/ManagementServer/MDM.svc";
const URI: &str =
    "https://db5p.notify.windows.com/?token=AwYAAAAexampleexampleexampleexample%2bexample%3d%3d";

/// The files are `syncml`'s; its index names their origins.
fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../syncml/tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn example() -> Device {
    Device::new(identity("0123456789ABCDEF0123456789ABCDEF"), Profile::new("ExampleMDM"), ADDRESS)
}

fn like(change: impl FnOnce(&mut Profile)) -> Device {
    let mut device = example();
    change(device.profile_mut());
    device
}

fn identity(name: &str) -> Identity {
    Identity { name: name.to_owned(), user: "user".to_owned(), password: "password".into() }
}

fn text(message: &[u8]) -> &str {
    std::str::from_utf8(message).unwrap()
}

fn parse(message: &[u8]) -> Message<'_> {
    Message::parse(message, &Limits::default()).unwrap()
}

fn sent(step: Step) -> Vec<u8> {
    match step {
        Step::Send(message) => message,
        other => panic!("{other:?}"),
    }
}

fn done(step: Step) -> SessionReport {
    match step {
        Step::Done(report) => report,
        other => panic!("{other:?}"),
    }
}

/// A server message with other numbers.
fn numbered(name: &str, session: u32, message: u32) -> Vec<u8> {
    let message = |text: &str, name: &str| {
        let (start, rest) = text.split_once(&format!("<{name}>")).unwrap();
        let (_, end) = rest.split_once(&format!("</{name}>")).unwrap();
        format!("{start}<{name}>{message}</{name}>{end}")
    };
    let text = fixture(name);
    let (start, rest) = text.split_once("<SessionID>").unwrap();
    let (_, end) = rest.split_once("</SessionID>").unwrap();
    let text = format!("{start}<SessionID>{session}</SessionID>{end}");
    message(&message(&text, "MsgID"), "MsgRef").into_bytes()
}

/// `SyncHdr` Status 200 and these commands.
fn order(session: u32, message: u32, commands: &str) -> Vec<u8> {
    let end = numbered("25-fleet-ngrok-server-reply-end-session.xml", session, message);
    let (start, _) = text(&end).split_once("<Status><CmdID>2").unwrap();
    format!("{start}{commands}<Final/></SyncBody></SyncML>").into_bytes()
}

/// The codes of the Statuses, in order.
fn codes(message: &[u8]) -> Vec<u16> {
    let message = parse(message);
    let codes = message.commands.iter().filter_map(|command| match command {
        Command::Status(status) => status.code(),
        _ => None,
    });
    codes.collect()
}

/// Sends the orders as the first reply of a session; the codes of the answer without that of the `SyncHdr`.
fn answers(device: &mut Device, orders: &str) -> Vec<u16> {
    let first = device.start(Opening::Schedule, NOW);
    let header = parse(&first).header;
    let session = header.session_id.parse().unwrap();
    let mut step = device.receive(&order(session, 1, orders), NOW).unwrap();
    while let Step::Register(_) = step {
        step = device.channel_assigned(URI.to_owned(), NOW).unwrap().unwrap();
    }
    codes(&sent(step))[1..].to_vec()
}

#[test]
fn package_1_equals_that_of_a_real_device() {
    let mut profile = Profile::new("ExampleMDM");
    profile.manufacturer = "VMware, Inc.".to_owned();
    profile.model = "VMware7,1".to_owned();
    let address = "https://windows.fleetdm.ngrok.io/ManagementServer/MDM.svc";
    let mut device = Device::new(identity("B5B954E81FBCB94EB79BD08BE625F4EE"), profile, address);
    let first = device.start(Opening::Schedule, NOW);
    assert_eq!(text(&first), fixture("24-fleet-ngrok-win10-19043-session1-package1.xml"));
    let leave = device.start(Opening::Unenroll, NOW);
    let real = fixture("26-fleet-ngrok-win10-19043-unenroll-1226.xml");
    // Equal but for the order of Type and Format, which Windows itself changes.
    assert_eq!(parse(&leave), parse(real.as_bytes()));
}

#[test]
fn a_session_ends_with_statuses_only_or_with_nothing() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let report = done(device.receive(&order(1, 1, ""), NOW).unwrap());
    assert_eq!((report.ending, report.session_id, report.messages), (Ending::Completed, 1, 1));
    device.start(Opening::Push, NOW);
    let report = done(device.receive(b"", NOW).unwrap());
    assert_eq!((report.ending, report.session_id, report.opening), (Ending::Completed, 2, Opening::Push));
    assert_eq!(device.receive(b"", NOW), Err(ProtocolError::NoSession));
}

#[test]
fn a_fresh_device_answers_404_for_each_push_node() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    device.start(Opening::Schedule, NOW);
    let answer = sent(device.receive(fixture("s-push-get-three.xml").as_bytes(), NOW).unwrap());
    assert_eq!(text(&answer), fixture("s-push-results-fresh-404.xml"));
    assert_eq!(device.resend(), Some(&*answer));
}

#[test]
fn a_device_with_a_channel_tells_it() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let step = device.receive(&numbered("s-push-add-pfn.xml", 1, 1), NOW).unwrap();
    let Step::Register(request) = step else { panic!("{step:?}") };
    assert_eq!(request.pfn, "Example.App_8wekyb3d8bbwe");
    let answer = sent(device.channel_assigned(URI.to_owned(), NOW).unwrap().unwrap());
    assert_eq!(codes(&answer), [200, 200]);
    device.start(Opening::Schedule, NOW);
    device.start(Opening::Schedule, NOW);
    let answer = sent(device.receive(&numbered("s-push-get-three.xml", 3, 1), NOW).unwrap());
    // Only the numbers differ: the Get is command 5 of message 1 in both.
    assert_eq!(text(&answer), fixture("s-push-results-channel.xml"));
    assert!(!format!("{device:?}").contains("token="), "{device:?}");
}

#[test]
fn a_device_without_a_channel_tells_why() {
    let mut device = like(|profile| profile.no_channel = simulator::device::NoChannelReply::Empty);
    device.start(Opening::Schedule, NOW);
    device.receive(&numbered("s-push-add-pfn.xml", 1, 1), NOW).unwrap();
    sent(device.channel_failed(3, NOW).unwrap().unwrap());
    device.start(Opening::Schedule, NOW);
    device.start(Opening::Schedule, NOW);
    let answer = sent(device.receive(&numbered("s-push-get-three.xml", 3, 1), NOW).unwrap());
    assert_eq!(text(&answer), fixture("s-push-results-empty-channel-status3.xml"));
}

#[test]
fn in_a_sequence_the_new_channel_can_be_read_at_once() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let step = device.receive(&numbered("s-push-replace-pfn-and-get.xml", 1, 1), NOW).unwrap();
    // SyncHdr, Sequence, Replace of what is not there, ChannelURI, Status.
    assert_eq!(codes(&sent(step)), [200, 200, 404, 404, 404]);
    answers(&mut device, &add_pfn(2));
    device.start(Opening::Schedule, NOW);
    let step = device.receive(&numbered("s-push-replace-pfn-and-get.xml", 3, 1), NOW).unwrap();
    assert!(matches!(step, Step::Register(_)));
    let other = URI.replace("db5p", "sg2p");
    let answer = sent(device.channel_assigned(other.clone(), NOW).unwrap().unwrap());
    assert_eq!(codes(&answer), [200, 200, 200, 200, 200]);
    assert!(text(&answer).contains(&other));
}

#[test]
fn a_hard_reset_takes_the_channel_away_and_asks_for_another() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let step = device.receive(&numbered("s-push-delete-then-add.xml", 1, 1), NOW).unwrap();
    assert!(matches!(step, Step::Register(_)));
    let step = device.channel_assigned(URI.to_owned(), NOW).unwrap().unwrap();
    // SyncHdr, Sequence, Delete of what is not there, Add.
    assert_eq!(codes(&sent(step)), [200, 200, 404, 200]);
}

#[test]
fn a_late_registration_comes_after_the_session() {
    let mut device = like(|profile| profile.registration = RegistrationTime::AfterSession);
    device.start(Opening::Schedule, NOW);
    let step = device.receive(&numbered("s-push-add-pfn.xml", 1, 1), NOW).unwrap();
    assert_eq!(codes(&sent(step)), [200, 200]);
    let report = done(device.receive(&order(1, 2, ""), NOW).unwrap());
    assert_eq!(report.commands, 1);
    assert_eq!(report.register.unwrap().pfn, "Example.App_8wekyb3d8bbwe");
    assert_eq!(device.channel_assigned(URI.to_owned(), NOW), Ok(None));
    assert_eq!(device.channel_uri(), Some(URI));
}

#[test]
fn a_challenge_is_answered_by_package_1_as_message_2() {
    let mut device = example();
    let first = device.start(Opening::Schedule, NOW);
    assert!(!text(&first).contains("Cred"));
    let second = sent(device.receive(fixture("s-challenge-407-md5.xml").as_bytes(), NOW).unwrap());
    let message = parse(&second);
    assert_eq!(message.header.msg_id, 2);
    assert_eq!(message.header.source.name.as_deref(), Some("user"));
    let cred = message.header.cred.as_ref().unwrap();
    assert_eq!(cred.meta.kind.as_deref(), Some("syncml:auth-md5"));
    assert_eq!(cred.data.expose(), "D2OtyYWS5ybn2GlM3aP6EA==");
    let names: Vec<_> =
        message.commands.iter().map(|command| (command.name(), command.cmd_id().unwrap())).collect();
    assert_eq!(names, [("Status", "1"), ("Alert", "2"), ("Alert", "3"), ("Replace", "4")]);

    let third = sent(device.receive(fixture("s-challenge-401-md5.xml").as_bytes(), NOW).unwrap());
    assert!(text(&third).contains("<MsgID>3</MsgID>"));
    assert_ne!(parse(&third).header.cred, message.header.cred);
    let report = done(device.receive(&numbered("s-challenge-401-md5.xml", 1, 3), NOW).unwrap());
    assert_eq!((report.ending, report.messages), (Ending::Refused(401), 3));
}

#[test]
fn the_credential_is_repeated_after_200_and_not_after_212() {
    let get = "<Get><CmdID>5</CmdID><Item><Target><LocURI>./DevDetail/SwV</LocURI></Target></Item></Get>";
    for (code, repeats) in [("200", true), ("212", false)] {
        let mut device = example();
        device.start(Opening::Schedule, NOW);
        device.receive(fixture("s-challenge-407-md5.xml").as_bytes(), NOW).unwrap();
        let accept = text(&order(1, 2, get)).replacen("<Data>200<", &format!("<Data>{code}<"), 1);
        let answer = sent(device.receive(accept.as_bytes(), NOW).unwrap());
        assert_eq!(text(&answer).contains("<Cred>"), repeats, "{code}");
        // One Item: a Status without TargetRef, and chr without Format.
        assert!(!text(&answer).contains("TargetRef"));
        assert!(text(&answer).contains("<Item><Source><LocURI>./DevDetail/SwV</LocURI></Source><Data>10."));
    }
}

#[test]
fn basic_is_user_and_password() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let challenge = fixture("s-challenge-407-md5.xml").replace("auth-md5", "auth-basic");
    let second = sent(device.receive(challenge.as_bytes(), NOW).unwrap());
    let header = parse(&second).header;
    assert_eq!(header.cred.unwrap().data.expose(), "dXNlcjpwYXNzd29yZA==");
}

fn add_pfn(id: u32) -> String {
    write("Add", id, "./Vendor/MSFT/DMClient/Provider/ExampleMDM/Push/PFN")
}

fn write(command: &str, id: u32, uri: &str) -> String {
    format!(
        "<{command}><CmdID>{id}</CmdID><Item><Target><LocURI>{uri}</LocURI></Target><Data>true</Data></Item></{command}>"
    )
}

#[test]
fn commands_are_answered_as_windows_answers_them() {
    let pfn = "./Device/Vendor/MSFT/DMClient/Provider/ExampleMDM/Push/PFN";
    let poll = "./Vendor/MSFT/DMClient/Provider/ExampleMDM/Poll/PollOnLogin";
    let mut device = example();
    for (orders, expect) in [
        (add_pfn(2), vec![200]),
        (add_pfn(2), vec![418]),
        (write("Replace", 2, pfn), vec![200]),
        (write("Replace", 2, poll), vec![404]),
        (write("Add", 2, poll) + &write("Replace", 3, poll), vec![200, 200]),
        (write("Delete", 2, "./Vendor/MSFT/DMClient/Provider/ExampleMDM/Poll"), vec![200]),
        (write("Exec", 2, "./Vendor/MSFT/DMClient/Unenroll"), vec![200]),
        ("<Get><CmdID>2</CmdID></Get>".to_owned(), vec![400]),
        ("<Copy><CmdID>2</CmdID></Copy><Nonsense><CmdID>3</CmdID></Nonsense>".to_owned(), vec![406, 400]),
        (write("Delete", 2, pfn).replace("<CmdID>2</CmdID>", ""), vec![400]),
        (
            format!(
                "<Atomic><CmdID>2</CmdID>{}{}{}</Atomic>",
                write("Replace", 3, pfn),
                write("Replace", 4, poll),
                write("Delete", 5, pfn)
            ),
            vec![507, 216, 404, 215],
        ),
        (
            format!("<Atomic><CmdID>2</CmdID>{}<Get><CmdID>4</CmdID></Get></Atomic>", write("Add", 3, poll)),
            vec![507, 216, 500],
        ),
        (format!("<Atomic><CmdID>2</CmdID>{}</Atomic>", write("Delete", 3, pfn)), vec![200, 200]),
    ] {
        assert_eq!(answers(&mut device, &orders), expect, "{orders}");
    }
}

#[test]
fn sequences_depend_on_the_profile() {
    let poll = "./Vendor/MSFT/DMClient/Provider/ExampleMDM/Poll/PollOnLogin";
    let orders =
        format!("<Sequence><CmdID>2</CmdID>{}{}</Sequence>", write("Delete", 3, poll), write("Add", 4, poll));
    for (support, expect) in [
        (SequenceSupport::Continues, [200, 404, 200]),
        (SequenceSupport::Stops, [200, 404, 215]),
        (SequenceSupport::Refused(406), [406, 215, 215]),
    ] {
        let mut device = like(|profile| profile.sequence = support);
        assert_eq!(answers(&mut device, &orders), expect, "{support:?}");
    }
}

#[test]
fn a_pfn_write_can_be_refused_or_hang() {
    let mut device = like(|profile| profile.pfn_write = PfnWrite::Refused(404));
    assert_eq!(answers(&mut device, &add_pfn(2)), [404]);
    let mut device = like(|profile| profile.pfn_write = PfnWrite::Hangs);
    device.start(Opening::Schedule, NOW);
    let report = done(device.receive(&order(1, 1, &add_pfn(2)), NOW).unwrap());
    assert_eq!(report.ending, Ending::Hung);
    assert_eq!(device.resend(), None);
}

#[test]
fn either_side_can_break_off() {
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    let report = done(device.receive(&numbered("s-session-abort-s2d.xml", 1, 1), NOW).unwrap());
    assert_eq!(report.ending, Ending::Aborted);
    device.start(Opening::Schedule, NOW);
    let abort = device.abort().unwrap();
    assert!(text(&abort).contains("<MsgID>2</MsgID>"));
    assert!(text(&abort).contains("<Data>1223</Data>"));
    assert_eq!(device.abort(), None);
}

#[test]
fn a_users_session_says_so() {
    let first = example().start(Opening::User, NOW);
    assert!(text(&first).contains("com.microsoft.mdm.synctype</Type></Meta><Data>user<"));
}

#[test]
fn what_makes_no_sense_ends_the_session() {
    for (reply, expect) in [
        (order(7, 1, ""), ProtocolError::OtherSession("7".to_owned())),
        (order(1, 9, ""), ProtocolError::NoHeaderStatus),
    ] {
        let mut device = example();
        device.start(Opening::Schedule, NOW);
        assert_eq!(device.receive(&reply, NOW), Err(expect));
        assert_eq!(device.resend(), None);
    }
    let mut device = example();
    device.start(Opening::Schedule, NOW);
    assert!(matches!(device.receive(b"<html>", NOW), Err(ProtocolError::NotSyncMl(_))));
}

#[test]
fn a_missed_push_shows_until_a_session_was_held() {
    let mut device = example();
    answers(&mut device, &add_pfn(2));
    device.miss_push();
    for (session, expect) in [(2, "7"), (3, "0")] {
        device.start(Opening::Schedule, NOW);
        let answer = sent(device.receive(&numbered("s-push-get-three.xml", session, 1), NOW).unwrap());
        assert!(text(&answer).contains(&format!("</Meta><Data>{expect}</Data>")), "{session}");
        done(device.receive(&order(session, 2, ""), NOW).unwrap());
    }
}

#[test]
fn a_channel_is_renewed_after_15_days_or_expires_after_30() {
    let mut device = example();
    answers(&mut device, &add_pfn(2));
    let days = |days: u64| NOW + Duration::from_hours(24 * days);
    assert_eq!(device.renewal_due(days(14)), None);
    assert!(device.renewal_due(days(15)).is_some());
    device.profile_mut().renewal = Upkeep::Fails;
    assert_eq!(device.renewal_due(days(15)), None);
    for (day, expect) in [(29, "0"), (30, "5")] {
        device.enroll_again();
        answers(&mut device, &add_pfn(2));
        device.start(Opening::Schedule, days(day));
        let answer = sent(device.receive(&numbered("s-push-get-three.xml", 2, 1), days(day)).unwrap());
        let format = "<Format xmlns=\"syncml:metinf\">int</Format></Meta>";
        assert!(text(&answer).contains(&format!("{format}<Data>{expect}</Data>")), "{day}");
    }
}

#[test]
fn a_renewal_that_failed_is_tried_again_in_hours_and_an_expired_one_in_a_day() {
    let mut device = example();
    assert_eq!(device.renewal_at(), None);
    answers(&mut device, &add_pfn(2));
    let hours = |hours: u64| NOW + Duration::from_hours(hours);
    assert_eq!(device.renewal_at(), Some(hours(15 * 24)));
    for (at, chance, expect) in [
        (15 * 24, 0.0, 15 * 24 + 3),
        (15 * 24, 0.5, 15 * 24 + 4),
        (29 * 24, 1.0, 29 * 24 + 5),
        (30 * 24, 0.0, 30 * 24 + 20),
        (40 * 24, 1.0, 40 * 24 + 28),
    ] {
        device.renewal_failed(hours(at), chance);
        assert_eq!(device.renewal_at(), Some(hours(expect)), "{at} {chance}");
        assert_eq!(device.renewal_due(hours(expect) - Duration::from_secs(1)), None);
        assert!(device.renewal_due(hours(expect)).is_some());
    }
}

#[test]
fn an_image_of_a_disk_shows_the_same_channel() {
    let mut device = example();
    answers(&mut device, &add_pfn(2));
    let twin = device.imaged(Identity::new("TWIN", "twin", "secret"));
    assert!(twin.channel_uri().is_some());
    assert_eq!((twin.pfn(), twin.channel_uri()), (device.pfn(), device.channel_uri()));
    assert_eq!(twin.identity().name, "TWIN");
    assert_eq!(twin.node("./DevInfo/DevId", NOW).as_deref(), Some("TWIN"));
}

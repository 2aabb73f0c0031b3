//! Everything that a server may send, sent by the real engine to simulated devices: what the device ends up with, and
//! what the engine says of it.

use dm::{Command, CommandError, Format, Node, Outgoing, SendError};
use secrecy::SecretString;
use simulator::device::{
    Device, Ending, Identity, LargeObjects, Login, Profile, ProofLasts, SequenceSupport, ServerAccount,
};

use crate::engine::{Engine, Held, NOW};

const PROVIDER: &str = "./Vendor/MSFT/DMClient/Provider/P";
const LIMIT: usize = 4_096;

fn device(change: impl FnOnce(&mut Profile)) -> Device {
    let mut profile = Profile::new("P");
    change(&mut profile);
    Device::new(Identity::new("DEVICE", "user", "password"), profile, "https://mdm.example.test/dm")
}

fn uri(leaf: &str) -> String {
    format!("{PROVIDER}/{leaf}")
}

fn add(leaf: &str, value: &str) -> Outgoing {
    Outgoing::new(leaf, Command::add([Node::chr(uri(leaf), value)]).unwrap())
}

fn get(tag: &str, leaf: &str) -> Outgoing {
    Outgoing::new(tag, Command::get([uri(leaf)]).unwrap())
}

fn sends(device: &mut Device, orders: Vec<Outgoing>) -> Held {
    Engine::new([orders]).hold(device)
}

/// Text of so many bytes in which no two places are alike, with characters of two bytes.
fn long(bytes: usize) -> String {
    let mut text: String =
        (0..).flat_map(|number: u32| format!("{number}ä").chars().collect::<Vec<_>>()).take(bytes).collect();
    while text.len() > bytes {
        text.pop();
    }
    text.push_str(&"x".repeat(bytes - text.len()));
    text
}

#[test]
fn every_command_is_carried_out_and_told() {
    let node = || Node::chr(uri("Name"), "one");
    let rows: [(&str, Command, u16); 9] = [
        ("§5.1 Add creates", Command::add([node()]).unwrap(), 200),
        ("§5.1 Add of what is there", Command::add([node()]).unwrap(), 418),
        ("§5.1 Replace", Command::replace([Node::chr(uri("Name"), "two")]).unwrap(), 200),
        ("§5.1 Replace of what is not there", Command::replace([Node::chr(uri("None"), "x")]).unwrap(), 404),
        ("§5.1 Get", Command::get([uri("Name")]).unwrap(), 200),
        ("§5.1 Exec", Command::exec(Node::chr("./Vendor/MSFT/DMClient/Unenroll", "P")).unwrap(), 200),
        ("§5.1 Delete", Command::delete([uri("Name")]).unwrap(), 200),
        ("§5.1 Delete of what is not there", Command::delete([uri("Name")]).unwrap(), 404),
        ("§2.3 a property", Command::get(["./DevDetail/SwV?prop=Type"]).unwrap(), 406),
    ];
    let batches: Vec<_> =
        rows.iter().map(|(tag, command, _)| vec![Outgoing::new(*tag, command.clone())]).collect();
    let mut device = device(|_| {});
    let held = Engine::new(batches).hold(&mut device);
    for (tag, _, expect) in &rows {
        assert_eq!(held.code(tag), Some(*expect), "{tag}");
    }
    assert_eq!(held.value("§5.1 Get"), Some("two"));
    assert_eq!((held.report.unwrap().ending, held.ignored), (Ending::Completed, 0));
}

#[test]
fn data_arrives_as_it_was_sent() {
    for value in
        ["<a b=\"c\">&amp;'</a>", "]]>", " leading and trailing ", "line\nline\ttab", "ü \u{f000} 字", ""]
    {
        let mut device = device(|_| {});
        let held = sends(&mut device, vec![add("Name", value)]);
        assert_eq!(held.code("Name"), Some(200));
        assert_eq!(device.node(&uri("Name"), NOW).as_deref(), Some(value));
        assert!(!held.replies.concat().contains("CDATA"), "oma-dm.md §0.8");
    }
}

#[test]
fn format_and_type_go_along() {
    let nodes = [
        Node::int(uri("Poll/NumberOfFirstRetries"), 7),
        Node::with(uri("Xml"), Format::Xml, "<a/>").of_type("text/plain"),
    ];
    let held = sends(&mut device(|_| {}), vec![Outgoing::new("add", Command::add(nodes).unwrap())]);
    assert_eq!(held.told(), ["add 200", "add 200"], "one Status per node");
    let reply = held.replies.concat();
    for expect in [">int</Format>", ">xml</Format>", ">text/plain</Type>", "<Data>&lt;a/&gt;</Data>"] {
        assert!(reply.contains(expect), "{expect} in {reply}");
    }
}

#[test]
fn an_atomic_is_all_or_nothing() {
    let atomic = |commands| Outgoing::new("atomic", Command::atomic(commands).unwrap());
    let missing = Outgoing::new("missing", Command::replace([Node::chr(uri("None"), "x")]).unwrap());
    let mut device = device(|_| {});
    let held = sends(&mut device, vec![atomic(vec![add("A", "1"), missing, add("B", "2")])]);
    assert_eq!(held.told(), ["atomic 507", "A 216", "missing 404", "B 215"]);
    assert_eq!(device.node(&uri("A"), NOW), None, "rolled back");
    let held = sends(&mut device, vec![atomic(vec![add("A", "1"), add("B", "2")])]);
    assert_eq!(held.told(), ["atomic 200", "A 200", "B 200"]);
    assert_eq!(device.node(&uri("A"), NOW).as_deref(), Some("1"));
    let inside = [get("get", "A"), atomic(vec![add("A", "1")])].map(|inner| Command::atomic(vec![inner]));
    assert!(inside.iter().all(|refused| *refused == Err(CommandError::InsideAtomic)));
}

#[test]
fn a_sequence_goes_in_order_or_not_at_all() {
    let sequence =
        || Outgoing::new("sequence", Command::sequence(vec![add("A", "1"), get("get", "A")]).unwrap());
    let held = sends(&mut device(|_| {}), vec![sequence()]);
    assert_eq!(held.told(), ["sequence 200", "A 200", "get 200"]);
    assert_eq!(held.value("get"), Some("1"));
    let held =
        sends(&mut device(|profile| profile.sequence = SequenceSupport::Refused(406)), vec![sequence()]);
    assert_eq!(held.told(), ["sequence 406", "A 215", "get 215"]);
}

/// Forty commands of some three hundred bytes.
fn many() -> Vec<Outgoing> {
    (0..40).map(|number| add(&format!("N{number:02}"), &long(200))).collect()
}

#[test]
fn commands_are_cut_into_messages() {
    let announced = device(|profile| profile.max_msg_size = Some(LIMIT));
    for (mut device, ours) in [(announced, 256 << 10), (device(|_| {}), LIMIT)] {
        let mut engine = Engine::new([many()]);
        engine.settings.max_message_bytes = ours;
        let held = engine.hold(&mut device);
        assert_eq!(held.broke, None);
        assert!(held.replies.iter().all(|reply| reply.len() <= LIMIT), "§6: within the limit");
        let full = held.replies.iter().filter(|reply| reply.len() > LIMIT * 3 / 4).count();
        assert!(full > 2, "and well filled: {:?}", held.replies.iter().map(String::len).collect::<Vec<_>>());
        let mut expect: Vec<_> = (0..40).map(|number| format!("N{number:02} 200")).collect();
        let mut told = held.told();
        told.sort();
        expect.sort();
        assert_eq!(told, expect, "each is told once");
        assert_eq!(device.node(&uri("N39"), NOW), Some(long(200)));
    }
}

#[test]
fn what_is_too_large_goes_in_chunks_to_devices_that_take_them() {
    let value = long(20_000);
    let mut device = device(|profile| {
        profile.max_msg_size = Some(LIMIT);
        profile.large_objects = LargeObjects::Taken { max: 1 << 20 };
    });
    let mut engine = Engine::new([vec![add("Before", "1"), add("Big", &value), add("After", "2")]]);
    engine.large_objects = true;
    let held = engine.hold(&mut device);
    assert_eq!((held.broke.as_ref(), held.refused.len()), (None, 0));
    for tag in ["Before", "Big", "After"] {
        assert_eq!(held.code(tag), Some(200), "{tag}: {:?}", held.told());
    }
    assert_eq!(device.node(&uri("Big"), NOW).as_deref(), Some(value.as_str()));
    let replies = held.replies.concat();
    assert_eq!(replies.matches(">20000</Size>").count(), 1, "§6: Size in the first chunk only");
    assert!(replies.matches("<MoreData/>").count() >= 5, "MoreData in every chunk but the last");
    let messages = held.messages.concat();
    assert_eq!(messages.matches("<Data>213</Data>").count(), replies.matches("<MoreData/>").count());
}

#[test]
fn what_is_too_large_is_refused_at_once_for_others() {
    let mut engine = Engine::new([vec![add("Big", &long(20_000)), add("Small", "1")]]);
    let mut device = device(|profile| profile.max_msg_size = Some(LIMIT));
    let held = engine.hold(&mut device);
    let [refused] = &held.refused[..] else { panic!("{:?}", held.refused) };
    assert_eq!(refused.tag.as_str(), "Big");
    let SendError::TooLarge { needed, allowed } = refused.error else { panic!("{}", refused.error) };
    assert!(needed > 20_000 && allowed < LIMIT, "{needed} {allowed}");
    assert!(refused.error.to_string().contains("LrgObj"), "says what is the matter: {}", refused.error);
    assert_eq!(held.code("Small"), Some(200), "the others go their way");
    let groups = Command::atomic(vec![add("Big", &long(20_000))]).unwrap();
    let mut engine = Engine::new([vec![Outgoing::new("atomic", groups)]]);
    engine.large_objects = true;
    assert!(matches!(engine.hold(&mut device).refused[0].error, SendError::Indivisible { .. }));
}

#[test]
fn an_object_that_the_device_does_not_take_has_its_answer() {
    let mut device = device(|profile| {
        profile.max_msg_size = Some(LIMIT);
        profile.large_objects = LargeObjects::Taken { max: 10_000 };
    });
    let mut engine = Engine::new([vec![add("Big", &long(20_000)), add("After", "1")]]);
    engine.large_objects = true;
    let held = engine.hold(&mut device);
    assert_eq!((held.code("Big"), held.code("After")), (Some(416), Some(200)));
    assert_eq!(held.report.unwrap().ending, Ending::Completed);
}

#[test]
fn a_large_value_comes_back_in_chunks() {
    let value = long(30_000);
    let mut device = device(|profile| profile.large_objects = LargeObjects::Taken { max: 1 << 20 });
    assert_eq!(sends(&mut device, vec![add("Big", &value)]).code("Big"), Some(200));
    device.profile_mut().longest_message = Some(LIMIT);
    let held = sends(&mut device, vec![get("get", "Big"), get("version", "None")]);
    assert!(held.messages.iter().all(|message| message.len() <= LIMIT + 1_500));
    assert_eq!((held.code("get"), held.code("version")), (Some(200), Some(404)));
    assert_eq!(held.value("get"), Some(value.as_str()));
    let mut engine = Engine::new([vec![get("get", "Big"), get("version", "None")]]);
    engine.settings.max_object_bytes = 10_000;
    let held = engine.hold(&mut device);
    assert_eq!((held.value("get"), held.code("version")), (None, Some(404)), "§6: too big for us");
}

#[test]
fn a_package_of_several_messages_is_one() {
    let mut device = device(|profile| profile.longest_message = Some(3_000));
    sends(&mut device, many());
    let gets: Vec<_> =
        (0..40).map(|number| get(&format!("G{number:02}"), &format!("N{number:02}"))).collect();
    let held = sends(&mut device, gets);
    assert!(held.messages.len() > 4, "{}", held.messages.len());
    assert_eq!((held.outcomes.len(), held.ignored), (40, 0));
    assert!(held.outcomes.iter().all(|outcome| outcome.value.as_deref() == Some(&long(200))));
}

#[test]
fn a_busy_device_is_waited_for() {
    let mut device = device(|profile| profile.keep_alives = 3);
    let held = sends(&mut device, vec![add("Name", "1")]);
    assert_eq!(held.code("Name"), Some(200));
    let alive: Vec<_> = held.messages.iter().filter(|message| message.contains("requestpending")).collect();
    assert_eq!(alive.len(), 3);
    assert!(alive.iter().all(|message| !message.contains("<Final/>")), "§4.3");
}

#[test]
fn the_server_proves_itself_to_devices_that_ask() {
    let account = |lasts| ServerAccount {
        user: "reveille".into(),
        password: SecretString::from("the server's"),
        lasts,
    };
    for lasts in [ProofLasts::Message, ProofLasts::Session] {
        for (password, expect) in
            [(Some("the server's"), Some(200)), (Some("a guess"), Some(407)), (None, Some(407))]
        {
            let mut device = device(|_| {});
            device.challenge_server(account(lasts));
            let mut engine = Engine::new([vec![add("A", "1")], vec![add("B", "2")]]);
            engine.settings.server = password.map(|password| dm::ServerAccount {
                user: "reveille".into(),
                inner_hash: dm::inner_hash("reveille", password),
            });
            let held = engine.hold(&mut device);
            assert_eq!((held.code("A"), held.code("B")), (expect, expect), "{lasts:?} {password:?}");
            assert_eq!(device.node(&uri("A"), NOW).is_some(), expect == Some(200));
        }
    }
}

#[test]
fn original_errors_are_told() {
    let mut device = device(|profile| profile.original_error = Some("0x86000002"));
    let held = sends(&mut device, vec![get("missing", "None"), get("there", "")]);
    let outcome = held.outcomes.iter().find(|outcome| outcome.tag.as_str() == "missing").unwrap();
    assert_eq!((outcome.status, outcome.original_error.as_deref()), (Some(404), Some("0x86000002")));
}

#[test]
fn nodes_of_a_user_need_one_who_is_signed_in() {
    for (login, expect) in [(Login::User, 404), (Login::Others, 500), (Login::Nobody, 500)] {
        let mut device = device(|profile| profile.login = login);
        let command = Command::get(["./User/Vendor/MSFT/Nothing"]).unwrap();
        let held = sends(&mut device, vec![Outgoing::new("get", command)]);
        assert_eq!(held.code("get"), Some(expect), "{login:?}");
    }
}

#[test]
fn a_session_has_64_messages_and_no_more() {
    let endless = (0..200).map(|number| vec![add(&format!("N{number}"), "1")]);
    let held = Engine::new(endless).hold(&mut device(|_| {}));
    assert_eq!(held.ended, Some(dm::Ending::TooManyMessages));
    // The challenge is answered before there is a session.
    assert_eq!(held.messages.len(), 65);
}

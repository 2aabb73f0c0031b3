//! What a device's Statuses and Results say about the commands it was sent.

use dm::{Command, Node, Outgoing};

use crate::{
    device::{Device, results, status, status_of},
    gateway::{Gateway, shown},
};

const A: &str = "./Device/Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/Push/PFN";
const B: &str = "./Vendor/MSFT/DMClient/Provider/MS%20DM%20Server/Push/Status";

/// A Get of A and B (`CmdID` 5), a Sequence (6) of a Replace of A (7) and a Get of B (8).
fn commands() -> Vec<Outgoing> {
    let inner = vec![
        Outgoing::new("write", Command::replace([Node::chr(A, "pfn")]).unwrap()),
        Outgoing::new("read", Command::get([B]).unwrap()),
    ];
    vec![
        Outgoing::new("get", Command::get([A, B]).unwrap()),
        Outgoing::new("sequence", Command::sequence(inner).unwrap()),
    ]
}

/// Answers the commands with some messages and checks the outcomes of each, the targets left out.
fn check(messages: &[&str], expect: &[&[&str]]) {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    for (body, expect) in messages.iter().zip(expect) {
        let posted = gateway.post(&device.next(body));
        let outcomes: Vec<String> =
            posted.outcomes().iter().map(|it| it.replace(A, "A").replace(B, "B")).collect();
        assert_eq!(&outcomes, expect, "{body}");
    }
    assert!(gateway.fall_silent().is_empty() || messages.len() > expect.len());
}

fn rest() -> &'static [&'static str] {
    &["sequence - ?", "write A ?", "read B ?"]
}

fn with_rest<'a>(first: &[&'a str]) -> Vec<&'a str> {
    first.iter().chain(rest()).copied().collect()
}

/// Answers the first Get in one message that ends the package.
fn check_get(body: &str, expect: &[&str]) {
    check(&[&format!("{body}<Final/>")], &[&with_rest(expect)]);
}

#[test]
fn one_status_for_each_node_and_results_for_those_that_worked() {
    let body = status_of(2, 5, A, 200) + &status_of(2, 5, B, 404) + &results(2, 5, A, "pfn");
    check_get(&body, &["get A 200 pfn", "get B 404"]);
}

#[test]
fn one_status_for_all() {
    check_get(&status(2, 5, 404), &["get A 404", "get B 404"]);
    check_get(&(results(2, 5, A, "x") + &status(2, 5, 200)), &["get A 200 x", "get B 200"]);
    check_get(&(status(2, 5, 200) + &status_of(2, 5, B, 404)), &["get A 200", "get B 404"]);
    check_get(&(status_of(2, 5, B, 404) + &status(2, 5, 200)), &["get A 200", "get B 404"]);
}

#[test]
fn nothing_said_is_unknown() {
    check_get("", &["get A ?", "get B ?"]);
    check_get(&status_of(2, 5, A, 200), &["get A 200", "get B ?"]);
}

#[test]
fn values_may_be_empty_escaped_or_without_a_status() {
    check_get(&results(2, 5, A, ""), &["get A 200 ", "get B ?"]);
    check_get(&results(2, 5, A, "a &amp; b"), &["get A 200 a & b", "get B ?"]);
}

#[test]
fn targets_are_spelled_in_many_ways() {
    let spelled = "./vendor/MSFT/DMClient/Provider/MS dm SERVER/Push/PFN";
    let body = results(2, 5, spelled, "pfn") + &status_of(2, 5, &format!("./Device/{}", &B[2..]), 405);
    check_get(&body, &["get A 200 pfn", "get B 405"]);
}

#[test]
fn codes_that_are_not_final_give_way() {
    for interim in [101, 202, 206, 213] {
        check_get(&status(2, 5, interim), &[&format!("get A {interim}"), &format!("get B {interim}")]);
        let body = status(2, 5, interim) + &status(2, 5, 500);
        check_get(&body, &["get A 500", "get B 500"]);
        let body = status_of(2, 5, A, interim) + &status(2, 5, 200);
        check_get(&body, &["get A 200", "get B 200"]);
    }
    check_get(&(status(2, 5, 200) + &status(2, 5, 500)), &["get A 200", "get B 200"]);
}

#[test]
fn one_status_may_be_about_several_nodes() {
    let both = status_of(2, 5, A, 405).replace("<Data>", &format!("<TargetRef>{B}</TargetRef><Data>"));
    check_get(&both, &["get A 405", "get B 405"]);
    // One that speaks of a node first does not hide what is said about the others.
    check_get(&(status_of(2, 5, A, 200) + &both), &["get A 200", "get B 405"]);
}

#[test]
fn statuses_and_results_come_in_any_order() {
    let mixed = results(2, 5, B, "0")
        + &status_of(2, 5, B, 200)
        + &results(2, 5, A, "pfn")
        + &status_of(2, 5, A, 200);
    check_get(&mixed, &["get A 200 pfn", "get B 200 0"]);
    let referred = results(2, 5, A, "pfn").replace("<Item><Source>", "<SourceRef>").replace("<LocURI>", "");
    let referred = referred.replace("</LocURI></Source>", "</SourceRef><Item>");
    check_get(&referred, &["get A 200 pfn", "get B ?"]);
    let bare = "<Status><MsgRef>2</MsgRef><CmdRef>5</CmdRef><Data> 404 </Data></Status>";
    check_get(bare, &["get A 404", "get B 404"]);
}

#[test]
fn what_failed_inside_the_device() {
    let with = |status: String, error: &str| {
        status.replace("<Data>", &format!("<Data msft:originalerror=\"{error}\">"))
    };
    let error = |body: String| {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, commands());
        let posted = gateway.post(&device.next(&(body + "<Final/>")));
        [0, 1].map(|at| posted.outcomes[at].original_error.clone())
    };
    let known = Some("0x86000002".to_owned());
    let of_a = || with(status_of(2, 5, A, 404), " 0x86000002 ");
    assert_eq!(error(with(status(2, 5, 404), "0x86000002")), [known.clone(), known.clone()]);
    assert_eq!(error(of_a() + &status(2, 5, 500)), [known.clone(), None]);
    // It belongs to the code that counts.
    assert_eq!(error(with(status(2, 5, 202), "0x1") + &status(2, 5, 500)), [None, None]);
    for nonsense in ["", " ", &"x".repeat(65)] {
        assert_eq!(error(with(status(2, 5, 404), nonsense)), [None, None]);
    }
}

#[test]
fn what_is_about_our_statuses_and_alerts_is_no_news() {
    let about = |cmd: &str, cmd_ref| status(2, cmd_ref, 406).replace("Get", cmd);
    for body in [about("Status", 1), about("Status", 5), about("Alert", 4), about("SyncHdr", 7)] {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, commands());
        let posted = gateway.post(&device.next(&format!("{body}<Final/>")));
        assert_eq!(posted.ignored, 0, "{body}");
        assert!(posted.outcomes.iter().all(|outcome| outcome.status.is_none()), "{body}");
        assert_eq!(posted.shape(), ["0 SyncHdr 200", "Final"], "a Status is never answered");
    }
}

#[test]
fn results_that_are_repeated_are_counted() {
    let values = results(2, 5, A, "first") + &results(2, 5, A, "second");
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let posted = gateway.post(&device.next(&values));
    assert_eq!((posted.outcomes(), posted.ignored), (vec![format!("get {A} 200 first")], 1));
    let posted = gateway.post(&device.next(&(values + "<Final/>")));
    assert_eq!((posted.outcomes.len(), posted.ignored), (4, 2));
}

#[test]
fn a_sequence_and_what_is_in_it() {
    let body = status(2, 5, 200)
        + &status(2, 6, 200)
        + &status(2, 7, 418)
        + &status(2, 8, 200)
        + &results(2, 8, B, "0")
        + "<Final/>";
    let expect = ["get A 200", "get B 200", "sequence - 200", "write A 418", "read B 200 0"];
    check(&[&body], &[&expect]);
    let body = status(2, 6, 406) + &status(2, 7, 215) + "<Final/>";
    check(&[&body], &[&["get A ?", "get B ?", "sequence - 406", "write A 215", "read B ?"]]);
}

#[test]
fn an_atomic_that_was_rolled_back() {
    let write = |tag: &str, node: &str| Outgoing::new(tag, Command::replace([Node::int(node, 1)]).unwrap());
    let inner = vec![write("first", "./X"), write("culprit", "./Y"), write("last", "./Z")];
    let mut gateway = Gateway::new();
    let atomic = vec![Outgoing::new("atomic", Command::atomic(inner).unwrap())];
    let (mut device, _) = Device::in_session(&mut gateway, atomic);
    let codes = [(5, 507), (6, 216), (7, 405), (8, 215)];
    let body: String = codes.iter().map(|(cmd_ref, code)| status(2, *cmd_ref, *code)).collect();
    let posted = gateway.post(&device.next(&(body + "<Final/>")));
    assert_eq!(posted.outcomes(), ["atomic - 507", "first ./X 216", "culprit ./Y 405", "last ./Z 215"]);
}

#[test]
fn several_messages_tell_everything_once() {
    let first = status(2, 5, 200) + &results(2, 5, B, "0");
    let repeated = first.clone() + &status(2, 7, 200);
    let last = results(2, 5, A, "pfn") + &status(2, 6, 200) + "<Final/>";
    check(
        &[&first, &repeated, &last],
        &[&["get B 200 0"], &[], &["get A 200 pfn", "sequence - 200", "write A 200", "read B ?"]],
    );
}

#[test]
fn references_left_out_mean_one() {
    let mut gateway = Gateway::new();
    let get = || vec![Outgoing::new("get", Command::get([A]).unwrap())];
    let cred = crate::device::Cred::Basic;
    let mut device = Device { cred, ..Device::new("1") };
    // A message that opens a session without any command, so that the Get is number 2.
    gateway.post_and_send(&device.next("<Final/>"), get());
    let bare = "<Results><CmdID>8</CmdID><CmdRef>2</CmdRef><Item><Data>v</Data></Item></Results><Final/>";
    assert_eq!(gateway.post(&device.next(bare)).outcomes(), [format!("get {A} 200 v")]);
}

#[test]
fn what_is_about_nothing_is_counted_and_forgotten() {
    for (body, ignored) in [
        (status(2, 0, 200), 0),
        (status(2, 4, 200), 1),
        (status(1, 5, 200), 1),
        (status(2, 5, 200).replace("200", "ok"), 1),
        (status(2, 5, 200).replace("<MsgRef>2</MsgRef>", ""), 1),
        (status_of(2, 5, "./Other", 200), 1),
        (results(1, 5, A, "old"), 1),
        (results(2, 5, "./Other", "v"), 1),
    ] {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, commands());
        let posted = gateway.post(&device.next(&format!("{body}<Final/>")));
        assert_eq!(posted.ignored, ignored, "{body}");
        assert!(posted.outcomes.iter().all(|it| it.status.is_none() && it.value.is_none()), "{body}");
    }
}

#[test]
fn what_comes_before_the_end_of_a_session_counts() {
    let body = results(2, 5, A, "pfn") + &crate::device::alert(1223, "", "");
    check(&[&body], &[&with_rest(&["get A 200 pfn", "get B ?"])]);
}

#[test]
fn a_session_stores_no_value_and_shows_none() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let uri = "https://db5.notify.windows.com/?token=hunter2";
    let posted = gateway.post(&device.next(&results(2, 5, A, uri)));
    assert_eq!(posted.outcomes[0].value.as_deref(), Some(uri));
    assert!(!format!("{:?}", posted.outcomes).contains("hunter2"));
    let (_, blob) = gateway.device.unwrap();
    assert!(!String::from_utf8(blob).unwrap().contains("hunter2"));
}

#[test]
fn what_is_outstanding_is_what_would_be_told_at_the_end() {
    let mut gateway = Gateway::new();
    gateway.settings.max_message_bytes = 1_500;
    let write = Command::replace([Node::chr("./C", "x".repeat(500))]).unwrap();
    let mut commands = commands();
    // There is no room for it yet.
    commands.push(Outgoing::new("late", write));
    let (mut device, _) = Device::in_session(&mut gateway, commands);
    let outstanding = |gateway: &Gateway| -> Vec<String> {
        let outcomes = gateway.session().unwrap().outstanding();
        assert_eq!(outcomes, gateway.clone().fall_silent());
        outcomes.iter().map(|it| shown(it).replace(A, "A").replace(B, "B")).collect()
    };
    let late = || "late ./C ?".to_owned();
    let of = |get: &[&str]| -> Vec<String> {
        with_rest(get).into_iter().map(str::to_owned).chain([late()]).collect()
    };
    assert_eq!(outstanding(&gateway), of(&["get A ?", "get B ?"]));
    gateway.post(&device.next(&(results(2, 5, A, "pfn") + &status_of(2, 5, B, 202))));
    assert_eq!(outstanding(&gateway), of(&["get B 202"]));
    gateway.post(&device.next("<Final/>"));
    assert_eq!(outstanding(&gateway), [late()]);
    gateway.fall_silent();
    assert!(outstanding(&gateway).is_empty());
}

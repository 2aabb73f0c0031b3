//! What a message may cost, whoever sent it.

use std::time::{Duration, Instant};

use dm::{Command, Outgoing};

use crate::{
    device::{Cred, Device, results, status},
    gateway::{Gateway, Taken},
};

/// Bytes of a name that is kept.
const LONGEST: usize = 2_048;

#[test]
fn a_refusal_answers_few_commands() {
    let get = "<Get/>";
    let answered = |body: &str| -> usize {
        let posted = Gateway::new().post(&Device::new("1").next(body));
        assert_eq!((posted.taken, posted.code()), (Taken::Challenged, 407));
        let shape = posted.shape();
        assert!(shape[1..shape.len() - 1].iter().all(|status| status.ends_with(" 407")), "{shape:?}");
        shape.len() - 2
    };
    let group = |count: usize| format!("<Atomic><Sequence>{}</Sequence></Atomic>", get.repeat(count));
    for (body, expect) in [
        (get.repeat(64), 64),
        (get.repeat(65), 0),
        (get.repeat(4_096), 0),
        (group(62), 64),
        (group(63), 0),
        // Nobody answers a Status.
        (status(1, 1, 200).repeat(100) + &get.repeat(64), 64),
    ] {
        assert_eq!(answered(&body), expect);
    }
}

#[test]
fn a_refusal_repeats_no_long_names() {
    let long = "x".repeat(10_000);
    let body = format!("<{long}><CmdID>{long}</CmdID></{long}>").repeat(20);
    let posted = Gateway::new().post(&Device::new("1").next(&body));
    assert_eq!(posted.shape()[1], format!(" {} 407", &long[..64]));
    assert!(posted.reply.len() < 8_192, "{}", posted.reply.len());
}

/// A first piece without a size, or with one.
fn piece(uri: &str, size: &str) -> String {
    let meta = format!("</Source><Meta>{size}</Meta>");
    results(2, 5, uri, "x").replace("</Source>", &meta).replace("</Item>", "<MoreData/></Item>")
}

#[test]
fn an_object_of_a_long_name_is_refused() {
    let uri = |bytes: usize| format!("./{}", "u".repeat(bytes - 2));
    let sized = "<Size>10</Size>";
    let number = |bytes: usize| format!("Ref>{:0>bytes$}</", 2);
    let kind = |bytes: usize| format!("{sized}<Type>{}</Type>", "t".repeat(bytes));
    for (body, expect) in [
        (piece(&uri(LONGEST), sized), "8 Results 213"),
        (piece(&uri(LONGEST + 1), sized), "8 Results 414"),
        (piece(&uri(LONGEST + 1), ""), "8 Results 414"),
        (piece("./A", sized).replacen("Ref>2</", &number(LONGEST), 1), "8 Results 213"),
        (piece("./A", sized).replacen("Ref>2</", &number(LONGEST + 1), 1), "8 Results 400"),
        (
            piece("./A", sized).replacen("CmdRef>5</", &format!("Cmd{}", number(LONGEST + 1)), 1),
            "8 Results 400",
        ),
        (piece("./A", &kind(LONGEST)), "8 Results 213"),
        (piece("./A", &kind(LONGEST + 1)), "8 Results 400"),
        // Another piece of it.
        (piece("./A", &kind(LONGEST + 1)) + &piece("./A", ""), "8 Results 400"),
    ] {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, get("./A"));
        let posted = gateway.post(&device.next(&body));
        assert_eq!(posted.shape()[1], expect, "{}", body.len());
    }
}

#[test]
fn the_last_piece_of_an_object_of_a_long_name_is_not_the_whole() {
    let uri = format!("./{}", "u".repeat(LONGEST));
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, get(&uri));
    gateway.post(&device.next(&(status(2, 5, 200) + &piece(&uri, "<Size>2</Size>"))));
    let posted = gateway.post(&device.next(&(results(2, 5, &uri, "y") + "<Final/>")));
    assert_eq!(posted.shape()[1], "8 Results 414");
    assert_eq!(posted.outcomes(), [format!("get {uri} ?")]);
}

/// Bytes that may be kept of a session.
const KEPT: usize = 64 << 10;
/// Bytes that a message may be compared with: each of its items with all that is kept.
const COMPARED: usize = 128 << 20;

/// A device may send what it likes: what is kept of it is little, and so is what the items that follow are compared with.
#[test]
fn little_is_kept_of_objects_that_failed() {
    let long = |n: usize, bytes: usize| format!("./X{n}/{}", "%75".repeat(bytes / 3));
    let item = |uri: &str| format!("<Item><Source><LocURI>{uri}</LocURI></Source></Item>");
    let many = |uri: &str, count: usize| {
        results(2, 5, "./A", "").replace("</Results>", &(item(uri).repeat(count) + "</Results>"))
    };
    let referring = |body: String| body.replace("Ref>2</", &format!("Ref>{:0>2000}</", 2));
    for (what, failed, last) in [
        (
            "names of half a megabyte",
            (0..8).map(|n| piece(&long(n, 480_000), "")).collect(),
            many("./a", 4_000),
        ),
        ("long names", (0..8).map(|n| piece(&long(n, 2_000), "")).collect(), many("./a", 4_000)),
        ("many long names", (0..8).map(|n| piece(&long(n, 2_000), "")).collect(), many(&long(9, 2_000), 400)),
        (
            "long references",
            (0..8).map(|n| referring(piece(&long(n, 2_000), ""))).collect::<Vec<_>>(),
            referring(many(&long(9, 2_000), 400)),
        ),
    ] {
        let mut gateway = Gateway::new();
        let (mut device, _) = Device::in_session(&mut gateway, get("./A"));
        let mut kept = 0;
        let took = timed(|| {
            for body in failed {
                gateway.post(&device.next(&body));
                kept = kept.max(gateway.session().unwrap().encode().len());
            }
            assert_eq!(gateway.post(&device.next(&last)).taken, Taken::Believed);
        });
        let compared = kept * last.matches("<Item>").count();
        println!("{what:<26} {took:>12.1?} {kept:>8} bytes kept, {compared:>10} compared at most");
        let left = gateway.session().unwrap().encode().len();
        assert!(kept.max(left) < KEPT, "{what}: {kept}, then {left}");
        assert!(compared < COMPARED, "{what}: {compared}");
    }
}

fn get(uri: &str) -> Vec<Outgoing> {
    vec![Outgoing::new("get", Command::get([uri]).unwrap())]
}

#[expect(clippy::disallowed_methods, reason = "the time is printed, and decides nothing")]
fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

#[test]
fn a_session_goes_on_after_too_long_a_command() {
    // A CmdID that is too long to be repeated is none.
    let mut gateway = Gateway::new();
    let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
    let alert = format!("<Alert><CmdID>{}</CmdID><Data>1201</Data></Alert><Final/>", "7".repeat(65));
    let posted = gateway.post(&device.next(&alert));
    assert_eq!(posted.shape()[..2], ["0 SyncHdr 200", " Alert 400"]);
}

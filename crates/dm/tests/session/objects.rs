//! Large objects of a device, put together (oma-dm.md §6).

use dm::{Command, Outgoing};

use crate::{
    device::{Device, alert, results, status},
    gateway::Gateway,
};

const A: &str = "./Vendor/MSFT/Example/Big";

fn gateway() -> Gateway {
    let mut gateway = Gateway::new();
    gateway.settings.max_object_bytes = 100;
    gateway
}

fn get() -> Vec<Outgoing> {
    vec![Outgoing::new("get", Command::get([A, "./B"]).unwrap())]
}

/// A piece of A's value: its text, the size if it tells one, and whether more follows.
fn piece(text: &str, size: Option<u32>, more: bool) -> String {
    let meta = size.map(|size| format!("<Meta><Size>{size}</Size></Meta>")).unwrap_or_default();
    let more = if more { "<MoreData/>" } else { "" };
    results(2, 5, A, text)
        .replace("</Source>", &format!("</Source>{meta}"))
        .replace("</Item>", &format!("{more}</Item>"))
}

/// Posts messages in turn, and checks what each is answered after the header, and what was told.
fn check(messages: &[(String, &[&str])], told: &[&str]) {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let mut outcomes = Vec::new();
    for (body, shape) in messages {
        let posted = gateway.post(&device.next(body));
        assert_eq!(&posted.shape()[1..], *shape, "{body}");
        outcomes.extend(posted.outcomes());
    }
    let told: Vec<String> = told.iter().map(|told| told.replace("A ", &format!("{A} "))).collect();
    assert_eq!(outcomes, told, "{messages:?}");
}

const BUFFERED: &[&str] = &["8 Results 213", "Alert 1222"];
const END: &[&str] = &["Final"];

#[test]
fn a_value_in_pieces() {
    let status = status(2, 5, 200);
    let end = |body: String| body + "<Final/>";
    // Over messages with and without Final, in one message, and with entities and markup.
    check(
        &[
            (status.clone() + &piece("01234", Some(10), true), BUFFERED),
            (end(piece("56789", None, false)), END),
        ],
        &["get A 200 0123456789", "get ./B 200"],
    );
    check(
        &[
            (end(status.clone() + &piece("0123", Some(10), true)), BUFFERED),
            (end(piece("45", Some(10), true)), BUFFERED),
            (end(piece("6789", None, false)), END),
        ],
        &["get A 200 0123456789", "get ./B 200"],
    );
    check(
        &[(
            end(piece("a&amp;", Some(5), true) + &piece("&lt;é", None, false) + &status),
            &["8 Results 213", "Final"],
        )],
        &["get A 200 a&<é", "get ./B 200"],
    );
    // The same Results element may bring it to its end and begin with other items.
    check(
        &[
            (piece("01234", Some(10), true), BUFFERED),
            (end(piece("56789", None, false) + &results(2, 5, "./B", "b") + &status), END),
        ],
        &["get A 200 0123456789", "get ./B 200 b"],
    );
}

#[test]
fn sizes_that_do_not_add_up() {
    let status = status(2, 5, 200);
    let end = |body: String| body + "<Final/>";
    let unknown = ["get A ?", "get ./B 200"];
    for (first, last) in [("01234", "567"), ("01234", "567890"), ("01234567890", "")] {
        let first_code: &[&str] = if first.len() > 10 { &["8 Results 424", "Alert 1222"] } else { BUFFERED };
        check(
            &[
                (status.clone() + &piece(first, Some(10), true), first_code),
                (end(piece(last, None, false)), &["8 Results 424", "Final"]),
            ],
            &unknown,
        );
    }
    // No size, one that is no number, and one that is more than we take: none of its pieces counts.
    let bad = piece("01234", Some(0), true).replace("<Size>0</Size>", "<Size>ten</Size>");
    for (first, answer) in [
        (piece("01234", None, true), "8 Results 411"),
        (bad, "8 Results 411"),
        (piece("01234", Some(101), true), "8 Results 416"),
        (piece("01234", Some(u32::MAX), true), "8 Results 416"),
    ] {
        check(
            &[
                (status.clone() + &first, &[answer, "Alert 1222"]),
                (piece("56789", None, true), &[answer, "Alert 1222"]),
                (end(piece("x", None, false)), &[answer, "Final"]),
            ],
            &unknown,
        );
    }
}

#[test]
fn another_item_before_the_end() {
    let first = || status(2, 5, 200) + &piece("01234", Some(10), true);
    for (other, answer) in [
        (results(2, 5, "./B", "b"), vec!["Alert 1225", "Final"]),
        (alert(1224, "kind", "data"), vec!["5 Alert 200", "Alert 1225", "Final"]),
        (
            "<Replace><CmdID>7</CmdID><Item><Source><LocURI>./DevInfo/Man</LocURI></Source><Data>M</Data></Item></Replace>"
                .to_owned(),
            vec!["7 Replace 200", "Alert 1225", "Final"],
        ),
    ] {
        let mut gateway = gateway();
        let (mut device, _) = Device::in_session(&mut gateway, get());
        gateway.post(&device.next(&first()));
        let posted = gateway.post(&device.next(&(other + "<Final/>")));
        assert_eq!(posted.shape()[1..], answer);
        assert!(posted.reply.contains(&format!("<Data>1225</Data><Item><Source><LocURI>{A}")), "{}", posted.reply);
        assert_eq!(posted.outcomes()[usize::from(posted.outcomes()[0].starts_with("get ./B"))], format!("get {A} ?"));
    }
    // The other one may be large as well: it is the one that counts.
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    gateway.post(&device.next(&first()));
    let other = piece("ab", Some(4), true).replace(A, "./B");
    let posted = gateway.post(&device.next(&other));
    assert_eq!(posted.shape()[1..], ["8 Results 213", "Alert 1225", "Alert 1222"]);
    let posted = gateway.post(&device.next(&(piece("cd", None, false).replace(A, "./B") + "<Final/>")));
    assert_eq!(posted.outcomes(), ["get ./B 200 abcd".to_owned(), format!("get {A} ?")]);
}

#[test]
fn the_rest_of_an_object_does_not_pass_for_a_whole_one() {
    let first = status(2, 5, 200) + &piece("01234", Some(10), true);
    let cuts = results(2, 5, "./B", "b");
    check(
        &[
            (first.clone(), BUFFERED),
            (cuts.clone(), &["Alert 1225", "Alert 1222"]),
            (piece("56", None, true), &["8 Results 412", "Alert 1222"]),
            (piece("789", None, false) + "<Final/>", &["8 Results 412", "Final"]),
        ],
        &["get ./B 200 b", "get A ?"],
    );
    // It may begin anew.
    check(
        &[
            (first, BUFFERED),
            (cuts, &["Alert 1225", "Alert 1222"]),
            (piece("abc", Some(6), true), BUFFERED),
            (piece("def", None, false) + "<Final/>", END),
        ],
        &["get ./B 200 b", "get A 200 abcdef"],
    );
}

#[test]
fn a_first_piece_begins_anew() {
    check(
        &[
            (piece("01234", Some(10), true), BUFFERED),
            (piece("abc", Some(6), true), &["8 Results 213", "Alert 1225", "Alert 1222"]),
            (piece("def", None, false) + "<Final/>", END),
        ],
        &["get A 200 abcdef", "get ./B ?"],
    );
}

#[test]
fn a_device_that_never_gets_it_right_costs_little() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let pieces: String = (0..500).map(|at| piece("x", None, true).replace(A, &format!("./{at}"))).collect();
    let posted = gateway.post(&device.next(&pieces));
    assert_eq!(posted.shape()[1..501], vec!["8 Results 411"; 500]);
    let (_, blob) = gateway.device.unwrap();
    assert!(blob.len() < posted.reply.len() * 3 / 2, "{} {}", blob.len(), posted.reply.len());
}

#[test]
fn statuses_and_a_busy_device_do_not_cut_an_object_off() {
    let waits = alert(1224, "com.microsoft.mdm.requestpending", "1");
    check(
        &[
            (piece("01234", Some(10), true), BUFFERED),
            (waits, &["5 Alert 200"]),
            (status(2, 5, 200) + &piece("56789", None, false) + "<Final/>", END),
        ],
        &["get A 200 0123456789", "get ./B 200"],
    );
}

#[test]
fn alerts_and_device_info_come_in_pieces_too() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let cut = |body: &str, size: &str, more: &str| {
        body.replace("<Meta>", &format!("<Meta>{size}")).replace("</Item>", &format!("{more}</Item>"))
    };
    let first =
        cut(&alert(1226, "Reversed-Domain-Name:com.example", "01234"), "<Size>10</Size>", "<MoreData/>");
    let posted = gateway.post(&device.next(&first));
    assert_eq!(posted.shape()[1..], ["5 Alert 213", "Alert 1222"]);
    assert_eq!(posted.alerts, Vec::<String>::new());
    let last = cut(&alert(1226, "", "56789"), "", "").replace("<Meta><Type></Type></Meta>", "");
    let posted = gateway.post(&device.next(&last));
    assert_eq!(posted.shape()[1..], ["5 Alert 200", "Alert 1222"]);
    assert_eq!(posted.alerts, ["1226 com.example 0123456789"]);

    let lang = |text: &str, more: &str| {
        format!(
            "<Replace><CmdID>4</CmdID><Meta><Size>5</Size></Meta><Item><Source><LocURI>./DevInfo/Lang</LocURI>\
             </Source><Data>{text}</Data>{more}</Item></Replace>"
        )
    };
    let posted = gateway.post(&device.next(&lang("en", "<MoreData/>")));
    assert_eq!((posted.shape()[1].as_str(), &posted.dev_info), ("4 Replace 213", &None));
    let posted = gateway.post(&device.next(&(lang("-US", "") + "<Final/>")));
    assert_eq!(posted.shape()[1], "4 Replace 200");
    assert_eq!(posted.dev_info.unwrap().lang.as_deref(), Some("en-US"));
}

#[test]
fn an_object_that_never_ends_is_unknown() {
    for end in [alert(1223, "", ""), String::new()] {
        let mut gateway = gateway();
        let (mut device, _) = Device::in_session(&mut gateway, get());
        gateway.post(&device.next(&(status(2, 5, 200) + &piece("01234", Some(10), true))));
        let outcomes = if end.is_empty() {
            gateway.fall_silent().iter().map(crate::gateway::shown).collect()
        } else {
            gateway.post(&device.next(&end)).outcomes()
        };
        assert_eq!(outcomes, [format!("get {A} ?"), "get ./B 200".to_owned()]);
    }
}

#[test]
fn nothing_of_an_object_is_shown() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, get());
    let posted = gateway.post(&device.next(&piece("hunter2", Some(10), true)));
    assert!(!format!("{:?}{posted:?}", gateway.session()).contains("hunter2"));
    // Where there is no session, nothing is kept and nothing is promised.
    let mut stray = Device { cred: crate::device::Cred::Basic, ..Device::new("9") };
    let posted = gateway.post(&stray.next(&piece("01234", Some(10), true)));
    assert_eq!(posted.shape()[1..], ["8 Results 416", "Final"]);
}

//! What each command of a device is answered.

use crate::{
    device::{Cred, Device, PACKAGE_1, SERVER, alert},
    gateway::Gateway,
};
use dm::{Command, Node, Outgoing};

/// Posts a body in an open session and checks the Statuses after the header's.
fn check(body: &str, expect: &[&str]) {
    let mut gateway = Gateway::new();
    let get = Outgoing::new("get", Command::get(["./X"]).unwrap());
    let (mut device, _) = Device::in_session(&mut gateway, vec![get]);
    let posted = gateway.post(&device.next(&format!("{body}<Final/>")));
    let shape = posted.shape();
    assert_eq!(shape.first().map(String::as_str), Some("0 SyncHdr 200"));
    assert_eq!(shape.last().map(String::as_str), Some("Final"));
    assert_eq!(&shape[1..shape.len() - 1], expect, "{body}");
}

#[test]
fn one_status_for_each_command_in_order() {
    check(
        PACKAGE_1
            .trim_start_matches("<Alert><CmdID>2</CmdID><Data>1201</Data></Alert>")
            .trim_end_matches("<Final/>"),
        &["3 Alert 200", "4 Replace 200"],
    );
    check("", &[]);
    check(
        "<Status><CmdID>1</CmdID><MsgRef>2</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Data>200</Data></Status>",
        &[],
    );
    check("<Results><CmdID>1</CmdID><MsgRef>9</MsgRef><CmdRef>9</CmdRef></Results>", &[]);
    check(&alert(1226, "Reversed-Domain-Name:com.example.result", "0"), &["5 Alert 200"]);
}

#[test]
fn what_a_device_may_not_send_is_not_executed() {
    for (name, code) in [
        ("Add", 405),
        ("Delete", 405),
        ("Exec", 405),
        ("Get", 405),
        ("Copy", 406),
        ("Put", 406),
        ("Search", 406),
        ("Nonsense", 400),
    ] {
        check(&format!("<{name}><CmdID>7</CmdID></{name}>"), &[&format!("7 {name} {code}")]);
    }
    check(
        "<Atomic><CmdID>5</CmdID><Add><CmdID>6</CmdID></Add><Sequence><CmdID>7</CmdID><Replace><CmdID>8</CmdID>\
         </Replace></Sequence></Atomic>",
        &["5 Atomic 405", "6 Add 215", "7 Sequence 215", "8 Replace 215"],
    );
}

#[test]
fn command_ids_are_the_devices_own_affair() {
    let ids = ["7", "3", "3", "00012", "x", "99999"];
    let body: String =
        ids.iter().map(|id| alert(1224, "kind", "").replace(">5<", &format!(">{id}<"))).collect();
    check(
        &body,
        &["7 Alert 200", "3 Alert 200", "3 Alert 200", "00012 Alert 200", "x Alert 200", "99999 Alert 200"],
    );
}

#[test]
fn alerts_of_every_kind() {
    for code in [1100, 1200, 1201, 1224, 1225, 1226, 9999] {
        let body = format!("<Alert><CmdID>5</CmdID><Data>{code}</Data></Alert>");
        let mut gateway = Gateway::new();
        let posted =
            gateway.post(&Device { cred: Cred::Basic, ..Device::new("1") }.next(&(body + "<Final/>")));
        assert_eq!(posted.shape(), ["0 SyncHdr 200", "5 Alert 200", "Final"]);
        assert_eq!(posted.alerts, [format!("{code} - -")]);
    }
}

#[test]
fn malformed_commands() {
    check("<Alert><Data>1224</Data></Alert>", &[" Alert 400"]);
    check("<Replace><CmdID/></Replace>", &[" Replace 400"]);
    check("<Replace><CmdID>0</CmdID></Replace>", &[" Replace 400"]);
    check("<Alert><CmdID>5</CmdID></Alert>", &["5 Alert 400"]);
    check("<Alert><CmdID>5</CmdID><Data>hello</Data></Alert>", &["5 Alert 400"]);
    // An alert that is answered 400 does nothing.
    check("<Alert><Data>1223</Data></Alert>", &[" Alert 400"]);
}

#[test]
fn commands_are_numbered_on_and_addressed_back() {
    let mut gateway = Gateway::new();
    let sequence = vec![
        Outgoing::new(
            "write",
            Command::replace([Node::chr("./X/PFN", "a<b&c").of_type("text/plain")]).unwrap(),
        ),
        Outgoing::new("read", Command::get(["./X/PFN", "./X/Status"]).unwrap()),
    ];
    let commands = vec![
        Outgoing::new("delete", Command::delete(["./Y"]).unwrap()),
        Outgoing::new("sequence", Command::sequence(sequence).unwrap()),
        Outgoing::new("run", Command::exec(Node::int("./Z", 7)).unwrap()),
    ];
    let (_, posted) = Device::in_session(&mut gateway, commands);
    let (_, commands) = posted.reply.split_once("<CmdRef>4</CmdRef>").unwrap();
    assert_eq!(
        commands,
        "<Cmd>Replace</Cmd><Data>200</Data></Status><Delete><CmdID>5</CmdID><Item><Target><LocURI>./Y</LocURI>\
         </Target></Item></Delete><Sequence><CmdID>6</CmdID><Replace><CmdID>7</CmdID><Item><Target>\
         <LocURI>./X/PFN</LocURI></Target><Meta><Format xmlns=\"syncml:metinf\">chr</Format>\
         <Type xmlns=\"syncml:metinf\">text/plain</Type></Meta><Data>a&lt;b&amp;c</Data></Item></Replace><Get>\
         <CmdID>8</CmdID><Item><Target><LocURI>./X/PFN</LocURI></Target></Item><Item><Target><LocURI>./X/Status\
         </LocURI></Target></Item></Get></Sequence><Exec><CmdID>9</CmdID><Item><Target><LocURI>./Z</LocURI>\
         </Target><Meta><Format xmlns=\"syncml:metinf\">int</Format></Meta><Data>7</Data></Item></Exec><Final/>\
         </SyncBody></SyncML>"
    );
    let header = posted.message().header;
    assert_eq!((header.session_id.as_ref(), header.msg_id), ("1", 2));
    assert_eq!(header.source.uri, SERVER);
    assert_eq!(header.target.unwrap().uri, crate::device::DEVICE);
}

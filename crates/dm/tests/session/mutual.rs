//! A device that asks who we are (oma-dm.md §7.2).

use base64::{Engine, engine::general_purpose::STANDARD};
use dm::{Command, Node, Outgoing, ServerAccount, inner_hash};
use md5::{Digest, Md5};

use crate::{
    device::{Cred, Device, PACKAGE_1, results, status},
    gateway::{Gateway, Posted},
};

const FIRST: &[u8] = b"first nonce";
const SECOND: &[u8] = b"0e9d21dc-0b7f-4c0c-a7cb-3b8f9a0b6a53";

fn gateway() -> Gateway {
    let mut gateway = Gateway::new();
    let inner_hash = inner_hash("server", "swordfish");
    gateway.settings.server = Some(ServerAccount { user: "server".to_owned(), inner_hash });
    gateway
}

/// Two commands: a Get (`CmdID` 5), and a Sequence (6) with a Replace (7).
fn commands() -> Vec<Outgoing> {
    let write = Outgoing::new("write", Command::replace([Node::chr("./Y", "y")]).unwrap());
    vec![
        Outgoing::new("get", Command::get(["./X"]).unwrap()),
        Outgoing::new("sequence", Command::sequence(vec![write]).unwrap()),
    ]
}

/// What the device says about our header.
fn about_us(msg_ref: u32, code: u16, chal: &str) -> String {
    format!(
        "<Status><CmdID>1</CmdID><MsgRef>{msg_ref}</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd>{chal}\
         <Data>{code}</Data></Status>"
    )
}

fn md5(nonce: &[u8]) -> String {
    let nonce = STANDARD.encode(nonce);
    format!(
        "<Chal><Meta><Type>syncml:auth-md5</Type><Format>b64</Format><NextNonce>{nonce}</NextNonce></Meta></Chal>"
    )
}

const BASIC: &str = "<Chal><Meta><Type>syncml:auth-basic</Type><Format>b64</Format></Meta></Chal>";

/// Everything refused, because we did not say who we are.
fn refused(msg_ref: u32, first: u32, code: u16, chal: &str) -> String {
    let statuses: String = (first..first + 3).map(|cmd_ref| status(msg_ref, cmd_ref, code)).collect();
    about_us(msg_ref, code, chal) + &statuses + "<Final/>"
}

/// Checks that a reply is signed with this nonce, or not at all.
fn check_signed(posted: &Posted, nonce: Option<&[u8]>) {
    let header = posted.message().header;
    let digest = |nonce: &[u8]| {
        let inner = STANDARD.encode(Md5::new().chain_update("server:swordfish").finalize());
        STANDARD.encode(Md5::new().chain_update(inner).chain_update(":").chain_update(nonce).finalize())
    };
    assert_eq!(header.source.name.as_deref(), nonce.map(|_| "server"));
    assert_eq!(header.cred.as_ref().map(|cred| cred.data.expose().to_owned()), nonce.map(digest));
    if let Some(cred) = &header.cred {
        let meta = (cred.meta.kind.as_deref(), cred.meta.format.as_deref());
        assert_eq!(meta, (Some("syncml:auth-md5"), Some("b64")));
    }
}

#[test]
fn a_challenge_is_answered_and_the_commands_are_sent_again() {
    for code in [401, 407] {
        let mut gateway = gateway();
        let (mut device, posted) = Device::in_session(&mut gateway, commands());
        check_signed(&posted, None);
        let posted = gateway.post(&device.next(&refused(2, 5, code, &md5(FIRST))));
        check_signed(&posted, Some(FIRST));
        assert_eq!(posted.shape(), ["0 SyncHdr 200", "Get", "Sequence", "Final"]);
        assert!(posted.outcomes.is_empty() && !posted.may_send && posted.ended.is_none());
        let body =
            about_us(3, 200, "") + &results(3, 2, "./X", "x") + &status(3, 3, 200) + &status(3, 4, 200);
        let posted = gateway.post(&device.next(&(body + "<Final/>")));
        assert_eq!(posted.outcomes(), ["get ./X 200 x", "sequence - 200", "write ./Y 200"]);
        assert_eq!(posted.ignored, 0);
    }
}

#[test]
fn the_device_says_for_how_long_it_believes_us() {
    for (code, chal, nonce) in [
        // Each message, with the nonce that it gave last.
        (200, String::new(), Some(FIRST)),
        (200, md5(SECOND), Some(SECOND)),
        // The session; the nonce is for the next one.
        (212, String::new(), None),
        (212, md5(SECOND), None),
    ] {
        let mut gateway = gateway();
        let (mut device, _) = Device::in_session(&mut gateway, commands());
        gateway.post(&device.next(&refused(2, 5, 407, &md5(FIRST))));
        let body = about_us(3, code, &chal) + &status(3, 2, 404) + "<Final/>";
        let posted = gateway.post_and_send(&device.next(&body), commands());
        check_signed(&posted, nonce);
        let posted = gateway.post_and_send(&device.next(&(about_us(4, code, "") + "<Final/>")), commands());
        check_signed(&posted, nonce);
    }
}

#[test]
fn a_nonce_that_was_used_up_is_replaced() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    gateway.post(&device.next(&refused(2, 5, 407, &md5(FIRST))));
    gateway.post_and_send(&device.next(&(about_us(3, 200, "") + "<Final/>")), commands());
    let posted = gateway.post(&device.next(&refused(4, 2, 401, &md5(SECOND))));
    check_signed(&posted, Some(SECOND));
    assert_eq!((posted.shape().len(), posted.outcomes.len()), (4, 0));
}

#[test]
fn when_we_cannot_answer_we_carry_on() {
    let mut without = gateway();
    without.settings.server = None;
    for (mut gateway, chal) in [
        (without, md5(FIRST)),
        // A server's credential must be a digest.
        (gateway(), BASIC.to_owned()),
        (gateway(), md5(FIRST).replace("auth-md5", "auth-basic")),
        (gateway(), String::new()),
        (gateway(), md5(b"")),
        (gateway(), md5(&[7; 257])),
        (gateway(), "<Chal><Meta><Type>syncml:auth-MAC</Type></Meta></Chal>".to_owned()),
    ] {
        let (mut device, _) = Device::in_session(&mut gateway, commands());
        let posted = gateway.post_and_send(&device.next(&refused(2, 5, 407, &chal)), commands());
        check_signed(&posted, None);
        assert_eq!(posted.outcomes(), ["get ./X 407", "sequence - 407", "write ./Y 407"], "{chal}");
        assert_eq!(posted.shape()[1..], ["Get", "Sequence", "Final"], "what is new is sent all the same");
    }
}

#[test]
fn a_device_that_never_believes_us_is_asked_twice_at_most() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    gateway.post(&device.next(&refused(2, 5, 407, &md5(FIRST))));
    let posted = gateway.post_and_send(&device.next(&refused(3, 2, 401, &md5(SECOND))), commands());
    check_signed(&posted, None);
    assert_eq!(posted.outcomes(), ["get ./X 401", "sequence - 401", "write ./Y 401"]);
    let posted = gateway.post(&device.next(&refused(4, 2, 401, &md5(FIRST))));
    check_signed(&posted, None);
    assert_eq!(posted.outcomes.len(), 3);
}

#[test]
fn what_was_executed_all_the_same_is_not_sent_again() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let body = about_us(2, 407, &md5(FIRST)) + &results(2, 5, "./X", "x") + &status(2, 6, 407);
    let posted = gateway.post(&device.next(&(body + "<Final/>")));
    assert_eq!(posted.outcomes(), ["get ./X 200 x"]);
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "Sequence", "Final"]);
    check_signed(&posted, Some(FIRST));
}

#[test]
fn a_chunk_is_sent_again_from_where_it_began() {
    let mut gateway = Gateway { large_objects: true, ..gateway() };
    gateway.settings.max_message_bytes = 2_000;
    let data = (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    let write = Command::replace([Node::chr("./X", data.as_str())]).unwrap();
    let (mut device, first) = Device::in_session(&mut gateway, vec![Outgoing::new("write", write)]);
    let text =
        |posted: &Posted| posted.reply.rsplit_once("<Data>").unwrap().1.split_once('<').unwrap().0.to_owned();
    let next = "<Alert><CmdID>3</CmdID><Data>1222</Data></Alert>";
    let second = gateway.post(&device.next(&(status(2, 5, 213) + next)));
    // The second chunk is refused, and comes again.
    let body = about_us(3, 407, &md5(FIRST)) + &status(3, 3, 407) + "<Final/>";
    let again = gateway.post(&device.next(&body));
    check_signed(&again, Some(FIRST));
    let sent = text(&first) + &text(&again);
    assert!(data.starts_with(&sent) && text(&second).starts_with(&text(&again)));
    assert!(again.outcomes.is_empty() && again.reply.len() <= 2_000);
}

#[test]
fn a_device_may_ask_with_its_first_message() {
    let mut gateway = gateway();
    let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
    // It speaks of the message that challenged it.
    device.msg_id = 1;
    let body = about_us(1, 407, &md5(FIRST)) + PACKAGE_1;
    let posted = gateway.post_and_send(&device.next(&body), commands());
    check_signed(&posted, Some(FIRST));
    assert_eq!(posted.shape()[4..], ["Get", "Sequence", "Final"]);
}

#[test]
fn what_is_about_an_older_message_counts_for_nothing() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let posted = gateway.post(&device.next(&(about_us(1, 407, &md5(FIRST)) + "<Final/>")));
    check_signed(&posted, None);
    assert_eq!(posted.outcomes.len(), 3);
}

#[test]
fn what_was_answered_is_not_kept() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let kept = |gateway: &Gateway| {
        let (_, blob) = gateway.device.clone().unwrap();
        // Once under way, to be sent again, and once in the reply.
        String::from_utf8(blob).unwrap().matches("./Y").count()
    };
    assert_eq!(kept(&gateway), 3);
    let get = Outgoing::new("next", Command::get(["./Z"]).unwrap());
    gateway.post_and_send(&device.next(&(status(2, 5, 404) + &status(2, 7, 200) + "<Final/>")), vec![get]);
    assert_eq!(kept(&gateway), 0);
}

#[test]
fn our_credential_is_never_shown() {
    let mut gateway = gateway();
    let (mut device, _) = Device::in_session(&mut gateway, commands());
    let posted = gateway.post(&device.next(&refused(2, 5, 407, &md5(FIRST))));
    let cred = posted.message().header.cred.unwrap().data.expose().to_owned();
    let shown = format!("{:?} {:?}", gateway.session(), gateway.settings);
    let hash = inner_hash("server", "swordfish");
    for secret in [cred, hash.expose().to_owned(), STANDARD.encode(FIRST)] {
        assert!(!shown.contains(secret.as_str()), "{shown}");
    }
}

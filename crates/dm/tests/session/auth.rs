//! Who is believed, and what a challenge says.

use std::time::Duration;

use dm::{Refusal, Scheme, Schemes, SessionAuth};

use crate::{
    device::{Cred, DEVICE, Device, PACKAGE_1},
    gateway::{Gateway, Taken},
};

const ABORT: &str = "<Alert><CmdID>2</CmdID><Data>1223</Data></Alert><Final/>";

#[test]
fn without_a_credential_everything_is_answered_407_and_nothing_is_stored() {
    let mut gateway = Gateway::new();
    let posted = gateway.post(&Device::new("1").next(PACKAGE_1));
    assert_eq!(posted.taken, Taken::Challenged);
    assert_eq!(posted.shape(), ["0 SyncHdr 407", "2 Alert 407", "3 Alert 407", "4 Replace 407", "Final"]);
    let (scheme, nonce) = posted.challenge().unwrap();
    assert_eq!((scheme.as_str(), nonce.unwrap().len()), ("syncml:auth-md5", 24));
    assert!(gateway.device.is_none());
}

#[test]
fn a_device_that_does_not_exist_is_answered_the_same() {
    let wrong = Device { cred: Cred::Md5("AAAA".to_owned()), ..Device::new("1") };
    for mut device in [Device::new("1"), wrong, Device { cred: Cred::Basic, ..Device::new("1") }] {
        let (mut known, mut unknown) = (Gateway::new(), Gateway::new());
        unknown.is_enrolled = false;
        let body = device.next(PACKAGE_1);
        let is_right = matches!(device.cred, Cred::Basic);
        let (known, unknown) = (known.post(&body), unknown.post(&body));
        assert_eq!(unknown.taken, Taken::Challenged);
        assert_eq!(known.reply == unknown.reply, !is_right);
    }
}

#[test]
fn the_right_digest_opens_a_session_that_never_hears_of_a_nonce_again() {
    let mut gateway = Gateway::new();
    let (device, posted) = Device::in_session(&mut gateway, vec![]);
    assert_eq!(posted.shape(), ["0 SyncHdr 200", "2 Alert 200", "3 Alert 200", "4 Replace 200", "Final"]);
    assert_eq!(posted.challenge(), None);
    let session = gateway.session().unwrap();
    assert_eq!((session.session_id(), session.device(), session.messages()), ("1", DEVICE, 1));
    let Cred::Md5(nonce) = &device.cred else { panic!() };
    assert!(!format!("{session:?}").contains(nonce.as_str()));
}

#[test]
fn a_device_may_begin_with_a_nonce_of_old() {
    for nonce in ["", "b2xkIG5vbmNl"] {
        for msg_id in [1, 2, 3] {
            let mut gateway = Gateway::new();
            let mut device = Device { msg_id: msg_id - 1, ..Device::new("1") };
            device.cred = Cred::Md5(nonce.to_owned());
            let posted = gateway.post(&device.next(PACKAGE_1));
            assert_eq!((posted.code(), posted.taken), (401, Taken::Challenged));
            assert!(gateway.device.is_none());
            device.accept(&posted);
            assert!(gateway.post(&device.next(PACKAGE_1)).opened, "{nonce} {msg_id}");
        }
    }
}

#[test]
fn a_wrong_credential_is_challenged_for_as_long_as_a_session_lasts() {
    let mut gateway = Gateway::new();
    gateway.settings.max_messages = 5;
    for (msg_id, taken) in
        [(1, Taken::Challenged), (5, Taken::Challenged), (6, Taken::Refused(Refusal::Credential))]
    {
        let cred = Cred::Md5("AAAA".to_owned());
        let posted = gateway.post(&Device { msg_id: msg_id - 1, cred, ..Device::new("1") }.next(PACKAGE_1));
        assert_eq!((posted.code(), posted.taken), (401, taken), "{msg_id}");
        assert_eq!(posted.challenge().is_some(), taken == Taken::Challenged);
        assert_eq!(posted.shape()[1..], ["2 Alert 401", "3 Alert 401", "4 Replace 401", "Final"]);
    }
}

#[test]
fn the_answer_to_a_wrong_credential_does_not_tell_whether_a_session_is_open() {
    let (mut open, mut none) = (Gateway::new(), Gateway::new());
    Device::in_session(&mut open, vec![get()]);
    for msg_id in [1, 3, 4, 9, 64, 65, u32::MAX] {
        for body in ["<Final/>", PACKAGE_1] {
            let cred = Cred::Md5("AAAA".to_owned());
            let body = Device { msg_id, cred, ..Device::new("1") }.message(body);
            let [open, none] = [&mut open, &mut none].map(|gateway| {
                let posted = gateway.post(&body);
                (posted.taken, posted.stale, posted.shape(), posted.challenge().is_some())
            });
            assert_eq!(open, none, "{msg_id}");
        }
    }
}

/// What a device sends first may be over the nonce of its enrollment, of its last session or of a challenge long ago.
#[test]
fn a_right_password_over_a_nonce_of_old_is_no_guess() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let check = |gateway: &mut Gateway, device: &Device, expect: bool| {
        let posted = gateway.post(&Device { msg_id: 1, ..device.clone() }.message(PACKAGE_1));
        assert_eq!((posted.code(), posted.taken, posted.stale), (401, Taken::Challenged, expect));
        // To everybody else, it is a credential like any other.
        let unknown = Gateway { is_enrolled: false, device: None, ..gateway.clone() };
        assert!(!unknown.clone().post(&device.clone().next(PACKAGE_1)).stale);
    };
    let with = |nonce: &str| Device { cred: Cred::Md5(nonce.to_owned()), ..Device::new("1") };
    check(&mut Gateway::new(), &with(""), true);
    check(&mut Gateway::new(), &with("AAAA"), false);

    let mut gateway = Gateway::new();
    let mut device = Device::new("1");
    let challenge = gateway.post(&device.next(PACKAGE_1));
    assert!(!challenge.stale, "there was no credential");
    device.accept(&challenge);
    for (after, expect) in [(11, true), (120, true), (140, false)] {
        let mut later = gateway.clone();
        later.now = later.now + minutes(after);
        check(&mut later, &device, expect);
    }

    let (device, _) = Device::in_session(&mut gateway, vec![get()]);
    for (session_id, after) in [("1", 0), ("2", 0), ("2", 60 * 24 * 7)] {
        gateway.now = gateway.now + minutes(after);
        check(&mut gateway, &Device { session_id: session_id.to_owned(), ..device.clone() }, true);
    }
}

#[test]
fn a_wrong_password_over_a_nonce_of_old_is_a_guess() {
    let mut gateway = Gateway::new();
    let body = Device { cred: Cred::Md5(String::new()), ..Device::new("1") }.next(PACKAGE_1);
    assert!(gateway.post(&body).stale);
    // The digest over another password.
    let (_, data) = body.split_once("</Meta><Data>").unwrap();
    let digest = &data[..24];
    let posted = gateway.post(&body.replace(digest, "1B2M2Y8AsgTpgAmY7PhCfg=="));
    assert_eq!((posted.taken, posted.stale), (Taken::Challenged, false));
}

#[test]
fn in_an_open_session_a_challenge_leads_back() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, vec![get()]);
    let before = gateway.device.clone();
    device.msg_id = 5;
    device.cred = Cred::Md5("AAAA".to_owned());
    let posted = gateway.post(&device.next("<Final/>"));
    assert_eq!((posted.code(), posted.taken), (401, Taken::Challenged));
    assert_eq!(gateway.device, before);
    device.accept(&posted);
    assert_eq!(gateway.post_and_send(&device.next("<Final/>"), vec![get()]).code(), 200);
    // The new nonce is the session's from now on, however late it is.
    gateway.now = gateway.now + Duration::from_hours(1);
    assert_eq!(gateway.post(&device.next("<Final/>")).code(), 200);
}

#[test]
fn opening_a_session_uses_its_nonce_up() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, vec![get()]);
    let opened = gateway.session().unwrap().key();
    let again = device.next(PACKAGE_1);
    let posted = gateway.post(&again);
    assert_eq!((posted.code(), posted.taken), (401, Taken::Challenged));
    assert_eq!(gateway.session().unwrap().key(), opened);
    device.accept(&posted);
    let posted = gateway.post(&device.next(PACKAGE_1));
    assert!(posted.opened);
    assert_eq!(posted.replaced.unwrap().session.key(), opened);
}

#[test]
fn an_old_package_1_opens_nothing() {
    let mut gateway = Gateway::new();
    let mut device = Device::new("1");
    let challenge = gateway.post(&device.next(PACKAGE_1));
    device.accept(&challenge);
    let first = device.next(PACKAGE_1);
    assert!(gateway.post_and_send(&first, vec![get()]).opened);
    assert_eq!(gateway.post_and_send(&device.next("<Final/>"), vec![get()]).taken, Taken::Believed);
    assert_eq!(gateway.post(&first).taken, Taken::Challenged);
}

#[test]
fn a_nonce_lives_between_five_and_ten_minutes() {
    for (seconds, taken) in [(0, Taken::Believed), (299, Taken::Believed), (601, Taken::Challenged)] {
        let mut gateway = Gateway::new();
        let mut device = Device::new("1");
        let challenge = gateway.post(&device.next(PACKAGE_1));
        device.accept(&challenge);
        gateway.now = gateway.now + Duration::from_secs(seconds);
        assert_eq!(gateway.post(&device.next(PACKAGE_1)).taken, taken, "{seconds}");
    }
}

#[test]
fn the_first_message_never_disturbs_an_open_session() {
    let mut gateway = Gateway::new();
    let (mut device, _) = Device::in_session(&mut gateway, vec![get()]);
    let before = gateway.device.clone();
    for body in [PACKAGE_1, ABORT, "<Final/>"] {
        for session_id in ["1", "2"] {
            let posted = gateway.post(&Device::new(session_id).next(body));
            assert_eq!((posted.code(), posted.taken), (407, Taken::Challenged));
        }
    }
    assert_eq!(gateway.device, before);
    assert_eq!(gateway.post(&device.next("<Final/>")).taken, Taken::Believed);
}

#[test]
fn accepted_for_the_whole_session() {
    let mut gateway = Gateway::new();
    gateway.settings.session_auth = SessionAuth::WholeSession;
    let (mut device, posted) = Device::in_session(&mut gateway, vec![get()]);
    assert_eq!((posted.code(), posted.challenge()), (212, None));
    device.cred = Cred::None;
    let posted = gateway.post_and_send(&device.next("<Final/>"), vec![get()]);
    assert_eq!((posted.code(), posted.taken), (212, Taken::Believed));
    // A credential that comes all the same is verified, and beginning anew needs one.
    let wrong = Device { cred: Cred::Md5("AAAA".to_owned()), ..device.clone() }.next("<Final/>");
    assert_eq!(gateway.post(&wrong).code(), 401);
    assert_eq!(gateway.post(&device.clone().next(PACKAGE_1)).code(), 407);
    // Nor is anybody believed for a device that is gone, or in another session.
    let other = Device { session_id: "9".to_owned(), ..device.clone() }.next("<Final/>");
    assert_eq!(gateway.post(&other).code(), 407);
    gateway.is_enrolled = false;
    assert_eq!(gateway.post(&device.next("<Final/>")).code(), 407);
}

#[test]
fn basic_has_no_nonce() {
    let mut gateway = Gateway::new();
    gateway.settings.schemes = Schemes::new([Scheme::Basic]);
    let mut device = Device::new("1");
    let posted = gateway.post(&device.next(PACKAGE_1));
    assert_eq!(posted.challenge(), Some(("syncml:auth-basic".to_owned(), None)));
    device.cred = Cred::Basic;
    let posted = gateway.post(&device.next(PACKAGE_1));
    assert_eq!((posted.code(), posted.opened), (200, true));
    device.cred = Cred::Md5("AAAA".to_owned());
    assert_eq!(gateway.post(&device.next(PACKAGE_1)).code(), 401);
}

#[test]
fn nobody_is_believed_by_default() {
    for cred in [
        "<Cred/>",
        "<Cred><Data>AAAA</Data></Cred>",
        "<Cred><Meta><Type>syncml:auth-MAC</Type></Meta><Data>AAAA</Data></Cred>",
        "<Cred><Meta><Type>syncml:auth-md5</Type></Meta><Data>%%%</Data></Cred>",
        "<Cred><Meta><Type>syncml:auth-basic</Type></Meta><Data>//79</Data></Cred>",
    ] {
        let body = Device::new("1").next(PACKAGE_1).replace("</SyncHdr>", &format!("{cred}</SyncHdr>"));
        assert_eq!(Gateway::new().post(&body).code(), 401, "{cred}");
    }
}

fn get() -> dm::Outgoing {
    dm::Outgoing::new("get", dm::Command::get(["./DevDetail/SwV"]).unwrap())
}

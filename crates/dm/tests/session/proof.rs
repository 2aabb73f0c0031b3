//! Certificates and credentials, alone and together (oma-dm.md §7.2, §7.4).

use dm::{Command, Outgoing, Proof, Refusal, Schemes, SessionAuth, Transport};

use crate::{
    device::{Cred, DEVICE, Device, PACKAGE_1, status},
    gateway::{Gateway, Posted, Taken},
};

fn get() -> Vec<Outgoing> {
    vec![Outgoing::new("get", Command::get(["./X"]).unwrap())]
}

fn wrong() -> Cred {
    Cred::Md5("AAAA".to_owned())
}

/// A gateway that takes certificates, and what the first message of a device is answered.
fn vouched() -> Gateway {
    Gateway { transport: Transport::Vouched, ..Gateway::new() }
}

#[test]
fn what_is_enough() {
    use Cred::{Basic, None as Nothing};
    use Proof::{Both, Either};
    use Transport::{Anonymous, Vouched};
    const BELIEVED: (u16, Taken) = (200, Taken::Believed);
    const MISSING: (u16, Taken) = (407, Taken::Challenged);
    const WRONG: (u16, Taken) = (401, Taken::Challenged);
    for (proof, transport, cred, expect) in [
        (Either, Anonymous, Nothing, MISSING),
        (Either, Anonymous, wrong(), WRONG),
        (Either, Anonymous, Basic, BELIEVED),
        (Either, Vouched, Nothing, BELIEVED),
        (Either, Vouched, wrong(), WRONG),
        (Either, Vouched, Basic, BELIEVED),
        (Both, Anonymous, Nothing, MISSING),
        (Both, Anonymous, wrong(), WRONG),
        (Both, Anonymous, Basic, WRONG),
        (Both, Vouched, Nothing, MISSING),
        (Both, Vouched, wrong(), WRONG),
        (Both, Vouched, Basic, BELIEVED),
    ] {
        let mut gateway = Gateway { transport, ..Gateway::new() };
        gateway.settings.proof = proof;
        let row = format!("{proof:?} {transport:?} {}", cred.element());
        let posted = gateway.post(&Device { cred, ..Device::new("1") }.next(PACKAGE_1));
        assert_eq!((posted.code(), posted.taken), expect, "{row}");
        assert_eq!(posted.opened, expect == BELIEVED, "{row}");
        assert_eq!(posted.challenge().is_some(), expect != BELIEVED, "{row}");
    }
}

#[test]
fn a_device_without_a_password_needs_its_certificate() {
    for (proof, transport, cred, code) in [
        (Proof::Either, Transport::Vouched, Cred::None, 200),
        // There is nothing to compare it with.
        (Proof::Either, Transport::Vouched, wrong(), 200),
        (Proof::Either, Transport::Anonymous, wrong(), 401),
        (Proof::Both, Transport::Vouched, Cred::Basic, 401),
    ] {
        let mut gateway = Gateway { transport, has_password: false, ..Gateway::new() };
        gateway.settings.proof = proof;
        let posted = gateway.post(&Device { cred, ..Device::new("1") }.next(PACKAGE_1));
        assert_eq!(posted.code(), code, "{proof:?} {transport:?}");
    }
}

#[test]
fn where_only_certificates_count_nobody_is_challenged() {
    for (transport, cred, code) in [
        (Transport::Anonymous, Cred::None, 407),
        (Transport::Anonymous, Cred::Basic, 401),
        (Transport::Vouched, Cred::None, 200),
        (Transport::Vouched, wrong(), 200),
    ] {
        let mut gateway = Gateway { transport, ..Gateway::new() };
        gateway.settings.schemes = Schemes::new([]);
        let posted = gateway.post(&Device { cred, ..Device::new("1") }.next(PACKAGE_1));
        let taken = if code == 200 { Taken::Believed } else { Taken::Refused(Refusal::Credential) };
        assert_eq!((posted.code(), posted.taken, posted.challenge()), (code, taken, None));
        let shape = ["2 Alert", "3 Alert", "4 Replace"].map(|command| format!("{command} {code}"));
        assert_eq!(posted.shape()[1..4], shape);
    }
}

#[test]
fn what_can_be_guessed_is_not_repeated_to_strangers() {
    let mut gateway = vouched();
    let body = Device::new("1").next(PACKAGE_1);
    let first = gateway.post_and_send(&body, get());
    let again = gateway.post(&body);
    assert_eq!((again.taken, again.reply), (Taken::Repeated, first.reply));
    gateway.transport = Transport::Anonymous;
    assert_eq!(gateway.post(&body).taken, Taken::Challenged);
    // A message with a right credential cannot be guessed, but it is no certificate.
    for (proof, taken) in [(Proof::Either, Taken::Repeated), (Proof::Both, Taken::Challenged)] {
        let mut gateway = vouched();
        gateway.settings.proof = proof;
        let body = Device { cred: Cred::Basic, ..Device::new("1") }.next(PACKAGE_1);
        assert!(gateway.post(&body).opened);
        gateway.transport = Transport::Anonymous;
        assert_eq!(gateway.post(&body).taken, taken, "{proof:?}");
    }
}

#[test]
fn a_stranger_cannot_disturb_a_session_of_a_certificate() {
    let mut gateway = vouched();
    let mut device = Device::new("1");
    gateway.post_and_send(&device.next(PACKAGE_1), get());
    let before = gateway.device.clone();
    gateway.transport = Transport::Anonymous;
    for session_id in ["1", "2"] {
        for cred in [Cred::None, wrong()] {
            let mut stranger = Device { session_id: session_id.to_owned(), msg_id: 1, cred };
            assert_eq!(gateway.post(&stranger.next("<Final/>")).taken, Taken::Challenged);
        }
    }
    assert_eq!(gateway.device, before);
    gateway.transport = Transport::Vouched;
    assert_eq!(gateway.post(&device.next(&(status(1, 5, 404) + "<Final/>"))).outcomes(), ["get ./X 404"]);
}

#[test]
fn a_session_of_a_certificate_is_never_accepted_as_a_whole() {
    let post = |gateway: &mut Gateway, device: &mut Device, body: &str| -> Posted {
        gateway.post_and_send(&device.next(body), get())
    };
    // Without a credential.
    let mut gateway = vouched();
    gateway.settings.session_auth = SessionAuth::WholeSession;
    let mut device = Device::new("1");
    assert_eq!(post(&mut gateway, &mut device, PACKAGE_1).code(), 200);
    gateway.transport = Transport::Anonymous;
    assert_eq!(post(&mut gateway, &mut device, "<Final/>").code(), 407);
    // With one beside it: the certificate has to come again.
    for proof in [Proof::Either, Proof::Both] {
        let mut gateway = vouched();
        gateway.settings.session_auth = SessionAuth::WholeSession;
        gateway.settings.proof = proof;
        let mut device = Device { cred: Cred::Basic, ..Device::new("1") };
        assert_eq!(post(&mut gateway, &mut device, PACKAGE_1).code(), 212);
        device.cred = Cred::None;
        gateway.transport = Transport::Anonymous;
        assert_eq!(post(&mut gateway, &mut device, "<Final/>").code(), 407, "{proof:?}");
        gateway.transport = Transport::Vouched;
        assert_eq!(post(&mut gateway, &mut device, "<Final/>").code(), 212, "{proof:?}");
    }
}

#[test]
fn the_dev_id_must_agree_with_the_source() {
    let lower = format!("\n {} ", DEVICE.to_lowercase());
    for (dev_id, agrees) in
        [(DEVICE, true), (lower.as_str(), true), ("", true), ("FEDCBA9876543210FEDCBA9876543210", false)]
    {
        let body = PACKAGE_1.replace(&format!("<Data>{DEVICE}</Data>"), &format!("<Data>{dev_id}</Data>"));
        let mut gateway = Gateway::new();
        let basic = || Device { cred: Cred::Basic, ..Device::new("1") };
        let posted = gateway.post(&basic().next(&body));
        assert_eq!(posted.opened, agrees, "{dev_id}");
        if !agrees {
            assert_eq!(posted.taken, Taken::Refused(Refusal::DevId));
            assert_eq!(
                posted.shape(),
                ["0 SyncHdr 403", "2 Alert 403", "3 Alert 403", "4 Replace 403", "Final"]
            );
            // Nor is it told to strangers, or a reason to touch a session that is open.
            assert_eq!(gateway.post(&Device::new("1").next(&body)).code(), 407);
            let (mut device, _) = Device::in_session(&mut gateway, get());
            let before = gateway.device.clone();
            for body in [body.clone(), body.replace("1201", "1224")] {
                device.cred = Cred::Basic;
                assert_eq!(gateway.post(&device.next(&body)).taken, Taken::Refused(Refusal::DevId));
            }
            assert_eq!(gateway.device, before);
        }
    }
}

#[test]
fn refusals_have_names() {
    let all = [Refusal::Credential, Refusal::DevId, Refusal::MsgId, Refusal::SessionId];
    assert_eq!(all.map(Refusal::name), ["credential", "dev_id", "msg_id", "session_id"]);
}

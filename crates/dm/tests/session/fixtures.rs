//! The first messages of real devices and of emulated ones, unauthenticated and authenticated.

use std::{fs, path::PathBuf};

use dm::{
    Account, BodyHash, Identified, NonceKey, Refusal, Settings, Stored, Transport, inner_hash, receive,
};
use model::{SessionKey, Timestamp};
use syncml::{Limits, Message};
use uuid::Uuid;

use crate::{
    device::{Cred, PASSWORD, USER},
    gateway::shown_status,
};

/// What becomes of a fixture once its sender is believed.
struct Expect {
    name: &'static str,
    /// `CmdRef` and `Cmd` of what is answered after the header.
    answered: &'static [&'static str],
    code: u16,
    opened: bool,
    unenrolled: bool,
}

const fn expect(name: &'static str, answered: &'static [&'static str]) -> Expect {
    Expect { name, answered, code: 200, opened: true, unenrolled: false }
}

const PACKAGE_1: &[&str] = &["2 Alert", "3 Alert", "4 Replace"];

const EXPECT: &[Expect] = &[
    expect("24-fleet-ngrok-win10-19043-session1-package1.xml", PACKAGE_1),
    Expect {
        unenrolled: true,
        ..expect(
            "26-fleet-ngrok-win10-19043-unenroll-1226.xml",
            &["2 Alert", "3 Alert", "4 Alert", "5 Replace"],
        )
    },
    expect("28-marcosd4h-win-package1.xml", PACKAGE_1),
    // It answers commands of a session that does not exist here.
    Expect { opened: false, ..expect("30-marcosd4h-win-status-202.xml", &[]) },
    // Its Source is the server's address and its DevId a device's: the writer confused the two.
    Expect { code: 403, ..expect("70-learn-unenroll-package1.xml", &["2 Alert", "2 Replace"]) },
    expect(
        "71-pytune-intune-autopilot-package1.xml",
        &["2 Alert", "3 Alert", "4 Alert", "5 Alert", "6 Replace"],
    ),
    expect("73-aadinternals-intune-request.xml", &["1 Alert"]),
    expect("10-fleet-mdmtest-package1.xml", PACKAGE_1),
    Expect { unenrolled: true, ..expect("11-fleet-mdmtest-unenroll-1226.xml", &["4 Alert"]) },
];

#[test]
fn first_messages_are_challenged_then_answered() {
    for expect in EXPECT {
        let path = format!("../syncml/tests/fixtures/{}", expect.name);
        let body = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        check(&body, expect, 407);
        let cred = Cred::Basic.element();
        check(&body.replace("</SyncHdr>", &format!("{cred}</SyncHdr>")), expect, expect.code);
    }
}

fn check(body: &str, expect: &Expect, code: u16) {
    let message = Message::parse(body.as_bytes(), &Limits::default()).unwrap();
    let settings = Settings::default();
    let hash = BodyHash::of(body.as_bytes());
    let identify = receive(&message, hash, Stored::default(), Timestamp::EPOCH, &settings);
    let account = Account { user: USER.to_owned(), inner_hash: inner_hash(USER, PASSWORD) };
    let reply = match identify.verify(Some(&account), Transport::Anonymous, &NonceKey::new(&[1; 32])) {
        Identified::Challenge { reply, .. } | Identified::Refused { reply, why: Refusal::DevId } => reply,
        other @ (Identified::Repeat(_) | Identified::Refused { .. }) => panic!("{other:?}"),
        Identified::Turn(turn) => {
            assert!(!expect.opened);
            turn.answer(vec![]).reply
        }
        Identified::Opening(opening) => {
            let turn = opening.begin(SessionKey::new(Uuid::nil()));
            assert_eq!((true, turn.unenrolled()), (expect.opened, expect.unenrolled), "{}", expect.name);
            turn.answer(vec![]).reply
        }
    };
    let reply = String::from_utf8(reply).unwrap();
    let answered = answered(&reply, message.header.msg_id);
    let mut all = vec![format!("0 SyncHdr {code}")];
    all.extend(expect.answered.iter().map(|it| format!("{it} {code}")));
    assert_eq!(answered, all, "{}", expect.name);
    assert_eq!(reply.contains("<Chal>"), code == 407);
}

/// The Statuses of a reply, which must hold nothing else but `Final`.
fn answered(reply: &str, msg_id: u32) -> Vec<String> {
    let reply = Message::parse(reply.as_bytes(), &Limits::default()).unwrap();
    assert!(reply.is_final);
    assert_eq!(reply.header.msg_id, msg_id);
    let status = |command: &syncml::Command<'_>| match command {
        syncml::Command::Status(it) => {
            assert_eq!(it.msg_ref.as_deref(), Some(msg_id.to_string().as_str()));
            shown_status(it)
        }
        other => panic!("{other:?}"),
    };
    reply.commands.iter().map(status).collect()
}

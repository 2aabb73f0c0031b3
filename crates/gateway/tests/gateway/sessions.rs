//! What devices, strangers and broken clients get, with the simulated device at the other end.

use model::Timestamp;
use push::ChannelState;
use simulator::device::{Ending, Opening, Step};
use syncml::{Command, Limits, Message};

use crate::field::{Field, NAME, SYNCML};

/// The codes of a reply's Statuses, in order, and the names of its other commands.
fn summary(reply: &[u8]) -> (Vec<u16>, Vec<String>) {
    let message = Message::parse(reply, &Limits::default()).unwrap();
    assert!(message.is_final);
    let codes = message.commands.iter().filter_map(|command| match command {
        Command::Status(status) => status.code(),
        _ => None,
    });
    let others = message.commands.iter().filter(|command| !matches!(command, Command::Status(_)));
    (codes.collect(), others.map(|command| command.name().to_owned()).collect())
}

/// The nodes of a reply's first Get.
fn asked(reply: &[u8]) -> Vec<String> {
    let message = Message::parse(reply, &Limits::default()).unwrap();
    let get = message.commands.iter().find_map(|command| match command {
        Command::Get(get) => Some(get),
        _ => None,
    });
    let items = &get.expect("a Get").items;
    items.iter().filter_map(|item| item.uri()).map(str::to_owned).collect()
}

fn send(step: Step) -> Vec<u8> {
    match step {
        Step::Send(message) => message,
        other => panic!("the device does not send: {other:?}"),
    }
}

#[tokio::test]
async fn the_first_answer_asks_for_the_three_push_nodes() {
    let field = Field::new().await;
    let mut device = field.enroll(NAME).await;
    let client = field.client();
    let first = device.start(Opening::Schedule, Timestamp::EPOCH);
    let challenge = client.exchange(&device, Opening::Schedule, first).await.unwrap();
    assert_eq!(summary(&challenge), (vec![407, 407, 407, 407], vec![]), "a challenge, and nothing else");
    assert!(field.sessions(NAME).await.is_empty(), "a challenge stores nothing");
    let second = send(device.receive(&challenge, Timestamp::EPOCH).unwrap());
    let answer = client.exchange(&device, Opening::Schedule, second.clone()).await.unwrap();
    let push = "./Vendor/MSFT/DMClient/Provider/Reveille/Push";
    assert_eq!(asked(&answer), ["PFN", "ChannelURI", "Status"].map(|node| format!("{push}/{node}")));
    assert_eq!(summary(&answer).0, [200; 4], "for the header and for each command");
    let again = client.exchange(&device, Opening::Schedule, second).await.unwrap();
    assert_eq!(again, answer, "the same message again gets the same bytes");
    assert_eq!(field.sessions(NAME).await.len(), 1);
}

#[tokio::test]
async fn a_device_without_push_gets_the_pfn_and_its_channel_is_stored() {
    let field = Field::new().await;
    let mut device = field.enroll(NAME).await;
    let report = field.client().sync(&mut device).await.unwrap();
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!(device.pfn(), Some(field.pfn.as_str()));
    let record = field.record(NAME).await;
    assert_eq!(record.channel.state(), ChannelState::Live);
    assert_eq!(record.channel.uri().map(push::ChannelUri::expose), device.channel_uri());
    assert_eq!(record.device.info.manufacturer.as_deref(), Some(device.profile().manufacturer.as_str()));
    assert!(record.device.info.os_version.is_some(), "./DevDetail was read");
    let [session] = &field.sessions(NAME).await[..] else { panic!("one session") };
    assert_eq!(session.ending.as_deref(), Some("completed"));
    field.client().sync(&mut device).await.unwrap();
    let again = field.record(NAME).await;
    assert_eq!(again.channel, record.channel, "an uneventful session changes nothing");
}

#[tokio::test]
async fn strangers_learn_nothing_and_change_nothing() {
    let field = Field::new().await;
    field.enroll(NAME).await;
    let client = field.client();
    for (name, password) in [(NAME, "wrong"), ("NOBODY", "password")] {
        let mut device = field.device(name, password);
        let mut message = device.start(Opening::Schedule, Timestamp::EPOCH);
        let mut codes = Vec::new();
        for _ in 0..4 {
            let reply = client.exchange(&device, Opening::Schedule, message.clone()).await.unwrap();
            let (statuses, commands) = summary(&reply);
            assert!(commands.is_empty(), "only Statuses");
            codes.push(statuses[0]);
            match device.receive(&reply, Timestamp::EPOCH) {
                Ok(Step::Send(next)) => message = next,
                _ => break,
            }
        }
        assert_eq!(codes[..2], [407, 401], "{name}: one more try");
        assert!(codes[1..].iter().all(|code| *code == 401), "{name}: {codes:?}");
    }
    assert!(field.sessions(NAME).await.is_empty());
}

#[tokio::test]
async fn basic_and_the_whole_session_work_too() {
    let basic = |settings: &mut gateway::Settings| {
        settings.sessions.schemes = dm::Schemes::new([dm::Scheme::Basic]);
    };
    let whole = |settings: &mut gateway::Settings| {
        settings.sessions.session_auth = dm::SessionAuth::WholeSession;
    };
    for field in [Field::with(basic).await, Field::with(whole).await] {
        let mut device = field.enroll(NAME).await;
        let report = field.client().sync(&mut device).await.unwrap();
        assert_eq!(report.ending, Ending::Completed);
        assert_eq!(field.record(NAME).await.channel.state(), ChannelState::Live);
    }
}

#[tokio::test]
async fn a_channel_uri_that_is_not_of_wns_is_refused() {
    let field = Field::new().await;
    let mut device = field.enroll(NAME).await;
    let client = field.client();
    let foreign = "https://notify.windows.com.evil.test/?token=planted".to_owned();
    let mut step = Step::Send(device.start(Opening::Schedule, Timestamp::EPOCH));
    loop {
        step = match step {
            Step::Send(message) => {
                let reply = client.exchange(&device, Opening::Schedule, message).await.unwrap();
                device.receive(&reply, Timestamp::EPOCH).unwrap()
            }
            Step::Register(_) => {
                device.channel_assigned(foreign.clone(), Timestamp::EPOCH).unwrap().expect("the turn goes on")
            }
            Step::Done(_) => break,
        };
    }
    let state = field.record(NAME).await.channel.state();
    assert_eq!(state, ChannelState::Refused(push::Refusal::InvalidUri));
}

#[tokio::test]
async fn a_user_who_leaves_is_unenrolled_and_may_come_back() {
    let field = Field::new().await;
    let mut device = field.enroll(NAME).await;
    let client = field.client();
    client.sync(&mut device).await.unwrap();
    let backoff = simulator::device::Backoff::NONE;
    client.sync_as(&mut device, Opening::Unenroll, backoff).await.unwrap();
    let gone = field.record(NAME).await;
    assert!(gone.device.unenrolled_at.is_some());
    assert_eq!(gone.channel.state(), ChannelState::Unset);
    device.enroll_again();
    client.sync(&mut device).await.unwrap();
    let back = field.record(NAME).await;
    assert_eq!((back.device.unenrolled_at, back.channel.state()), (None, ChannelState::Live));
}

#[tokio::test]
async fn a_users_session_is_recorded_and_left_alone() {
    let field = Field::new().await;
    let mut device = field.enroll(NAME).await;
    let backoff = simulator::device::Backoff::NONE;
    let report = field.client().sync_as(&mut device, Opening::User, backoff).await.unwrap();
    assert_eq!((report.ending, report.commands), (Ending::Completed, 0), "no housekeeping");
    assert_eq!(field.sessions(NAME).await[0].scope, model::Scope::User);
}

#[tokio::test]
async fn what_is_not_syncml_is_refused_by_name() {
    let field = Field::new().await;
    let deep = format!("<SyncML>{}", "<a>".repeat(10_000));
    let doctype = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><SyncML>&a;</SyncML>";
    let table = [
        (SYNCML, b"".to_vec(), 400),
        (SYNCML, b"hello".to_vec(), 400),
        (SYNCML, b"<SyncML><SyncHdr>".to_vec(), 400),
        (SYNCML, doctype.into(), 400),
        (SYNCML, deep.into(), 400),
        (SYNCML, vec![b' '; 2 << 20], 413),
        ("application/vnd.syncml.dm+wbxml", b"\x02\xa4\x01".to_vec(), 415),
        ("text/plain", b"<SyncML/>".to_vec(), 415),
    ];
    for (media, body, expect) in table {
        let start = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(field.post(media, body).await.0, expect, "{media} {start}");
    }
    let got = reqwest::get(field.url.clone()).await.unwrap();
    assert_eq!(got.status().as_u16(), 405);
    assert!(got.text().await.unwrap().contains("POST"), "says what to do");
}

#[tokio::test]
async fn overload_sends_only_beginners_away_and_draining_everybody() {
    let field = Field::with(|settings| settings.max_under_way = 0).await;
    let mut device = field.enroll(NAME).await;
    let first = device.start(Opening::Schedule, Timestamp::EPOCH);
    let request = || reqwest::Client::new().post(field.url.clone()).header("content-type", SYNCML);
    let refused = request().body(first.clone()).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let later = String::from_utf8(first.clone()).unwrap().replace("<MsgID>1<", "<MsgID>2<");
    assert_eq!(field.post(SYNCML, later).await.0, 200, "whoever is in a session has been let in");
    field.draining.cancel();
    let draining = request().body(first).send().await.unwrap();
    assert_eq!(draining.status().as_u16(), 503);
    assert_eq!(field.wns.counters().pushes, 0);
}

#[tokio::test]
async fn a_device_with_a_certificate_needs_no_password() {
    let field = Field::secured(|_| {}).await;
    let (own, other) = (field.authority.common_name("a device"), field.authority.common_name("another"));
    field.create_as(NAME, None, Some(own.fingerprint())).await;
    let mut device = field.device(NAME, "no password of anybody");
    let refused = field.client_with(&other).sync(&mut device).await.unwrap();
    assert_eq!(refused.ending, Ending::Refused(407), "a certificate of somebody else");
    let report = field.client_with(&own).sync(&mut device).await.unwrap();
    assert_eq!((report.ending, report.messages), (Ending::Completed, 3), "without a challenge");
    assert_eq!(field.record(NAME).await.channel.state(), ChannelState::Live);
}

#[tokio::test]
async fn planned_writes_of_the_fleet_are_bounded() {
    let field = Field::with(|settings| settings.pfn_writes_per_hour = 2).await;
    let mut states = Vec::new();
    for name in ["FIRST", "SECOND", "THIRD"] {
        let mut device = field.enroll(name).await;
        field.client().sync(&mut device).await.unwrap();
        states.push((device.writes().pfn, field.record(name).await.channel.state()));
    }
    assert_eq!(states, [(1, ChannelState::Live), (1, ChannelState::Live), (0, ChannelState::Unset)]);
}

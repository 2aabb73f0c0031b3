//! What time alone does.

use model::Timestamp;
use push::{ChannelState, EndReason, Outcome};
use store::{AppCommand, AskWake, DeviceRef, EventKind};

use crate::{
    database::Database,
    field::{DAY, Field, HOUR, MINUTE, NOON, SECOND, app, ended, key, received, responded, result, said},
};

pub(crate) async fn wakes_end_at_their_deadlines_for_a_reason(database: Database) {
    let field = Field::new(database).await;
    let reasons = [
        ("taken", EndReason::NoSession),
        ("offline", EndReason::DeviceOffline),
        ("throttled", EndReason::ChannelGated),
        ("dead", EndReason::NoChannel),
        ("fresh", EndReason::NoChannel),
    ];
    let mut asked = Vec::new();
    for (name, _) in reasons {
        let device = if name == "fresh" { field.device(name).await } else { field.live_device(name).await };
        asked.push(field.ask(device, NOON).await);
        let exchange = match name {
            "taken" => received(),
            "offline" => said("dropped"),
            "throttled" => said("channelthrottled"),
            "dead" => responded(410),
            _ => continue,
        };
        // Throttled so late that the gate is still shut at the end; the pushes of the others are in flight then.
        let now = if name == "throttled" { NOON + MINUTE * 55 } else { NOON };
        let pushes = field.claim(now).await;
        let push = pushes.iter().find(|push| push.device_name.as_str() == name).unwrap();
        field.store.conclude(result(push, exchange, now)).await.unwrap();
    }
    let patient = AskWake { timeout: DAY, ..field.wake(asked[0].wake.wake.device(), NOON) };
    let patient = field.store.ask(patient).await.unwrap().unwrap();
    assert!(field.store.end_due_wakes(NOON + HOUR - SECOND).await.unwrap().is_empty());
    let over = field.store.end_due_wakes(NOON + HOUR).await.unwrap();
    assert_eq!(over.len(), asked.len());
    for ((name, reason), asked) in reasons.into_iter().zip(&asked) {
        let end = field.again(asked).await.wake.end().unwrap();
        assert_eq!((end.at, end.outcome), (NOON + HOUR, Outcome::Unanswered(reason)), "{name}");
    }
    assert_eq!(field.events().await.last().unwrap().kind, EventKind::Unanswered);
    assert!(field.store.end_due_wakes(NOON + HOUR).await.unwrap().is_empty());
    assert_eq!(field.again(&patient).await.wake.end(), None);
    assert_eq!(field.database.count("summonses").await, 1, "that of the patient one");
    field.store.command_app(&app(), AppCommand::Pause, NOON).await.unwrap();
    let paused = field.ask(field.live_device("paused").await, NOON + HOUR).await;
    field.store.end_due_wakes(NOON + HOUR * 2).await.unwrap();
    let end = field.again(&paused).await.wake.end().unwrap();
    assert_eq!(end.outcome, Outcome::Unanswered(EndReason::AppPaused));
}

pub(crate) async fn hundreds_of_deadlines_pass_at_once(database: Database) {
    let field = Field::new(database).await;
    let mut devices = Vec::new();
    for n in 0..40 {
        devices.push(field.device(&format!("{n}")).await);
    }
    let asks = (0..700).map(|n| field.store.ask(field.wake(devices[n % 40], NOON)));
    futures_util::future::join_all(asks).await;
    let mut ended = 0;
    loop {
        let over = field.store.end_due_wakes(NOON + DAY).await.unwrap();
        if over.is_empty() {
            break;
        }
        ended += over.len();
    }
    assert_eq!((ended, field.database.count("summonses").await), (700, 0));
}

pub(crate) async fn silent_sessions_end(database: Database) {
    let field = Field::new(database).await;
    let (silent, talking) = (field.device("silent").await, field.device("talking").await);
    let (key, _) = field.open_session(silent, NOON).await;
    let (other, _) = field.open_session(talking, NOON).await;
    let message = field.next_message(talking, other, NOON + MINUTE * 5).await;
    field.store.commit_session(message).await.unwrap();
    assert!(field.store.end_silent_sessions(NOON + MINUTE * 14).await.unwrap().is_empty());
    let late = field.next_message(silent, key, NOON + MINUTE * 15).await;
    let over = field.store.end_silent_sessions(NOON + MINUTE * 15).await.unwrap();
    let keys: Vec<_> = over.iter().map(|session| session.key).collect();
    assert_eq!(keys, [key]);
    assert_eq!(over[0].ending.as_deref(), Some("silent"));
    let record = field.store.session(key).await.unwrap();
    assert_eq!((record.ended_at, record.eventful), (Some(NOON + MINUTE * 15), true));
    let late = field.store.commit_session(late).await.map(|_| ());
    assert!(matches!(late, Err(store::Error::Conflict(_))), "it must see that the session is over: {late:?}");
    assert!(field.store.end_silent_sessions(NOON + MINUTE * 15).await.unwrap().is_empty());
}

pub(crate) async fn channels_expire(database: Database) {
    let field = Field::new(database).await;
    let (old, young) = (field.device("old").await, field.device("young").await);
    field.go_live(old, "old", NOON).await;
    field.go_live(young, "young", NOON + DAY).await;
    let later = NOON + DAY * 30;
    field.ask(old, later - MINUTE).await;
    assert_eq!(field.store.expire_channels(later - SECOND).await.unwrap(), 0);
    assert_eq!(field.store.expire_channels(later).await.unwrap(), 1);
    assert_eq!(field.channel(old).await.state(), ChannelState::Stale);
    assert_eq!(field.channel(young).await.state(), ChannelState::Live);
    assert!(field.claim(later).await.is_empty(), "a stale channel is not pushed to");
    assert_eq!(field.store.expire_channels(later).await.unwrap(), 0);
}

pub(crate) async fn old_records_are_forgotten(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let old = AskWake { idempotency: Some(key("old", "a")), ..field.wake(device, NOON) };
    let old = field.store.ask(old).await.unwrap().unwrap();
    field.push(NOON).await;
    let answering = field.start(device, NOON + MINUTE).await;
    let answering_key = answering.key;
    field.store.commit_session(ended(answering)).await.unwrap();
    let live = AskWake { timeout: DAY * 30, ..field.wake(device, NOON + DAY * 5) };
    let live = field.store.ask(live).await.unwrap().unwrap();
    let (open, _) = field.open_session(field.device("open").await, NOON).await;
    field.store.prune(NOON + DAY * 30).await.unwrap();
    assert!(field.store.wake(old.wake.wake.id()).await.is_ok(), "not yet");
    field.store.prune(NOON + DAY * 30 + MINUTE).await.unwrap();
    let gone = field.store.wake(old.wake.wake.id()).await.unwrap_err();
    assert_eq!(gone, store::Error::NotFound);
    for table in ["pushes", "idempotency_keys"] {
        assert_eq!(field.database.count(table).await, 0, "{table}");
    }
    assert!(field.store.session(answering_key).await.is_err());
    assert!(field.store.session(open).await.is_ok(), "an open session is not forgotten");
    assert!(field.store.wake(live.wake.wake.id()).await.is_ok(), "nor a live wake");
    let fresh = AskWake { idempotency: Some(key("old", "b")), ..field.wake(device, NOON + DAY * 31) };
    field.store.ask(fresh).await.unwrap().unwrap();
}

pub(crate) async fn last_replies_are_forgotten_first(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let start = field.start(device, NOON).await;
    let session = start.key;
    field.store.commit_session(ended(start)).await.unwrap();
    let name = "one".parse().unwrap();
    field.store.prune(NOON + MINUTE * 59).await.unwrap();
    assert!(field.store.visitor(&name).await.unwrap().device_session.is_some());
    field.store.prune(NOON + HOUR).await.unwrap();
    let visitor = field.store.visitor(&name).await.unwrap();
    assert!(visitor.device_session.is_none());
    assert_eq!(visitor.device.device_session, Some(session), "the nonce still depends on it");
    assert!(field.store.session(session).await.is_ok());
}

pub(crate) async fn windows_do_not_run_while_the_gateway_is_away(database: Database) {
    let field = Field::new(database).await;
    assert!(field.store.resume_windows(NOON).await.unwrap().is_zero(), "it was never here");
    let (device, closed) = (field.live_device("one").await, field.live_device("two").await);
    field.ask(closed, NOON - MINUTE * 30).await;
    field.push(NOON - MINUTE * 30).await;
    let asked = field.ask(device, NOON).await;
    let push = field.claim(NOON).await.into_iter().find(|push| push.device == device).unwrap();
    field.store.conclude(result(&push, received(), NOON)).await.unwrap();
    field.store.beat(NOON + MINUTE).await.unwrap();
    // A process without a gateway says nothing about whether devices are met.
    field.store.rework_summonses(NOON + MINUTE * 20).await.unwrap();
    let back = NOON + MINUTE * 21;
    let replica = field.database.open().await.unwrap();
    let (one, two) = tokio::join!(field.store.resume_windows(back), replica.resume_windows(back));
    assert_eq!(one.unwrap() + two.unwrap(), MINUTE * 20, "one of them was away, the other moves nothing");
    assert!(field.claim(NOON + MINUTE * 30 - SECOND).await.iter().all(|push| push.device != device));
    let start = field.start(device, NOON + MINUTE * 29).await;
    field.store.commit_session(start).await.unwrap();
    let Outcome::Answered(answer) = field.again(&asked).await.wake.end().unwrap().outcome else { panic!() };
    assert_eq!((answer.attribution, answer.push), (push::Attribution::Likely, Some(push.id)));
}

pub(crate) async fn a_probe_is_no_life_sign(database: Database) {
    let field = Field::new(database).await;
    field.store.beat(NOON).await.unwrap();
    field.store.probe().await.unwrap();
    assert_eq!(field.store.resume_windows(NOON + HOUR).await.unwrap(), HOUR);
}

pub(crate) async fn writes_of_the_pfn_are_counted(database: Database) {
    let field = Field::new(database).await;
    field.live_device("one").await;
    field.device("two").await;
    assert_eq!(field.store.pfn_writes_since(NOON - HOUR * 2).await.unwrap(), 1);
    assert_eq!(field.store.pfn_writes_since(NOON).await.unwrap(), 0);
    assert_eq!(field.store.pfn_writes_since(Timestamp::MAX).await.unwrap(), 0);
    let nobody = DeviceRef::Name("nobody".parse().unwrap());
    assert!(field.store.device(&nobody).await.is_err());
}

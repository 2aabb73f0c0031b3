//! Sessions: what a message brings, and what its start answers.

use futures_util::future::join_all;
use push::{Answer, Attribution, ChannelState, EndReason, Origin, Outcome};
use store::{
    AskWake, DeviceInfo, DeviceRef, Error, EventKind, Expectation, PageRequest, RecordedAlert,
    RecordedOutcome, Refused, SessionCommit, SessionScope, SessionStart,
};

use crate::{
    database::Database,
    field::{Field, HOUR, MINUTE, NOON, SECOND, ended, trace, uri},
};

pub(crate) async fn a_session_is_no_older_than_what_it_answers(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    // The device's message came, and before its session is committed somebody asks for a wake.
    let commit = field.start(device, NOON).await;
    let asked = field.ask(device, NOON + SECOND).await;
    let committed = field.store.commit_session(commit).await.unwrap();
    let [wake] = &committed.answered[..] else { panic!("one wake") };
    assert_eq!(wake.wake.id(), asked.wake.wake.id());
    assert_eq!(wake.wake.end().map(|end| end.at), Some(NOON + SECOND));
    let answer = wake.wake.end().and_then(|end| end.outcome.answer()).unwrap();
    assert_eq!(field.store.session(answer.session).await.unwrap().started_at, NOON + SECOND);
}

pub(crate) async fn a_session_starts_goes_on_and_ends(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let alert =
        |code| RecordedAlert { code, kind: Some("x".into()), source: None, data: Some("ä'\"".into()) };
    let start = SessionCommit {
        alerts: vec![alert(1201)],
        session_id: "A1".into(),
        ..field.start(device, NOON).await
    };
    let key = start.key;
    field.store.commit_session(start).await.unwrap();
    let name = "one".parse().unwrap();
    let visitor = field.store.visitor(&name).await.unwrap();
    assert_eq!((visitor.device.device_session, visitor.device.last_seen_at), (Some(key), Some(NOON)));
    let stored = visitor.device_session.unwrap();
    assert_eq!((stored.key, stored.revision, stored.ended), (key, 0, false));
    assert_eq!(stored.state, b"the session's nonce");
    let next = field.next_message(device, key, NOON + SECOND).await;
    let next = SessionCommit { state: b"next".to_vec(), alerts: vec![alert(1224), alert(1226)], ..next };
    field.store.commit_session(next.clone()).await.unwrap();
    let last = SessionStart::GoesOn { revision: 1 };
    let last = SessionCommit { start: last, messages: 3, alerts: Vec::new(), now: NOON + MINUTE, ..next };
    field.store.commit_session(ended(last)).await.unwrap();
    let record = field.store.session(key).await.unwrap();
    assert_eq!((record.session_id.as_str(), record.messages), ("A1", 3));
    assert_eq!(
        (record.started_at, record.heard_at, record.ended_at),
        (NOON, NOON + MINUTE, Some(NOON + MINUTE))
    );
    assert_eq!((record.ending.as_deref(), record.trace, record.parent), (Some("completed"), trace(7), None));
    assert_eq!(record.alerts, [alert(1201), alert(1224), alert(1226)]);
    assert!(!record.eventful);
    let stored = field.store.visitor(&name).await.unwrap().device_session.unwrap();
    assert!(stored.ended && stored.state == b"next", "the last reply is kept");
    assert_eq!(field.store.session(field.store.new_id()).await.unwrap_err(), Error::NotFound);
    assert_eq!(field.store.visitor(&"two".parse().unwrap()).await.unwrap_err(), Error::NotFound);
}

pub(crate) async fn a_stale_revision_is_a_conflict(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let (key, _) = field.open_session(device, NOON).await;
    let next = field.next_message(device, key, NOON + SECOND).await;
    field.store.commit_session(next.clone()).await.unwrap();
    let again = field.store.commit_session(next).await.map(|_| ());
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(field.store.session(key).await.unwrap().messages, 2);
}

pub(crate) async fn a_newer_session_supersedes(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let (first, _) = field.open_session(device, NOON).await;
    let user = SessionCommit { scope: SessionScope::User, ..field.start(device, NOON).await };
    let user = SessionCommit { start: SessionStart::Starts { newest: None }, ..user };
    field.store.commit_session(user.clone()).await.unwrap();
    let (second, committed) = field.open_session(device, NOON + MINUTE).await;
    let record = field.store.session(first).await.unwrap();
    assert_eq!(committed.superseded, std::slice::from_ref(&record));
    assert_eq!((record.ending.as_deref(), record.ended_at), (Some("superseded"), Some(NOON + MINUTE)));
    assert_eq!(field.store.session(user.key).await.unwrap().ended_at, None, "the scopes are apart");
    let visitor = field.store.visitor(&"one".parse().unwrap()).await.unwrap();
    assert_eq!(visitor.device_session.unwrap().key, second);
    assert_eq!(visitor.user_session.unwrap().key, user.key);
    let newest: Vec<_> =
        field.store.last_sessions(device, 9).await.unwrap().iter().map(|it| it.key).collect();
    assert_eq!((newest.len(), newest[0]), (3, second));
}

pub(crate) async fn only_one_of_two_starts_wins(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let (one, two) = (field.start(device, NOON).await, field.start(device, NOON).await);
    let replica = field.database.open().await.unwrap();
    let (one, two) = tokio::join!(field.store.commit_session(one), replica.commit_session(two));
    let won = [&one, &two].into_iter().filter(|result| result.is_ok()).count();
    assert_eq!(won, 1, "both were made with the same nonce");
    let lost = one.err().or(two.err()).unwrap();
    assert!(matches!(lost, Error::Conflict(_)), "{lost}");
    assert_eq!(field.database.count("sessions").await, 1);
}

pub(crate) async fn a_message_of_a_superseded_session_comes_too_late(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let (first, _) = field.open_session(device, NOON).await;
    let late = field.next_message(device, first, NOON + MINUTE).await;
    field.open_session(device, NOON + SECOND).await;
    let late = field.store.commit_session(late).await.map(|_| ());
    assert!(matches!(late, Err(Error::Conflict(_))), "{late:?}");
    assert!(field.store.session(first).await.unwrap().ended_at.is_some(), "over is over");
}

pub(crate) async fn a_start_answers_what_was_asked_before(database: Database) {
    let field = Field::new(database).await;
    let (device, other) = (field.device("one").await, field.device("two").await);
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(field.ask(device, NOON).await);
    }
    let elsewhere = field.ask(other, NOON).await;
    let (key, committed) = field.open_session(device, NOON + MINUTE).await;
    let answered: Vec<_> = committed.answered.iter().map(|wake| wake.wake.id()).collect();
    assert_eq!(answered, asked.iter().map(|asked| asked.wake.wake.id()).collect::<Vec<_>>(), "oldest first");
    let answer = Answer { session: key, attribution: Attribution::Coincidence, push: None };
    for asked in &asked {
        let end = field.again(asked).await.wake.end().unwrap();
        assert_eq!((end.at, end.outcome), (NOON + MINUTE, Outcome::Answered(answer)));
    }
    assert!(field.store.session(key).await.unwrap().eventful, "it answered");
    assert_eq!(field.again(&elsewhere).await.wake.end(), None);
    let next = field.next_message(device, key, NOON + MINUTE).await;
    let later = field.ask(device, NOON + MINUTE).await;
    let committed = field.store.commit_session(next).await.unwrap();
    assert!(committed.answered.is_empty(), "it was asked for after the start");
    assert_eq!(field.again(&later).await.wake.end(), None);
}

pub(crate) async fn a_start_answers_everything_made_before_it_and_nothing_after(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let device = field.live_device("one").await;
    let start = field.start(device, NOON).await;
    let asks = (0..60).map(|n| {
        let store = if n % 2 == 0 { &field.store } else { &replica };
        store.ask(field.wake(device, NOON))
    });
    let halfway = async {
        let mut changed = field.store.changed();
        changed.changed().await.unwrap();
        replica.commit_session(start).await.unwrap()
    };
    let (_, committed) = tokio::join!(join_all(asks), halfway);
    let events = field.events().await;
    let seq = |wake, kind| {
        events.iter().find(|event| event.wake == wake && event.kind == kind).map(|event| event.seq)
    };
    let mut answered = 0;
    let last_answer = committed
        .answered
        .iter()
        .filter_map(|wake| seq(wake.wake.id(), EventKind::Answered))
        .max()
        .unwrap_or(0);
    for event in events.iter().filter(|event| event.kind == EventKind::Asked) {
        match field.store.wake(event.wake).await.unwrap().wake.end() {
            Some(_) => {
                answered += 1;
                assert!(seq(event.wake, EventKind::Answered).unwrap() > event.seq, "asked before the answer");
            }
            None => assert!(event.seq > last_answer, "live: asked after the start"),
        }
    }
    assert_eq!(answered, committed.answered.len());
    let (_, second) = field.open_session(device, NOON + MINUTE).await;
    assert_eq!(second.answered.len() + answered, 60, "the next session answers the rest");
}

pub(crate) async fn sessions_are_attributed(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let table = [
        (Origin::Unknown, MINUTE, Attribution::Likely),
        (Origin::Push, MINUTE * 30, Attribution::Confirmed),
        (Origin::Other, MINUTE, Attribution::Coincidence),
        (Origin::Unknown, MINUTE * 30, Attribution::Coincidence),
    ];
    let mut now = NOON;
    for (origin, after, attribution) in table {
        now = now + HOUR * 5;
        let asked = field.ask(device, now).await;
        let push = field.push(now).await;
        let start = SessionCommit { origin, ..field.start(device, now + after).await };
        let key = start.key;
        field.store.commit_session(ended(start)).await.unwrap();
        let push = (attribution != Attribution::Coincidence).then_some(push);
        let end = field.again(&asked).await.wake.end().unwrap();
        assert_eq!(end.outcome, Outcome::Answered(Answer { session: key, attribution, push }), "{origin:?}");
        assert_eq!(field.events().await.last().unwrap().push, push);
    }
}

pub(crate) async fn a_user_session_answers_nothing(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    let user = SessionCommit { scope: SessionScope::User, ..field.start(device, NOON).await };
    let user = SessionCommit { start: SessionStart::Starts { newest: None }, ..user };
    let committed = field.store.commit_session(user).await.unwrap();
    assert!(committed.answered.is_empty());
    assert_eq!(field.again(&asked).await.wake.end(), None);
    assert_eq!(field.claim(NOON).await.len(), 1, "and holds no pushes");
}

pub(crate) async fn a_session_joins_the_trace_of_the_oldest_wake(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let oldest = AskWake { trace: trace(3), parent: Some(trace(2)), ..field.wake(device, NOON) };
    let oldest = field.store.ask(oldest).await.unwrap().unwrap();
    assert_eq!(field.again(&oldest).await.parent, Some(trace(2)));
    field.store.ask(AskWake { trace: trace(4), ..field.wake(device, NOON) }).await.unwrap().unwrap();
    let (key, committed) = field.open_session(device, NOON).await;
    assert_eq!((committed.trace.trace_id, committed.trace.span_id), ([3; 16], [7; 8]));
    assert!(committed.trace.sampled(), "the wake's decision");
    let record = field.store.session(key).await.unwrap();
    assert_eq!((record.trace, record.parent), (committed.trace, Some(trace(3))));
    assert_eq!(record.links, [trace(4)], "the others");
    let visitor = field.store.visitor(&"one".parse().unwrap()).await.unwrap();
    let stored = visitor.device_session.unwrap();
    assert_eq!((stored.parent, stored.links), (Some(trace(3)), vec![trace(4)]));
}

pub(crate) async fn a_device_unenrolls_and_comes_back(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let (key, _) = field.open_session(device, NOON).await;
    let asked = field.ask(device, NOON).await;
    let mut leaving = field.next_message(device, key, NOON + SECOND).await;
    let mut channel = field.store.visitor(&"one".parse().unwrap()).await.unwrap().channel;
    channel.channel.forget(NOON + SECOND);
    (leaving.unenrolled, leaving.channel, leaving.ending) = (true, Some(channel), Some("unenrolled"));
    let committed = field.store.commit_session(leaving).await.unwrap();
    let ended: Vec<_> = committed.ended.iter().map(|wake| wake.wake.id()).collect();
    assert_eq!(ended, [asked.wake.wake.id()]);
    let end = field.again(&asked).await.wake.end().unwrap();
    assert_eq!(end.outcome, Outcome::Unanswered(EndReason::Unenrolled));
    let found = field.store.device(&DeviceRef::Id(device)).await.unwrap();
    assert_eq!(
        (found.device.unenrolled_at, found.channel.state()),
        (Some(NOON + SECOND), ChannelState::Unset)
    );
    let refused = field.store.ask(field.wake(device, NOON + MINUTE)).await.unwrap();
    assert_eq!(refused.unwrap_err(), Refused::Unenrolled);
    field.open_session(device, NOON + HOUR).await;
    let found = field.store.device(&DeviceRef::Id(device)).await.unwrap().device;
    assert_eq!(found.unenrolled_at, None, "an authenticated session re-enrolls it");
    assert_eq!(field.ask(device, NOON + HOUR).await.expectation, Expectation::WaitsForSession);
}

pub(crate) async fn wakes_wait_for_an_open_session(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let (key, _) = field.open_session(device, NOON).await;
    let asked = field.ask(device, NOON + SECOND * 10).await;
    assert_eq!(asked.expectation, Expectation::GatedUntil(NOON + MINUTE));
    assert!(field.claim(NOON + SECOND * 59).await.is_empty());
    let next = field.next_message(device, key, NOON + SECOND * 30).await;
    field.store.commit_session(next.clone()).await.unwrap();
    assert!(field.claim(NOON + SECOND * 89).await.is_empty(), "it was heard again");
    let last = SessionStart::GoesOn { revision: 1 };
    let last = SessionCommit { start: last, now: NOON + SECOND * 40, ..next };
    field.store.commit_session(ended(last)).await.unwrap();
    assert!(field.claim(NOON + SECOND * 44).await.is_empty());
    assert_eq!(field.claim(NOON + SECOND * 45).await.len(), 1, "five seconds after its end");
}

pub(crate) async fn a_silent_open_session_holds_for_a_minute(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.open_session(device, NOON).await;
    let asked = field.ask(device, NOON + MINUTE).await;
    assert_eq!(asked.expectation, Expectation::PushNow, "nothing was heard for a minute");
    assert_eq!(field.claim(NOON + MINUTE).await.len(), 1);
}

pub(crate) async fn an_open_session_may_satisfy_a_wake(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let ask = |now| AskWake { satisfied_by_open_session: true, ..field.wake(device, now) };
    let (key, _) = field.open_session(device, NOON).await;
    let asked = field.store.ask(ask(NOON + SECOND)).await.unwrap().unwrap();
    assert_eq!(asked.expectation, Expectation::Ended);
    let answer = Answer { session: key, attribution: Attribution::Coincidence, push: None };
    assert_eq!(field.again(&asked).await.wake.end().unwrap().outcome, Outcome::Answered(answer));
    assert!(field.store.session(key).await.unwrap().eventful, "it answered");
    assert_eq!(field.database.count("summonses").await, 0);
    let kinds: Vec<_> = field.events().await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Asked, EventKind::Answered]);
    let late = field.store.ask(ask(NOON + MINUTE)).await.unwrap().unwrap();
    assert_eq!(late.expectation, Expectation::PushNow, "silent for too long");
}

pub(crate) async fn one_uri_belongs_to_the_newest_owner(database: Database) {
    let field = Field::new(database).await;
    let old = field.device("old").await;
    field.go_live(old, "shared", NOON).await;
    let asked = field.ask(old, NOON).await;
    let new = field.device("new").await;
    field.go_live(new, "shared", NOON + MINUTE).await;
    assert_eq!(field.channel(new).await.uri().unwrap().expose(), uri("shared"));
    let lost = field.channel(old).await;
    assert_eq!((lost.state(), lost.uri()), (ChannelState::Unset, None));
    assert!(field.claim(NOON + MINUTE).await.is_empty(), "nobody else's channel is pushed to");
    assert_eq!(field.again(&asked).await.wake.end(), None, "its wake waits for a session");
    field.go_live(new, "another", NOON + HOUR).await;
    field.go_live(old, "shared", NOON + HOUR).await;
    assert_eq!(field.channel(new).await.state(), ChannelState::Live, "no longer the same");
}

pub(crate) async fn one_uri_told_by_two_at_once_belongs_to_one(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let (one, two) = (field.device("one").await, field.device("two").await);
    for n in 0..20 {
        let (now, token) = (NOON + MINUTE * n, format!("shared-{n}"));
        let mut commits = Vec::new();
        for device in [one, two] {
            let channel = Some(field.with_uri(device, &token, now).await);
            commits.push(ended(SessionCommit { channel, ..field.start(device, now).await }));
        }
        let second = commits.pop().unwrap();
        let first = commits.pop().unwrap();
        let (first, second) = tokio::join!(field.store.commit_session(first), replica.commit_session(second));
        assert!(first.is_ok() || second.is_ok(), "{first:?}, {second:?}");
        let owners = [field.channel(one).await, field.channel(two).await];
        let live = owners.iter().filter(|channel| channel.uri().is_some_and(|it| it.expose() == uri(&token)));
        assert_eq!(live.count(), 1, "round {n}");
    }
}

pub(crate) async fn a_channel_is_written_over_the_revision_that_was_read(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let stale = field.with_uri(device, "stale", NOON).await;
    let asked = field.ask(device, NOON).await;
    field.push(NOON).await;
    let start = SessionCommit { channel: Some(stale), ..field.start(device, NOON).await };
    let key = start.key;
    let refused = field.store.commit_session(start).await.map(|_| ());
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(field.again(&asked).await.wake.end(), None, "nothing of it was stored");
    assert_eq!(field.store.session(key).await.unwrap_err(), Error::NotFound);
}

pub(crate) async fn what_a_device_says_of_itself_is_kept(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let said = DeviceInfo {
        manufacturer: Some("Contoso".into()),
        os_version: Some("10.0.19045".into()),
        large_objects: Some(false),
        ..DeviceInfo::default()
    };
    let start = field.start(device, NOON).await;
    let first = SessionCommit { info: said.clone(), detail_read: true, ..start };
    field.store.commit_session(ended(first)).await.unwrap();
    let more = DeviceInfo { language: Some("de-DE".into()), ..DeviceInfo::default() };
    let second = SessionCommit { info: more, ..field.start(device, NOON + HOUR).await };
    field.store.commit_session(ended(second)).await.unwrap();
    let known = field.store.device(&DeviceRef::Id(device)).await.unwrap().device;
    assert_eq!(known.info, DeviceInfo { language: Some("de-DE".into()), ..said });
    assert_eq!((known.detail_read_at, known.last_seen_at), (Some(NOON), Some(NOON + HOUR)));
}

pub(crate) async fn what_became_of_commands_is_recorded(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let outcome = |n: usize, status| RecordedOutcome {
        command: "before".into(),
        target: Some(format!("./DevDetail/{n}")),
        status,
        original_error: status.filter(|code| *code >= 400).map(|_| "0x86000002".into()),
    };
    let first = vec![outcome(0, Some(200)), outcome(1, None)];
    let start = SessionCommit {
        mode: Some("Maintenance".into()),
        platform: Some("WoA".into()),
        outcomes: first.clone(),
        ignored: 2,
        ..field.start(device, NOON).await
    };
    let key = start.key;
    field.store.commit_session(start).await.unwrap();
    let next = field.next_message(device, key, NOON + SECOND).await;
    let more: Vec<_> = (2..70).map(|n| outcome(n, Some(404))).collect();
    let next = SessionCommit { outcomes: more.clone(), ignored: 1, ..next };
    field.store.commit_session(next).await.unwrap();
    let silent = field.next_message(device, key, NOON + SECOND).await;
    let silent = SessionCommit { start: SessionStart::GoesOn { revision: 1 }, ..silent };
    field.store.commit_session(silent).await.unwrap();
    let record = field.store.session(key).await.unwrap();
    assert_eq!((record.mode.as_deref(), record.platform.as_deref()), (Some("Maintenance"), Some("WoA")));
    assert_eq!(record.outcomes, [first, more[..62].to_vec()].concat(), "the first ones, in order");
    assert_eq!(record.ignored, 3);
}

pub(crate) async fn what_nobody_answered_is_recorded_as_unknown(database: Database) {
    let field = Field::new(database).await;
    let unknown = |n: usize| RecordedOutcome {
        command: "before".into(),
        target: Some(format!("./DevDetail/{n}")),
        status: None,
        original_error: None,
    };
    let answered = RecordedOutcome { status: Some(200), ..unknown(0) };
    let [replaced, silent, orderly] =
        [field.device("replaced").await, field.device("silent").await, field.device("orderly").await];
    let mut keys = Vec::new();
    for device in [replaced, silent, orderly] {
        let start =
            SessionCommit { outstanding: vec![unknown(0), unknown(1)], ..field.start(device, NOON).await };
        let key = start.key;
        field.store.commit_session(start).await.unwrap();
        let mut next = field.next_message(device, key, NOON + SECOND).await;
        // One of the two is answered.
        next = SessionCommit { outcomes: vec![answered.clone()], outstanding: vec![unknown(1)], ..next };
        if device == orderly {
            next = ended(SessionCommit { outstanding: Vec::new(), ..next });
        }
        field.store.commit_session(next).await.unwrap();
        let open = field.store.session(key).await.unwrap();
        assert_eq!(
            open.outcomes,
            std::slice::from_ref(&answered),
            "nothing is said of it while it may be answered"
        );
        keys.push(key);
    }
    for device in [replaced, orderly] {
        let start = field.start(device, NOON + MINUTE).await;
        for superseded in field.store.commit_session(start).await.unwrap().superseded {
            assert_eq!(superseded.outcomes, [answered.clone(), unknown(1)], "told to whoever reports it");
        }
    }
    let over = field.store.end_silent_sessions(NOON + MINUTE * 15 + SECOND).await.unwrap();
    assert_eq!(over.iter().map(|over| over.key).collect::<Vec<_>>(), [keys[1]]);
    assert_eq!(over[0].outcomes, [answered.clone(), unknown(1)]);
    for (key, expect) in keys.into_iter().zip([
        vec![answered.clone(), unknown(1)],
        vec![answered.clone(), unknown(1)],
        vec![answered],
    ]) {
        assert_eq!(field.store.session(key).await.unwrap().outcomes, expect);
    }
}

pub(crate) async fn uneventful_sessions_are_few(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let mut eventful = Vec::new();
    let mut last = Vec::new();
    for n in 0..12 {
        let start = field.start(device, NOON + HOUR * n).await;
        let start = SessionCommit { eventful: n % 4 == 0, ..start };
        if start.eventful { &mut eventful } else { &mut last }.push(start.key);
        field.store.commit_session(ended(start)).await.unwrap();
    }
    let kept: Vec<_> = field.store.last_sessions(device, 99).await.unwrap().iter().map(|it| it.key).collect();
    assert!(eventful.iter().all(|key| kept.contains(key)), "what is worth keeping stays");
    let uneventful: Vec<_> = last.iter().filter(|key| kept.contains(key)).collect();
    assert_eq!(uneventful, last[last.len() - 5..].iter().collect::<Vec<_>>());
}

pub(crate) async fn sessions_are_paged_newest_first(database: Database) {
    let field = Field::new(database).await;
    let (device, other) = (field.device("one").await, field.device("two").await);
    let mut keys = Vec::new();
    // Three in a row start within the same microsecond.
    for minute in [1, 2, 2, 2, 3] {
        let commit = SessionCommit { eventful: true, ..field.start(device, NOON + MINUTE * minute).await };
        keys.insert(0, commit.key);
        field.store.commit_session(ended(commit)).await.unwrap();
    }
    field.open_session(other, NOON).await;
    let mut found = Vec::new();
    let mut request = PageRequest { size: 2, after: None };
    loop {
        let page = field.store.sessions(device, &request).await.unwrap();
        found.extend(page.items.into_iter().map(|session| session.key));
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(found, keys, "each once");
    let wrong = PageRequest { size: 2, after: Some("x".into()) };
    assert_eq!(field.store.sessions(device, &wrong).await.unwrap_err(), Error::NotFound);
}

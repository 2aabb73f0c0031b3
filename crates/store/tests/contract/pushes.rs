//! Claims and verdicts.

use std::time::Duration;

use futures_util::future::join_all;
use model::{Priority, Timestamp};
use push::{ChannelState, Door, EndReason, Exchange, Mode, Outcome, TokenTrouble, WnsResponse};
use store::{AskWake, ClaimRequest, ClaimedPush, DeviceRef, EventKind, Expectation, PushRecord};

use crate::{
    database::Database,
    field::{
        DAY, Field, HOUR, MINUTE, NOON, SECOND, app, claim_of, received, responded, result, said, trace, uri,
    },
};

pub(crate) async fn only_what_is_due_is_claimed(database: Database) {
    let field = Field::new(database).await;
    let (device, fresh) = (field.live_device("one").await, field.device("fresh").await);
    field.ask(device, NOON).await;
    field.ask(fresh, NOON).await;
    let first = field.claim_one(NOON).await;
    assert_eq!((first.device, first.device_name.as_str(), first.attempt), (device, "one", 1));
    assert_eq!((first.uri.expose(), first.generation, first.ttl), (uri("one").as_str(), 1, HOUR));
    assert!(field.claim(NOON + MINUTE * 30).await.is_empty(), "one in flight, one without a channel");
    field.store.conclude(result(&first, received(), NOON)).await.unwrap();
    assert!(field.claim(NOON + MINUTE * 10 - SECOND).await.is_empty(), "the answer window");
    let due = field.store.next_due(&app(), Priority::Interactive).await.unwrap();
    assert_eq!(due, Some(NOON + MINUTE * 10));
    let second = field.claim_one(NOON + MINUTE * 10).await;
    assert_eq!((second.attempt, second.ttl), (2, MINUTE * 50));
}

pub(crate) async fn a_claim_takes_its_own_priority_and_app(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let ask = AskWake { priority: Priority::Bulk, ..field.wake(device, NOON) };
    field.store.ask(ask).await.unwrap().unwrap();
    let bulk = || ClaimRequest { priority: Priority::Bulk, ..claim_of(&field.store, 5, NOON) };
    assert!(field.claim(NOON).await.is_empty());
    let spare = ClaimRequest { app: "spare".parse().unwrap(), ..bulk() };
    assert!(field.store.claim(spare).await.unwrap().is_empty());
    assert_eq!(field.store.claim(bulk()).await.unwrap().len(), 1);
    let other = field.live_device("two").await;
    let ask = AskWake { priority: Priority::Bulk, ..field.wake(other, NOON) };
    field.store.ask(ask).await.unwrap().unwrap();
    let renamed = ClaimRequest { pfn: "App_2".parse().unwrap(), ..bulk() };
    assert!(field.store.claim(renamed).await.unwrap().is_empty(), "the channel is another app's");
    assert!(field.store.claim(bulk()).await.unwrap().is_empty(), "and is looked at again later");
    let due = field.store.next_due(&app(), Priority::Bulk).await.unwrap();
    assert_eq!(due, Some(NOON + MINUTE));
}

pub(crate) async fn a_claim_is_bounded(database: Database) {
    let field = Field::new(database).await;
    for n in 0..5 {
        let device = field.live_device(&format!("{n}")).await;
        field.ask(device, NOON + SECOND * n).await;
    }
    let later = NOON + MINUTE;
    for left in [2, 2, 1, 0] {
        let claimed = field.store.claim(claim_of(&field.store, 2, later)).await.unwrap();
        assert_eq!(claimed.len(), left);
    }
    assert!(field.store.claim(claim_of(&field.store, 0, later)).await.unwrap().is_empty());
}

pub(crate) async fn replicas_never_claim_the_same(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    for n in 0..30 {
        let device = field.live_device(&format!("{n}")).await;
        field.ask(device, NOON).await;
    }
    let claims = (0..20).map(|n| {
        let store = if n % 2 == 0 { &field.store } else { &replica };
        store.claim(claim_of(store, 4, NOON))
    });
    let claimed = join_all(claims).await.into_iter().flat_map(Result::unwrap);
    let mut devices: Vec<_> = claimed.map(|push| push.device).collect();
    // What a neighbour held at that moment was skipped; it is still there.
    loop {
        let rest = field.claim(NOON).await;
        if rest.is_empty() {
            break;
        }
        devices.extend(rest.into_iter().map(|push| push.device));
    }
    devices.sort_unstable();
    let all = devices.len();
    devices.dedup();
    assert_eq!((all, devices.len()), (30, 30));
    assert_eq!(field.database.count("pushes").await, 30);
}

pub(crate) async fn the_intent_is_recorded_before_the_push(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    let claimed = field.claim_one(NOON + SECOND).await;
    let pushes = field.store.pushes(&asked.wake).await.unwrap();
    let [push] = pushes.as_slice() else { panic!("{pushes:?}") };
    assert_eq!((push.id, push.generation, push.attempt, push.ttl_seconds), (claimed.id, 1, 1, 3_599));
    assert_eq!((push.claimed_at, push.finished_at, &push.verdict), (NOON + SECOND, None, &None));
    let answer = WnsResponse {
        status: 200,
        notification_status: Some("received".into()),
        connection: Some(push::ConnectionStatus::Disconnected),
        message_id: Some("M".into()),
        debug_trace: Some("D".into()),
        error_description: Some("E".into()),
        ..WnsResponse::default()
    };
    let verdict = result(&claimed, Exchange::Responded(answer), NOON + SECOND * 2);
    let judged = field.store.conclude(verdict).await.unwrap();
    assert!(judged.verdict.accepted() && judged.failed.is_empty());
    let push = field.store.pushes(&asked.wake).await.unwrap().remove(0);
    assert_eq!((push.finished_at, push.http_status), (Some(NOON + SECOND * 2), Some(200)));
    let texts = [
        (&push.verdict, "sent"),
        (&push.notification_status, "received"),
        (&push.connection_status, "disconnected"),
        (&push.message_id, "M"),
        (&push.debug_trace, "D"),
        (&push.ms_cv, "sent.0"),
        (&push.description, "E"),
    ];
    for (text, expect) in texts {
        assert_eq!(text.as_deref(), Some(expect));
    }
    let kinds: Vec<_> = field.events().await.iter().map(|event| (event.kind, event.push)).collect();
    assert_eq!(kinds, [(EventKind::Asked, None), (EventKind::Pushed, Some(claimed.id))]);
}

pub(crate) async fn a_push_has_its_span_before_it_goes(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let first = AskWake { trace: trace(1), ..field.wake(device, NOON) };
    let second = AskWake { trace: trace(3), ..field.wake(device, NOON) };
    let mut asked = Vec::new();
    for ask in [first, second] {
        asked.push(field.store.ask(ask).await.unwrap().unwrap().wake);
    }
    let push = field.claim_one(NOON).await;
    assert_eq!((push.parent, push.trace.trace_id, push.trace.flags), (trace(1), [1; 16], 1));
    assert!(push.trace.span_id != push.parent.span_id && push.trace.span_id != [0; 8]);
    let replica = field.database.open().await.unwrap();
    for wake in &asked {
        let record = replica.pushes(wake).await.unwrap().remove(0);
        assert_eq!((record.trace, record.parent), (Some(push.trace), Some(push.parent)));
    }
    field.store.conclude(result(&push, received(), NOON)).await.unwrap();
    let again = field.claim_one(NOON + MINUTE * 10).await;
    assert_eq!(again.parent, trace(1));
    assert_ne!(again.trace, push.trace, "each push has a span of its own");
}

pub(crate) async fn every_verdict_leaves_its_state(database: Database) {
    let field = Field::new(database).await;
    let text = || "why".to_owned();
    let no_token = |trouble| Exchange::NoToken(trouble);
    let refused = TokenTrouble::Credential { description: text() };
    let away = TokenTrouble::Unavailable { retry_after: Some(MINUTE * 3), description: text() };
    let blocked =
        WnsResponse { status: 410, reason: Some("Domain Blocked".into()), ..WnsResponse::default() };
    let never = Timestamp::MAX;
    // What came back; the verdict; the channel's state; when the next push is due (until the wake's end: an hour).
    let table = [
        (received(), "sent", "live", MINUTE * 10),
        (responded(200), "sent_unknown", "live", MINUTE * 10),
        (said("dropped"), "dropped", "live", MINUTE),
        (said("channelthrottled"), "channel_throttled", "live", MINUTE * 10),
        (responded(404), "channel_dead", "dead", HOUR),
        (responded(410), "channel_dead", "dead", HOUR),
        (responded(403), "mismatch", "live", HOUR),
        (responded(500), "failed", "live", SECOND),
        (Exchange::NotSent(text()), "failed", "live", SECOND * 2),
        (Exchange::Ambiguous(text()), "ambiguous", "live", MINUTE),
        (responded(429), "app_throttled", "live", Duration::ZERO),
        (no_token(away), "token_unavailable", "live", Duration::ZERO),
        (responded(401), "credential_fault", "live", Duration::ZERO),
        (no_token(refused), "credential_fault", "live", Duration::ZERO),
        (Exchange::Responded(blocked), "app_blocked", "live", Duration::ZERO),
    ];
    for (n, (exchange, verdict, state, wait)) in table.into_iter().enumerate() {
        let now = NOON + HOUR * u32::try_from(n).unwrap();
        let device = field.live_device(&format!("{n}")).await;
        let asked = field.ask(device, now).await;
        let push = field.claim_one(now).await;
        let kind = if verdict.starts_with("sent") { EventKind::Pushed } else { EventKind::PushFailed };
        let judged = field.store.conclude(result(&push, exchange.clone(), now)).await.unwrap();
        assert_eq!(judged.verdict.name(), verdict);
        let stored = field.store.pushes(&asked.wake).await.unwrap().remove(0);
        assert_eq!(stored.verdict.as_deref(), Some(verdict));
        assert_eq!(field.channel(device).await.state().name(), state, "{exchange:?}");
        assert_eq!(field.events().await.last().unwrap().kind, kind);
        let due = field.store.next_due(&app(), Priority::Interactive).await.unwrap();
        let expect = if verdict == "failed" { due.unwrap().min(now + SECOND * 2) } else { now + wait };
        assert_eq!(due, Some(expect), "{exchange:?}");
        let condition = field.store.push_app(&app()).await.unwrap().condition;
        let until = match verdict {
            "app_blocked" => Some(never),
            "app_throttled" | "token_unavailable" => condition.gate_until(),
            "credential_fault" => Some(now + MINUTE * if responded(401) == exchange { 1 } else { 2 }),
            _ => None,
        };
        match until {
            Some(until) => assert_eq!(condition.door(now), Door::Shut(until), "{exchange:?}"),
            None => assert!(!matches!(condition.door(now), Door::Shut(_)), "{exchange:?}"),
        }
        assert_eq!(field.again(&asked).await.wake.end(), None);
        field.store.cancel_wake(asked.wake.wake.id(), now).await.unwrap();
    }
}

pub(crate) async fn a_verdict_about_an_older_channel_changes_nothing(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    field.go_live(device, "newer", NOON + SECOND).await;
    field.store.conclude(result(&push, responded(410), NOON + SECOND * 2)).await.unwrap();
    let channel = field.channel(device).await;
    assert_eq!((channel.state(), channel.generation()), (ChannelState::Live, 2));
    assert_eq!(channel.uri().unwrap().expose(), uri("newer"));
}

pub(crate) async fn a_late_verdict_serves_no_other_summons(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    let start = field.start(device, NOON + SECOND).await;
    field.store.commit_session(crate::field::ended(start)).await.unwrap();
    let later = field.ask(device, NOON + MINUTE).await;
    field.store.conclude(result(&push, responded(400), NOON + MINUTE)).await.unwrap();
    assert_eq!(field.again(&later).await.wake.end(), None, "the malformed push was not for it");
    assert_eq!(field.events().await.last().unwrap().kind, EventKind::Asked);
    assert!(field.store.pushes(&later.wake).await.unwrap().is_empty());
    assert_eq!(field.claim(NOON + MINUTE * 2).await.len(), 1, "it has its own");
}

pub(crate) async fn a_malformed_push_fails_its_wakes(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let (one, two) = (field.ask(device, NOON).await, field.ask(device, NOON).await);
    let push = field.claim_one(NOON).await;
    let judged = field.store.conclude(result(&push, responded(400), NOON)).await.unwrap();
    let failed: Vec<_> = judged.failed.iter().map(|wake| wake.wake.id()).collect();
    assert_eq!(failed, [one.wake.wake.id(), two.wake.wake.id()]);
    let end = field.again(&one).await.wake.end().unwrap();
    assert_eq!(end.outcome, Outcome::Failed(EndReason::MalformedPush));
    assert_eq!(field.events().await.last().unwrap().kind, EventKind::Failed);
    assert_eq!(field.database.count("summonses").await, 0);
}

pub(crate) async fn again_and_again_malformed_is_the_apps_fault(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let patience = u32::from(field.store.rules().app_patience);
    for n in 1..=patience {
        // Hours apart, so that the channel's pace does not matter.
        let now = NOON + HOUR * n;
        let asked = field.ask(device, now).await;
        let push = field.claim_one(now).await;
        let judged = field.store.conclude(result(&push, responded(413), now)).await.unwrap();
        assert_eq!(judged.failed.len(), usize::from(n < patience), "the {n}th");
        assert_eq!(field.again(&asked).await.wake.end().is_none(), n == patience, "the last one waits");
    }
    let condition = field.store.push_app(&app()).await.unwrap().condition;
    assert!(condition.fault().is_some());
}

pub(crate) async fn a_verdict_outlives_its_device(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    field.store.delete_device(&DeviceRef::Id(device), None, NOON).await.unwrap().unwrap();
    let judged = field.store.conclude(result(&push, responded(429), NOON)).await.unwrap();
    assert!(judged.failed.is_empty());
    assert!(judged.condition.unwrap().gate_until().is_some(), "what it says of the app counts");
    let stored = field.store.pushes(&asked.wake).await.unwrap().remove(0);
    assert_eq!(stored.verdict.as_deref(), Some("app_throttled"));
    field.store.hand_back(field.store.new_id(), device, NOON).await.unwrap();
}

pub(crate) async fn a_push_that_was_handed_back_never_happened(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    field.store.hand_back(push.id, device, NOON + SECOND).await.unwrap();
    assert!(field.store.pushes(&asked.wake).await.unwrap().is_empty());
    let again = field.claim_one(NOON + SECOND).await;
    assert_eq!(again.attempt, 1, "it did not count");
    field.store.hand_back(push.id, device, NOON + SECOND).await.unwrap();
    assert!(field.claim(NOON + MINUTE).await.is_empty(), "an old hand-back frees no newer claim");
    field.store.conclude(result(&again, received(), NOON + SECOND)).await.unwrap();
    // Also if its summons ended meanwhile; however often, that makes no burst.
    field.go_live(device, "one", NOON + MINUTE).await;
    for n in 1..10 {
        let now = NOON + MINUTE + SECOND * n;
        let asked = field.ask(device, now).await;
        let push = field.claim_one(now).await;
        field.store.cancel_wake(asked.wake.wake.id(), now).await.unwrap();
        let next = field.ask(device, now).await;
        assert!(matches!(next.expectation, Expectation::GatedUntil(_)), "{:?}", next.expectation);
        field.store.hand_back(push.id, device, now).await.unwrap();
        let due = field.store.next_due(&app(), Priority::Interactive).await.unwrap();
        assert_eq!(due, Some(now), "the summons after it need not keep its distance");
        field.store.cancel_wake(next.wake.wake.id(), now).await.unwrap();
    }
}

pub(crate) async fn the_gap_outlives_the_wake(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let first = field.ask(device, NOON).await;
    field.push(NOON).await;
    field.store.cancel_wake(first.wake.wake.id(), NOON + SECOND).await.unwrap();
    let second = field.ask(device, NOON + SECOND).await;
    assert_eq!(second.expectation, Expectation::GatedUntil(NOON + MINUTE));
    assert!(field.claim(NOON + MINUTE - SECOND).await.is_empty(), "nobody has answered the first push yet");
    field.push(NOON + MINUTE).await;
    let soon = NOON + MINUTE + SECOND;
    field.go_live(device, "one", soon).await;
    let third = field.ask(device, soon + SECOND).await;
    assert_eq!(third.expectation, Expectation::PushNow, "the device came");
    assert_eq!(field.claim(soon + SECOND).await.len(), 1, "although the gap is not over");
}

pub(crate) async fn a_lost_lease_counts(database: Database) {
    let field = Field::new(database).await;
    let (device, other) = (field.live_device("one").await, field.live_device("two").await);
    let traced = async |device, n, now| {
        let ask = AskWake { trace: trace(n), ..field.wake(device, now) };
        field.store.ask(ask).await.unwrap().unwrap().wake.wake.id()
    };
    for device in [device, other] {
        for n in [1, 2, 3] {
            let wake = traced(device, n, NOON - SECOND).await;
            if n == 2 {
                field.store.cancel_wake(wake, NOON - SECOND).await.unwrap();
            }
        }
    }
    let short = ClaimRequest { lease: Duration::ZERO, ..claim_of(&field.store, 1, NOON) };
    let lost = field.store.claim(short).await.unwrap().remove(0);
    traced(lost.device, 4, NOON).await;
    let kept = field.claim_one(NOON).await;
    let freed = field.store.expire_leases(NOON + SECOND).await.unwrap();
    let [told] = freed.as_slice() else { panic!("{freed:?}") };
    assert_eq!((told.push.id, told.push.trace), (lost.id, Some(lost.trace)));
    assert_eq!((told.device, &told.device_name), (lost.device, &lost.device_name));
    assert_eq!(told.wakes, [1, 3, 4].map(trace), "those that waited for it");
    assert!(field.store.expire_leases(NOON + SECOND).await.unwrap().is_empty());
    let record = first_record(&field, &lost).await;
    assert_eq!((record.verdict.as_deref(), record.finished_at), (Some("lease_expired"), Some(NOON + SECOND)));
    assert_eq!(first_record(&field, &kept).await.verdict, None);
    assert!(field.claim(NOON + SECOND * 59).await.is_empty(), "the gap stays");
    let again = field.claim_one(NOON + MINUTE).await;
    assert_eq!((again.device, again.attempt, again.fresh_connection), (lost.device, 2, true));
    let judged = field.store.conclude(result(&lost, received(), NOON + MINUTE)).await.unwrap();
    assert!(judged.told_before, "it was told as lost");
    let judged = field.store.conclude(result(&kept, received(), NOON + MINUTE)).await.unwrap();
    assert!(!judged.told_before, "nobody has told it yet");
    let late = first_record(&field, &lost).await;
    assert_eq!(late.verdict.as_deref(), Some("sent"), "better late than unknown");
}

pub(crate) async fn a_lost_push_is_told_though_its_wake_has_ended(database: Database) {
    let field = Field::new(database).await;
    let mut asked = Vec::new();
    for name in ["answered", "overdue", "cancelled", "deleted", "slow"] {
        let device = field.live_device(name).await;
        asked.push((name, field.ask(device, NOON).await));
    }
    let short = ClaimRequest { lease: Duration::ZERO, ..claim_of(&field.store, 4, NOON) };
    let mut lost = field.store.claim(short).await.unwrap();
    let slow = field.claim_one(NOON).await;
    for (name, asked) in &asked {
        let (device, wake) = (asked.wake.wake.device(), asked.wake.wake.id());
        match *name {
            "answered" => drop(field.open_session(device, NOON + MINUTE).await),
            "cancelled" | "slow" => drop(field.store.cancel_wake(wake, NOON + MINUTE).await.unwrap()),
            "deleted" => {
                let gone = DeviceRef::Id(device);
                drop(field.store.delete_device(&gone, None, NOON + MINUTE).await.unwrap().unwrap());
            }
            _ => {}
        }
    }
    assert_eq!(field.store.end_due_wakes(NOON + HOUR).await.unwrap().len(), 1);
    assert_eq!(field.database.count("summonses").await, 0);
    let mut told = field.store.expire_leases(NOON + HOUR).await.unwrap();
    told.sort_by_key(|told| told.push.id);
    lost.sort_by_key(|lost| lost.id);
    assert_eq!(told.len(), lost.len(), "{told:?}");
    for (told, lost) in told.iter().zip(&lost) {
        assert_eq!((told.push.id, told.push.trace), (lost.id, Some(lost.trace)));
        assert_eq!((told.device, &told.device_name), (lost.device, &lost.device_name));
        assert_eq!(told.wakes, [trace(1)]);
        let record = first_record(&field, lost).await;
        assert_eq!(
            (record.verdict.as_deref(), record.finished_at),
            (Some("lease_expired"), Some(NOON + HOUR))
        );
    }
    assert!(field.store.expire_leases(NOON + HOUR).await.unwrap().is_empty(), "each once");
    assert_eq!(first_record(&field, &slow).await.verdict, None, "its lease has not run out");
    for late in [&slow, &lost[0]] {
        field.store.conclude(result(late, received(), NOON + HOUR)).await.unwrap();
        assert_eq!(first_record(&field, late).await.verdict.as_deref(), Some("sent"));
    }
    let leases = "UPDATE pushes SET lease_until = 0 WHERE lease_until IS NOT NULL";
    field.database.execute(leases).await;
    assert!(field.store.expire_leases(NOON + HOUR).await.unwrap().is_empty(), "what ended is not lost");
}

pub(crate) async fn a_push_serves_the_wakes_that_were_live_meanwhile(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let long = AskWake { timeout: DAY, ..field.wake(device, NOON) };
    let first = field.store.ask(long).await.unwrap().unwrap();
    let push = field.claim_one(NOON).await;
    let joined = field.ask(device, NOON + SECOND).await;
    field.store.conclude(result(&push, received(), NOON + SECOND * 2)).await.unwrap();
    let later = field.ask(device, NOON + SECOND * 3).await;
    let second = field.push(NOON + MINUTE * 11).await;
    field.store.cancel_wake(first.wake.wake.id(), NOON + MINUTE * 12).await.unwrap();
    let third = field.push(NOON + MINUTE * 22).await;
    for (asked, expect) in [
        (&first, vec![push.id, second]),
        (&joined, vec![push.id, second, third]),
        (&later, vec![second, third]),
    ] {
        let wake = field.again(asked).await;
        let ids: Vec<_> = field.store.pushes(&wake).await.unwrap().iter().map(|push| push.id).collect();
        assert_eq!(ids, expect);
    }
}

/// What is recorded of the first push for a claimed push's wake.
async fn first_record(field: &Field, push: &ClaimedPush) -> PushRecord {
    field.store.pushes(&push.wakes[0]).await.unwrap().remove(0)
}

pub(crate) async fn an_observed_device_is_not_pushed_to(database: Database) {
    let modes =
        push::Modes { labels: vec![(("ring".into(), "pilot".into()), Mode::On)], ..Default::default() };
    let rules = push::Settings { mode: Mode::Observe, modes, ..push::Settings::default() };
    let field = Field::with_rules(database, rules).await;
    let (device, pilot) = (field.live_device("one").await, field.device("two").await);
    let asked = field.ask(device, NOON).await;
    assert_eq!(asked.expectation, Expectation::WaitsForSession);
    assert_eq!(asked.obstacle, Some(EndReason::PushOff));
    let claimed = field.claim_one(NOON).await;
    assert!(claimed.observed);
    let record = first_record(&field, &claimed).await;
    assert_eq!((record.verdict.as_deref(), record.finished_at), (Some("observed"), Some(NOON)));
    assert_eq!(record.trace, None, "what was not made has no span");
    assert!(field.claim(NOON + MINUTE * 9).await.is_empty(), "as if WNS had taken it");
    assert!(field.store.expire_leases(NOON + HOUR).await.unwrap().is_empty(), "nothing is under way");
    let ended = field.store.end_due_wakes(NOON + HOUR).await.unwrap();
    assert_eq!(ended[0].wake.end().unwrap().outcome, Outcome::Unanswered(EndReason::PushOff));
    field.database.execute("UPDATE devices SET labels = '{\"ring\":\"pilot\"}' WHERE name = 'two'").await;
    field.go_live(pilot, "two", NOON).await;
    field.ask(pilot, NOON + HOUR).await;
    assert!(!field.claim_one(NOON + HOUR).await.observed, "its label says so");
}

pub(crate) async fn a_restart_heeds_the_new_mode(database: Database) {
    let field =
        Field::with_rules(database, push::Settings { mode: Mode::Off, ..push::Settings::default() }).await;
    let device = field.live_device("one").await;
    field.store.beat(NOON).await.unwrap();
    field.ask(device, NOON).await;
    assert!(field.claim(NOON).await.is_empty());
    let again = Field::new(field.database.clone()).await;
    again.store.resume_windows(NOON + SECOND).await.unwrap();
    assert!(!again.claim_one(NOON + SECOND).await.observed);
}

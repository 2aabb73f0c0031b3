//! `WakeService`.

use std::time::Duration;

use model::Priority;
use prost_types::Duration as ProtoDuration;
use push::{Exchange, WnsResponse};
use reveille_api::v1::{
    Attribution, CancelWakeRequest, ChannelState, ExpectationKind, GetWakeRequest, GetWakeResponse,
    ListWakesRequest, PushVerdict, Wake, WakeEndReason, WakePriority, WakeRequest, WakeState,
};
use store::{ClaimRequest, PushResult};
use tonic::{Code, Request};

use crate::field::{Field, invalid, labels, named, pfn, refusal, refused, wake_of};

async fn show(field: &Field, wake: &Wake) -> GetWakeResponse {
    field.wakes().get_wake(GetWakeRequest { id: wake.id.clone() }).await.unwrap().into_inner()
}

#[tokio::test]
async fn a_wake_is_durable_shown_and_cancelled() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let request = WakeRequest {
        priority: WakePriority::Interactive.into(),
        reason: "new policy".into(),
        labels: labels("job", "7"),
        ..wake_of("DEVICE")
    };
    let asked = field.wakes().wake(request).await.unwrap().into_inner();
    let (wake, expectation) = (asked.wake.unwrap(), asked.expectation.unwrap());
    assert_eq!((wake.state(), wake.caller.as_str()), (WakeState::Live, grpc::ANONYMOUS));
    assert_eq!((wake.priority(), wake.reason.as_str()), (WakePriority::Interactive, "new policy"));
    assert_eq!((&wake.labels, wake.device_name.as_str()), (&labels("job", "7"), "DEVICE"));
    assert_eq!(expectation.kind(), ExpectationKind::WaitsForSession, "it has no channel yet");
    assert_eq!(
        (expectation.channel_state(), expectation.obstacle()),
        (ChannelState::Unset, WakeEndReason::NoChannel)
    );
    let (asked_at, deadline) = (wake.ask_time.unwrap(), wake.deadline_time.unwrap());
    assert_eq!(deadline.seconds - asked_at.seconds, 3_600, "an hour, if nothing is said");
    assert_eq!(wake.trace_id.len(), 32);
    let found = show(&field, &wake).await;
    assert_eq!((found.wake.as_ref(), found.expectation), (Some(&wake), Some(expectation)));
    let cancel = async || field.wakes().cancel_wake(CancelWakeRequest { id: wake.id.clone() }).await;
    let cancelled = cancel().await.unwrap().into_inner().wake.unwrap();
    assert_eq!(cancelled.state(), WakeState::Cancelled);
    assert_eq!(cancel().await.unwrap().into_inner().wake.unwrap(), cancelled, "again: as it is");
    assert_eq!(show(&field, &wake).await.expectation, None);
}

#[tokio::test]
async fn the_session_that_comes_answers_and_the_push_is_shown() {
    let field = Field::new().await;
    let device = field.create("DEVICE").await;
    field.go_live("DEVICE").await;
    let asked = field.wakes().wake(wake_of("DEVICE")).await.unwrap().into_inner();
    assert_eq!(asked.expectation.unwrap().kind(), ExpectationKind::PushNow);
    let wake = asked.wake.unwrap();
    let claim = ClaimRequest {
        app: "main".parse().unwrap(),
        pfn: pfn(),
        priority: Priority::Bulk,
        ids: vec![field.store.new_id()],
        lease: Duration::from_mins(1),
        now: field.store.now(),
    };
    let claimed = field.store.claim(claim).await.unwrap().remove(0);
    assert_eq!(show(&field, &wake).await.pushes[0].verdict(), PushVerdict::InFlight);
    let response =
        WnsResponse { status: 200, notification_status: Some("received".into()), ..Default::default() };
    let result = PushResult {
        id: claimed.id,
        device,
        app: "main".parse().unwrap(),
        generation: claimed.generation,
        ttl: claimed.ttl,
        ms_cv: "cv.0".into(),
        exchange: Exchange::Responded(response),
        chance: 0.5,
        now: field.store.now(),
    };
    field.store.conclude(result).await.unwrap();
    let session = field.session("DEVICE").await;
    let key = session.key.to_string();
    field.store.commit_session(session).await.unwrap();
    let found = show(&field, &wake).await;
    let [push] = found.pushes.as_slice() else { panic!("one push") };
    assert_eq!((push.verdict(), push.http_status, push.attempt), (PushVerdict::Sent, 200, 1));
    assert_eq!((push.wns_status.as_str(), push.ms_cv.as_str()), ("received", "cv.0"));
    let ended = found.wake.unwrap();
    let answer = ended.answer.clone().unwrap();
    assert_eq!((ended.state(), answer.session_id.as_str()), (WakeState::Answered, key.as_str()));
    assert_eq!((answer.attribution(), answer.push_id), (Attribution::Likely, push.id.clone()));
    assert_eq!(answer.session_start_time, ended.end_time);
    let status = field.wakes().cancel_wake(CancelWakeRequest { id: wake.id }).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::FailedPrecondition, "WAKE_ENDED"));
}

#[tokio::test]
async fn an_open_session_answers_those_who_say_so() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let session = field.session("DEVICE").await;
    field.store.commit_session(session).await.unwrap();
    let request = WakeRequest { satisfied_by_open_session: true, ..wake_of("DEVICE") };
    let asked = field.wakes().wake(request).await.unwrap().into_inner();
    let wake = asked.wake.unwrap();
    assert_eq!((wake.state(), asked.expectation), (WakeState::Answered, None));
    let answer = wake.answer.unwrap();
    assert_eq!(answer.attribution(), Attribution::Coincidence);
    assert_eq!(answer.time_to_session, Some(ProtoDuration::default()));
    assert_eq!(field.wake("DEVICE").await.state(), WakeState::Live, "the others wait for the next one");
}

#[tokio::test]
async fn a_device_that_left_cannot_be_woken() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut session = field.session("DEVICE").await;
    (session.unenrolled, session.ending) = (true, Some("unenrolled"));
    field.store.commit_session(session).await.unwrap();
    let status = field.wakes().wake(wake_of("DEVICE")).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::FailedPrecondition, "DEVICE_UNENROLLED"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let field = Field::new().await;
    let status = field.wakes().wake(wake_of("NOBODY")).await.unwrap_err();
    let nobody = refused(Code::NotFound, "DEVICE_NOT_FOUND");
    assert_eq!(refusal(&status), nobody);
    let list = ListWakesRequest { device: named("NOBODY"), ..Default::default() };
    assert_eq!(refusal(&field.wakes().list_wakes(list).await.unwrap_err()), nobody);
    let id = || "0190163d-8694-739b-aea5-966c26f8ad91".to_owned();
    let cancelled = field.wakes().cancel_wake(CancelWakeRequest { id: id() }).await.unwrap_err();
    let found = field.wakes().get_wake(GetWakeRequest { id: id() }).await.unwrap_err();
    for status in [cancelled, found] {
        assert_eq!(refusal(&status), refused(Code::NotFound, "WAKE_NOT_FOUND"));
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let field = Field::new().await;
    let check = async |request, fields: &[&str]| {
        let status = field.wakes().wake(request).await.unwrap_err();
        assert_eq!(refusal(&status), invalid(fields));
    };
    let all = WakeRequest {
        device: None,
        timeout: Some(ProtoDuration { seconds: 31 * 86_400, nanos: 0 }),
        priority: 99,
        reason: "x".repeat(257),
        idempotency_key: "x".repeat(256),
        labels: labels("", ""),
        ..Default::default()
    };
    check(all, &["device", "timeout", "priority", "reason", "idempotency_key", "labels"]).await;
    for (seconds, nanos) in [(0, 0), (0, 999_999_999), (-1, 0), (30 * 86_400, 1), (i64::MAX, 0)] {
        let timeout = Some(ProtoDuration { seconds, nanos });
        check(WakeRequest { timeout, ..wake_of("DEVICE") }, &["timeout"]).await;
    }
    let status = field.wakes().get_wake(GetWakeRequest { id: "x".into() }).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["id"]));
    let list = ListWakesRequest { states: vec![99], page_size: -1, ..Default::default() };
    assert_eq!(
        refusal(&field.wakes().list_wakes(list).await.unwrap_err()),
        invalid(&["states", "page_size"])
    );
}

#[tokio::test]
async fn a_key_makes_a_call_safe_to_repeat() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let request = WakeRequest { idempotency_key: "key".into(), reason: "one".into(), ..wake_of("DEVICE") };
    let ask = async |request: &WakeRequest| field.wakes().wake(request.clone()).await;
    let first = ask(&request).await.unwrap().into_inner().wake.unwrap();
    assert_eq!(ask(&request).await.unwrap().into_inner().wake.unwrap(), first);
    let other = WakeRequest { reason: "two".into(), ..request.clone() };
    let status = ask(&other).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::AlreadyExists, "IDEMPOTENCY_MISMATCH"));
    field.wakes().cancel_wake(CancelWakeRequest { id: first.id.clone() }).await.unwrap();
    let again = ask(&request).await.unwrap().into_inner();
    let wake = again.wake.unwrap();
    assert_eq!((wake.id, again.expectation), (first.id, None), "also when it has ended");
    let list = field.wakes().list_wakes(ListWakesRequest::default()).await.unwrap().into_inner();
    assert_eq!(list.wakes.len(), 1);
}

#[tokio::test]
async fn the_callers_trace_goes_on() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut request = Request::new(wake_of("DEVICE"));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let wake = field.wakes().wake(request).await.unwrap().into_inner().wake.unwrap();
    assert_eq!(wake.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(field.wake("DEVICE").await.trace_id, wake.trace_id, "without one, a trace of its own");
}

#[tokio::test]
async fn wakes_are_listed_by_state_and_device() {
    let field = Field::new().await;
    field.create("A").await;
    field.create("B").await;
    let (live, cancelled, other) = (field.wake("A").await, field.wake("A").await, field.wake("B").await);
    field.wakes().cancel_wake(CancelWakeRequest { id: cancelled.id.clone() }).await.unwrap();
    let check = async |states: &[WakeState], device, expect: &[&Wake]| {
        let states = states.iter().map(|&state| state.into()).collect();
        let request = ListWakesRequest { states, device, ..Default::default() };
        let found = field.wakes().list_wakes(request).await.unwrap().into_inner().wakes;
        let ids = |wakes: &mut dyn Iterator<Item = &Wake>| wakes.map(|it| it.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&mut found.iter()), ids(&mut expect.iter().copied()));
    };
    check(&[], None, &[&other, &cancelled, &live]).await;
    check(&[], named("A"), &[&cancelled, &live]).await;
    check(&[WakeState::Live], named("A"), &[&live]).await;
    check(&[WakeState::Cancelled, WakeState::Answered], None, &[&cancelled]).await;
    check(&[WakeState::Live, WakeState::Unspecified], named("B"), &[&other]).await;
    check(&[WakeState::Failed], None, &[]).await;
}

#[tokio::test]
async fn pages_belong_to_their_filter() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, field.wake("DEVICE").await.id);
    }
    let mut seen = Vec::new();
    let mut request = ListWakesRequest { page_size: 2, device: named("DEVICE"), ..Default::default() };
    loop {
        let page = field.wakes().list_wakes(request.clone()).await.unwrap().into_inner();
        seen.extend(page.wakes.into_iter().map(|wake| wake.id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen, ids, "newest first, each once");
    request.states = vec![WakeState::Answered.into()];
    let status = field.wakes().list_wakes(request).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["page_token"]));
}

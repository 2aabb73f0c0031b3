//! Waking, from the call to the session.

use prost_types::Duration as ProtoDuration;
use reveille_api::v1::{
    Attribution, CancelWakeRequest, ChannelState, DeleteDeviceRequest, ExpectationKind, GetPushAppRequest,
    PushVerdict, WakeEndReason, WakeRequest, WakeState,
};
use simulator::{
    device::{Backoff, Ending, Opening},
    wns::{Presence, PushFault, Revocation, Script, TokenFault},
};
use tonic::Code;

use crate::field::{APP, Field, named, wake_of};

const NAME: &str = "0123456789ABCDEF0123456789ABCDEF";

/// The shortest time that a wake may live.
const SOON: ProtoDuration = ProtoDuration { seconds: 1, nanos: 0 };

#[tokio::test]
async fn a_call_wakes_a_device() {
    let mut field = Field::new().await;
    let mut device = field.live(NAME).await;
    assert_eq!(field.device(NAME).await.channel.unwrap().state(), ChannelState::Live);
    let asked = field.ask(wake_of(NAME)).await.unwrap();
    assert_eq!(asked.expectation.unwrap().kind(), ExpectationKind::PushNow);
    let report = field.come_when_pushed(&mut device).await;
    assert_eq!(report.ending, Ending::Completed);
    let found = field.ended(&asked.wake.unwrap().id).await;
    let wake = found.wake.unwrap();
    assert_eq!(wake.state(), WakeState::Answered);
    let answer = wake.answer.unwrap();
    assert_eq!(answer.attribution(), Attribution::Likely);
    let [push] = &found.pushes[..] else { panic!("one push: {:?}", found.pushes) };
    assert_eq!(
        (push.verdict(), push.http_status, push.wns_status.as_str()),
        (PushVerdict::Sent, 200, "received")
    );
    assert_eq!(push.id, answer.push_id);
    assert!(!push.message_id.is_empty() && !push.debug_trace.is_empty() && !push.ms_cv.is_empty());
    let seen = field.wns.last_push().unwrap();
    assert_eq!(seen.body, b"wake");
}

#[tokio::test]
async fn a_410_makes_the_next_session_set_the_pfn_again_and_a_later_wake_succeeds() {
    let mut field = Field::new().await;
    let mut device = field.live(NAME).await;
    let old = device.channel_uri().map(str::to_owned);
    assert_eq!(field.wns.revoke_channels(NAME, Revocation::Expired), 1);
    let first = field.wake(NAME).await;
    field
        .until(&first.id, |found| found.pushes.iter().any(|push| push.verdict() == PushVerdict::ChannelDead))
        .await;
    assert_eq!(field.device(NAME).await.channel.unwrap().state(), ChannelState::Dead);
    field.sync(&mut device).await;
    let found = field.ended(&first.id).await.wake.unwrap();
    assert_eq!(found.answer.unwrap().attribution(), Attribution::Coincidence, "it came by itself");
    let channel = field.device(NAME).await.channel.unwrap();
    assert_eq!((channel.state(), channel.generation), (ChannelState::Live, 2));
    assert_ne!(device.channel_uri().map(str::to_owned), old);
    let second = field.wake(NAME).await;
    field.come_when_pushed(&mut device).await;
    let found = field.ended(&second.id).await.wake.unwrap();
    assert_eq!(found.state(), WakeState::Answered);
}

#[tokio::test]
async fn wakes_share_pushes_but_not_fate() {
    let mut field = Field::new().await;
    let mut device = field.live(NAME).await;
    field.wns.fail_pushes(Script::always(PushFault::Dropped));
    let (first, second) = (field.wake(NAME).await, field.wake(NAME).await);
    let cancelled = field.wakes().cancel_wake(CancelWakeRequest { id: first.id.clone() }).await.unwrap();
    assert_eq!(cancelled.into_inner().wake.unwrap().state(), WakeState::Cancelled);
    assert_eq!(field.look(&second.id).await.wake.unwrap().state(), WakeState::Live);
    field.wns.clear_faults();
    field.come_when_pushed(&mut device).await;
    assert_eq!(field.ended(&second.id).await.wake.unwrap().state(), WakeState::Answered);
    assert_eq!(field.look(&first.id).await.wake.unwrap().state(), WakeState::Cancelled, "ended once");
}

#[tokio::test]
async fn a_wake_without_an_answer_says_why() {
    let field = Field::new().await;
    field.enroll("FRESH").await;
    field.live("OFF").await;
    field.live("DEAF").await;
    field.wns.set_presence("OFF", Presence::Disconnected);
    for (name, expect, reason) in [
        ("FRESH", ExpectationKind::WaitsForSession, WakeEndReason::NoChannel),
        ("OFF", ExpectationKind::PushNow, WakeEndReason::DeviceOffline),
        ("DEAF", ExpectationKind::PushNow, WakeEndReason::NoSession),
    ] {
        let asked = field.ask(WakeRequest { timeout: Some(SOON), ..wake_of(name) }).await.unwrap();
        assert_eq!(asked.expectation.unwrap().kind(), expect, "{name}");
        let wake = field.ended(&asked.wake.unwrap().id).await.wake.unwrap();
        assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, reason), "{name}");
    }
}

#[tokio::test]
async fn a_wake_during_a_session_waits_for_its_end() {
    let mut field = Field::new().await;
    let mut device = field.live(NAME).await;
    let client = field.client();
    // Package 1, the challenge, and package 1 again: a session is open now.
    let first = device.start(Opening::Schedule, model::Timestamp::EPOCH);
    let challenge = client.exchange(&device, Opening::Schedule, first).await.unwrap();
    let simulator::device::Step::Send(second) = device.receive(&challenge, model::Timestamp::EPOCH).unwrap()
    else {
        panic!("the device answers the challenge");
    };
    let reply = client.exchange(&device, Opening::Schedule, second).await.unwrap();
    let asked = field.ask(wake_of(NAME)).await.unwrap();
    assert_eq!(asked.expectation.unwrap().kind(), ExpectationKind::GatedUntil);
    let satisfied =
        field.ask(WakeRequest { satisfied_by_open_session: true, ..wake_of(NAME) }).await.unwrap();
    assert_eq!(satisfied.wake.unwrap().state(), WakeState::Answered, "if that is enough for the caller");
    assert_eq!(field.wns.counters().pushes, 0);
    let simulator::device::Step::Send(third) = device.receive(&reply, model::Timestamp::EPOCH).unwrap()
    else {
        panic!("the device answers the housekeeping");
    };
    let last = client.exchange(&device, Opening::Schedule, third).await.unwrap();
    device.receive(&last, model::Timestamp::EPOCH).unwrap();
    let id = asked.wake.unwrap().id;
    assert_eq!(
        field.look(&id).await.wake.unwrap().state(),
        WakeState::Live,
        "a session that began before is no answer"
    );
    field.come_when_pushed(&mut device).await;
    assert_eq!(field.ended(&id).await.wake.unwrap().state(), WakeState::Answered);
}

#[tokio::test]
async fn trouble_that_passes_delays_a_wake_and_no_more() {
    let faults = [
        PushFault::Dropped,
        PushFault::status(500),
        PushFault::Closed,
        PushFault::status(401),
        PushFault::OddStatus(None),
    ];
    for fault in faults {
        let mut field =
            Field::with(|rules| rules.answer_window = std::time::Duration::from_millis(200)).await;
        let mut device = field.live(NAME).await;
        field.wns.fail_pushes(Script::once(fault.clone()));
        let wake = field.wake(NAME).await;
        field.come_when_pushed(&mut device).await;
        let found = field.ended(&wake.id).await.wake.unwrap();
        assert_eq!(found.state(), WakeState::Answered, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_a_fault_that_heals() {
    let mut field = Field::new().await;
    let mut device = field.live(NAME).await;
    field.wns.fail_tokens(Script::always(TokenFault::no_longer_supported()));
    let wake = field.wake(NAME).await;
    let app = async || {
        let request = GetPushAppRequest { name: APP.to_owned() };
        field.push_apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap()
    };
    field
        .until(&wake.id, |found| {
            found.pushes.iter().any(|push| push.verdict() == PushVerdict::CredentialFault)
        })
        .await;
    let fault = app().await.fault.expect("a fault");
    assert!(fault.description.contains("no longer supported"), "{}", fault.description);
    assert_eq!(field.wns.counters().pushes, 0, "nothing goes out without a token");
    field.wns.clear_faults();
    field.come_when_pushed(&mut device).await;
    assert_eq!(field.ended(&wake.id).await.wake.unwrap().state(), WakeState::Answered);
    let request = GetPushAppRequest { name: APP.to_owned() };
    let healed = field.push_apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap();
    assert_eq!(healed.fault, None);
}

#[tokio::test]
async fn a_malformed_push_fails_its_wakes() {
    let field = Field::new().await;
    field.live(NAME).await;
    field.wns.fail_pushes(Script::once(PushFault::status(400)));
    let wake = field.wake(NAME).await;
    let found = field.ended(&wake.id).await.wake.unwrap();
    assert_eq!((found.state(), found.end_reason()), (WakeState::Failed, WakeEndReason::MalformedPush));
}

#[tokio::test]
async fn a_device_that_leaves_or_is_deleted_ends_its_wakes() {
    let field = Field::new().await;
    let mut device = field.live("LEAVING").await;
    field.live("DELETED").await;
    field.wns.fail_pushes(Script::always(PushFault::Dropped));
    let (leaving, deleted) = (field.wake("LEAVING").await, field.wake("DELETED").await);
    let asked_again = async |name: &str| field.ask(wake_of(name)).await.unwrap_err().code();
    // Its last session answers the wake that was asked for before it: the device came.
    field.client().sync_as(&mut device, Opening::Unenroll, Backoff::NONE).await.unwrap();
    assert_eq!(field.ended(&leaving.id).await.wake.unwrap().state(), WakeState::Answered);
    assert_eq!(asked_again("LEAVING").await, Code::FailedPrecondition);
    let request = DeleteDeviceRequest { device: Some(named("DELETED")), etag: String::new() };
    field.devices().delete_device(request).await.unwrap();
    let found = field.ended(&deleted.id).await.wake.unwrap();
    assert_eq!((found.state(), found.end_reason()), (WakeState::Unanswered, WakeEndReason::Deleted));
    assert_eq!(asked_again("DELETED").await, Code::NotFound);
}

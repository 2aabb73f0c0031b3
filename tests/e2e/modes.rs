//! Rolling out (DESIGN §8): what is only observed, or off, in general, per push app and per label.

use prost_types::FieldMask;
use push::{Mode, Settings};
use reveille_api::v1::{
    Attribution, ChannelState, Device, ExpectationKind, GetPushAppRequest, Push, PushMode, PushVerdict,
    UpdateDeviceRequest, WakeEndReason, WakeRequest, WakeState,
};

use crate::field::{APP, Field, wake_of};

const SHORT: Option<prost_types::Duration> = Some(prost_types::Duration { seconds: 1, nanos: 0 });

fn app_is(mode: Mode) -> impl FnOnce(&mut Settings) {
    move |rules| rules.modes.apps = [(APP.parse().unwrap(), mode)].into()
}

/// Everybody is observed, but those of the first ring.
fn first_ring(rules: &mut Settings) {
    rules.mode = Mode::Observe;
    rules.modes.labels = vec![(("ring".to_owned(), "1".to_owned()), Mode::On)];
}

async fn label(field: &Field, name: &str, ring: &str) {
    let labels = [("ring".to_owned(), ring.to_owned())].into();
    let request = UpdateDeviceRequest {
        device: Some(Device { name: name.to_owned(), labels, ..Device::default() }),
        update_mask: Some(FieldMask { paths: vec!["labels".to_owned()] }),
        credential: None,
    };
    field.devices().update_device(request).await.unwrap();
}

#[tokio::test]
async fn an_observed_app_learns_channels_and_records_what_it_would_have_sent() {
    let field = Field::with(app_is(Mode::Observe)).await;
    let device = field.live("OBSERVED").await;
    assert_eq!(device.writes().pfn, 1, "channels are looked after");
    assert_eq!(field.device("OBSERVED").await.channel.unwrap().state(), ChannelState::Live);
    let request = GetPushAppRequest { name: APP.to_owned() };
    let app = field.push_apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap();
    assert_eq!(app.mode(), PushMode::Observe);

    let asked = field.ask(WakeRequest { timeout: SHORT, ..wake_of("OBSERVED") }).await.unwrap();
    let found = field.ended(&asked.wake.unwrap().id).await;
    let wake = found.wake.unwrap();
    assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, WakeEndReason::PushOff));
    let verdicts: Vec<_> = found.pushes.iter().map(Push::verdict).collect();
    assert!(!verdicts.is_empty() && verdicts.iter().all(|it| *it == PushVerdict::Observed), "{verdicts:?}");
    let counters = field.wns.counters();
    assert_eq!((counters.pushes, counters.token_requests), (0, 0), "nothing of it reaches WNS");
}

#[tokio::test]
async fn an_app_that_is_off_leaves_channels_alone_and_wakes_wait_for_a_session() {
    let field = Field::with(app_is(Mode::Off)).await;
    let mut device = field.live("OFF").await;
    assert_eq!(device.writes().pfn, 0);
    let asked = field.ask(wake_of("OFF")).await.unwrap();
    assert_eq!(asked.expectation.unwrap().kind(), ExpectationKind::WaitsForSession);
    field.sync(&mut device).await;
    let found = field.ended(&asked.wake.unwrap().id).await;
    let answer = found.wake.unwrap().answer.unwrap();
    assert_eq!((answer.attribution(), found.pushes.len()), (Attribution::Coincidence, 0));
    assert_eq!(field.wns.counters().pushes, 0);
}

#[tokio::test]
async fn a_label_decides_before_all_else_and_a_new_one_at_once() {
    let mut field = Field::with(first_ring).await;
    field.live("SECOND-RING").await;
    let mut first = field.live("FIRST-RING").await;
    label(&field, "FIRST-RING", "1").await;
    label(&field, "SECOND-RING", "2").await;
    let observed = field.wake("SECOND-RING").await;
    let found = field.until(&observed.id, |found| !found.pushes.is_empty()).await;
    assert_eq!(found.pushes[0].verdict(), PushVerdict::Observed);

    let pushed = field.wake("FIRST-RING").await;
    field.come_when_pushed(&mut first).await;
    assert_eq!(field.ended(&pushed.id).await.wake.unwrap().state(), WakeState::Answered);
    assert_eq!(field.wns.counters().pushes, 1);

    // The second ring is rolled out: the wake that waits is pushed for.
    label(&field, "SECOND-RING", "1").await;
    let sent = |found: &reveille_api::v1::GetWakeResponse| {
        found.pushes.iter().any(|push| push.verdict() == PushVerdict::Sent)
    };
    field.until(&observed.id, sent).await;
}

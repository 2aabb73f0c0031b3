//! `PushAppService`.

use reveille_api::v1::{
    ChannelCount, ChannelState, ExpectationKind, GetPushAppRequest, ListPushAppsRequest, PausePushAppRequest,
    PushApp, PushAppAuth, PushMode, ResumePushAppRequest, TokenState, WakeEndReason,
};
use tonic::Code;

use crate::field::{Field, invalid, refusal, refused, wake_of};

async fn show(field: &Field, name: &str) -> PushApp {
    let request = GetPushAppRequest { name: name.into() };
    field.apps().get_push_app(request).await.unwrap().into_inner().push_app.unwrap()
}

#[tokio::test]
async fn an_app_is_shown_with_its_token_and_its_channels() {
    let field = Field::new().await;
    field.create("A").await;
    field.create("B").await;
    field.go_live("B").await;
    let app = show(&field, "main").await;
    assert_eq!((app.pfn.as_str(), app.auth(), app.mode()), ("App_1", PushAppAuth::Legacy, PushMode::On));
    assert!(!app.paused && app.fault.is_none() && app.gate_time.is_none() && app.blocked_time.is_none());
    let token = app.token.unwrap();
    assert_eq!(token.state(), TokenState::Valid);
    assert!(token.expire_time.is_some());
    let mut counts = app.channel_counts;
    counts.sort_by_key(|count| count.state);
    let one = |state: ChannelState| ChannelCount { state: state.into(), count: 1 };
    assert_eq!(counts, [one(ChannelState::Unset), one(ChannelState::Live)]);
}

#[tokio::test]
async fn apps_are_listed_in_pages() {
    let field = Field::with_apps(&["a", "b"]).await;
    let list = ListPushAppsRequest { page_size: 1, ..Default::default() };
    let first = field.apps().list_push_apps(list).await.unwrap().into_inner();
    assert_eq!(first.push_apps[0].name, "a");
    let next = ListPushAppsRequest { page_size: 1, page_token: first.next_page_token };
    let second = field.apps().list_push_apps(next).await.unwrap().into_inner();
    assert_eq!((second.push_apps[0].name.as_str(), second.next_page_token.as_str()), ("b", ""));
    let odd = ListPushAppsRequest { page_size: 1, page_token: "x".into() };
    assert_eq!(refusal(&field.apps().list_push_apps(odd).await.unwrap_err()), invalid(&["page_token"]));
}

#[tokio::test]
async fn the_wakes_of_a_paused_app_wait() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.go_live("DEVICE").await;
    let pause = PausePushAppRequest { name: "main".into() };
    for _ in 0..2 {
        let paused = field.apps().pause_push_app(pause.clone()).await.unwrap().into_inner();
        assert!(paused.push_app.unwrap().paused);
    }
    let expectation = async || {
        let asked = field.wakes().wake(wake_of("DEVICE")).await.unwrap().into_inner();
        let expectation = asked.expectation.unwrap();
        (expectation.kind(), expectation.obstacle(), expectation.until)
    };
    let paused = (ExpectationKind::GatedUntil, WakeEndReason::AppPaused, None);
    assert_eq!(expectation().await, paused, "nobody knows until when");
    let resume = ResumePushAppRequest { name: "main".into() };
    let resumed = field.apps().resume_push_app(resume).await.unwrap().into_inner();
    assert!(!resumed.push_app.unwrap().paused);
    assert_eq!(expectation().await, (ExpectationKind::PushNow, WakeEndReason::Unspecified, None));
}

#[tokio::test]
async fn what_is_not_configured_is_not_found() {
    let field = Field::new().await;
    let name = || "other".to_owned();
    let refusals = [
        field.apps().get_push_app(GetPushAppRequest { name: name() }).await.unwrap_err(),
        field.apps().pause_push_app(PausePushAppRequest { name: name() }).await.unwrap_err(),
        field.apps().resume_push_app(ResumePushAppRequest { name: name() }).await.unwrap_err(),
    ];
    for status in refusals {
        assert_eq!(refusal(&status), refused(Code::NotFound, "PUSH_APP_NOT_FOUND"));
    }
    let nameless = field.apps().get_push_app(GetPushAppRequest::default()).await.unwrap_err();
    assert_eq!(refusal(&nameless), invalid(&["name"]));
}

//! `DeviceService`: the sessions of a device, and the reset of its channel.

use reveille_api::v1::{
    ChannelRefusal, ChannelState, GetDeviceRequest, ListSessionsRequest, ListSessionsResponse,
    ResetChannelRequest, SessionEnding, SessionScope,
};
use tonic::Code;

use crate::field::{Field, PLANTED, invalid, named, refusal, refuse_and_poll, refused};

async fn list(field: &Field, request: ListSessionsRequest) -> ListSessionsResponse {
    field.devices().list_sessions(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn sessions_are_listed_newest_first_in_pages() {
    let field = Field::new().await;
    let device = field.create("DEVICE").await;
    field.create("OTHER").await;
    field.go_live("OTHER").await;
    let mut keys = Vec::new();
    for _ in 0..7 {
        let mut commit = field.session("DEVICE").await;
        commit.ending = Some("completed");
        commit.eventful = true;
        keys.insert(0, commit.key.to_string());
        field.store.commit_session(commit).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut request = ListSessionsRequest { device: named("DEVICE"), page_size: 3, ..Default::default() };
    loop {
        let page = list(&field, request.clone()).await;
        seen.extend(page.sessions);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(seen.iter().map(|session| session.id.clone()).collect::<Vec<_>>(), keys);
    let first = &seen[0];
    assert_eq!((first.device_id.as_str(), first.device_name.as_str()), (&*device.to_string(), "DEVICE"));
    assert_eq!((first.scope(), first.ending()), (SessionScope::Device, SessionEnding::Completed));
    let of_other = ListSessionsRequest { device: named("OTHER"), ..request };
    let status = field.devices().list_sessions(of_other).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["page_token"]), "a token belongs to its list");
}

#[tokio::test]
async fn sessions_of_nobody_are_not_listed() {
    let field = Field::new().await;
    let nobody = ListSessionsRequest { device: named("NOBODY"), ..Default::default() };
    let status = field.devices().list_sessions(nobody).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::NotFound, "DEVICE_NOT_FOUND"));
    let wrong = ListSessionsRequest { device: None, page_size: -1, page_token: "x".into() };
    let status = field.devices().list_sessions(wrong).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["device", "page_size"]));
}

#[tokio::test]
async fn a_reset_ends_a_refusal() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut commit = field.session("DEVICE").await;
    let mut stored = field.visitor("DEVICE").await.channel;
    refuse_and_poll(&mut stored.channel, &commit);
    (commit.channel, commit.ending) = (Some(stored), Some("completed"));
    field.store.commit_session(commit).await.unwrap();
    let request = GetDeviceRequest { device: named("DEVICE") };
    let refused = field.devices().get_device(request.clone()).await.unwrap().into_inner().device.unwrap();
    let channel = refused.channel.unwrap();
    assert_eq!((channel.state(), channel.refusal()), (ChannelState::Refused, ChannelRefusal::Write));
    assert!(channel.next_reset_time.is_some(), "by itself not before tomorrow");
    let request_reset = ResetChannelRequest { device: named("DEVICE") };
    let reset = field.devices().reset_channel(request_reset).await.unwrap().into_inner().device.unwrap();
    let channel = reset.channel.clone().unwrap();
    assert_eq!((channel.state(), channel.refusal()), (ChannelState::Unset, ChannelRefusal::Unspecified));
    assert_eq!(channel.next_reset_time, None, "the next session is as good as any");
    let shown = field.devices().get_device(request).await.unwrap().into_inner().device.unwrap();
    assert_eq!(shown, reset);
}

#[tokio::test]
async fn what_cannot_be_reset_is_refused() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    field.go_live("DEVICE").await;
    let reset = async |device| field.devices().reset_channel(ResetChannelRequest { device }).await;
    let live = reset(named("DEVICE")).await.unwrap().into_inner();
    assert_eq!(live.device.as_ref().unwrap().channel.as_ref().unwrap().state(), ChannelState::Live);
    assert!(!format!("{live:?}").contains(PLANTED));
    let mut leaves = field.session("DEVICE").await;
    (leaves.unenrolled, leaves.ending) = (true, Some("unenrolled"));
    field.store.commit_session(leaves).await.unwrap();
    let check = |status, expect| assert_eq!(refusal(&status), expect);
    check(reset(named("DEVICE")).await.unwrap_err(), refused(Code::FailedPrecondition, "DEVICE_UNENROLLED"));
    check(reset(named("NOBODY")).await.unwrap_err(), refused(Code::NotFound, "DEVICE_NOT_FOUND"));
    check(reset(None).await.unwrap_err(), invalid(&["device"]));
}

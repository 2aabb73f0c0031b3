//! The contract over a real port: what calls answer, and how they refuse.

use std::{collections::BTreeMap, time::Duration};

use prost_types::Duration as ProtoDuration;
use reveille_api::v1::{
    BatchWakeRequest, CancelWakeRequest, ChannelState, CreateDeviceRequest, Credential, DeleteDeviceRequest,
    DeviceRef, EnrollmentState, ExpectationKind, GetDeviceRequest, GetPushAppRequest, GetWakeRequest,
    ListDevicesRequest, ListPushAppsRequest, ListSessionsRequest, ListWakesRequest, PausePushAppRequest,
    ResetChannelRequest, ResumePushAppRequest, UpdateDeviceRequest, WakeRequest, WakeState,
    WatchWakesRequest, credential::Secret, device_ref::By, device_service_client::DeviceServiceClient,
    push_app_service_client::PushAppServiceClient, wake_service_client::WakeServiceClient,
};
use store::{Key, Retention, Store};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

struct Field {
    channel: Channel,
    draining: CancellationToken,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

impl Field {
    async fn new() -> Self {
        Self::with_apps(&["main"]).await
    }

    async fn with_apps(names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("test.db").display());
        store::schema_up(&database).await.unwrap();
        let rules = push::Settings::default();
        let store =
            Store::open(&database, Key::random().unwrap(), rules, Retention::default()).await.unwrap();
        let pfn: model::Pfn = "App_1".parse().unwrap();
        let known = names.iter().map(|name| (name.parse().unwrap(), pfn.clone())).collect();
        store.register_apps(known).await.unwrap();
        let apps: BTreeMap<_, _> =
            names.iter().map(|name| (name.parse().unwrap(), grpc::AppInfo { pfn: pfn.clone() })).collect();
        let settings = grpc::Settings {
            default_provider_id: "Reveille".parse().unwrap(),
            apps,
            tokens: grpc::Tokens::new(|_| grpc::TokenReport::Valid(Duration::from_mins(1))),
            health_every: Duration::from_millis(50),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, draining) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(grpc::Service::new(store, settings, draining.clone()).serve(listener, stop.clone()));
        let channel = tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap();
        Self { channel, draining, _stop: stop.drop_guard(), _directory: directory }
    }

    fn wakes(&self) -> WakeServiceClient<Channel> {
        WakeServiceClient::new(self.channel.clone())
    }

    fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    fn apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.channel.clone())
    }

    async fn create(&self, name: &str) {
        self.devices().create_device(creation(name)).await.unwrap();
    }

    async fn health(&self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(self.channel.clone()).check(request).await.unwrap().into_inner().status()
    }
}

fn creation(name: &str) -> CreateDeviceRequest {
    let secret = Some(Secret::Password("planted".into()));
    let credential = Some(Credential { user: "user".into(), secret });
    CreateDeviceRequest { name: name.into(), credential, ..Default::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "requests want it so")]
fn named(name: &str) -> Option<DeviceRef> {
    Some(DeviceRef { by: Some(By::Name(name.into())) })
}

fn wake_of(name: &str) -> WakeRequest {
    WakeRequest { device: named(name), ..Default::default() }
}

/// The code, the reason and the fields of a refusal.
fn refusal(status: &Status) -> (Code, String, Vec<String>) {
    let details = status.get_error_details();
    let info = details.error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "reveille");
    let fields =
        details.bad_request().map(|bad| bad.field_violations.iter().map(|it| it.field.clone()).collect());
    assert!(!status.message().contains("planted"));
    (status.code(), info.reason.clone(), fields.unwrap_or_default())
}

#[tokio::test]
async fn a_device_is_created_found_listed_and_deleted() {
    let field = Field::new().await;
    let request = CreateDeviceRequest {
        labels: BTreeMap::from([("site".to_owned(), "100%_\"x\"".to_owned())]),
        external_id: "4711".into(),
        ..creation("DEVICE")
    };
    let created = field.devices().create_device(request).await.unwrap().into_inner().device.unwrap();
    assert_eq!((created.provider_id.as_str(), created.push_app.as_str()), ("Reveille", "main"), "by default");
    assert_eq!(created.enrollment_state(), EnrollmentState::Enrolled);
    assert_eq!(created.channel.as_ref().unwrap().state(), ChannelState::Unset);
    let by_id = Some(DeviceRef { by: Some(By::Id(created.id.clone())) });
    for device in [named("DEVICE"), by_id] {
        let found = field.devices().get_device(GetDeviceRequest { device }).await.unwrap().into_inner();
        assert_eq!(found.device.as_ref(), Some(&created));
        assert!(found.recent_sessions.is_empty());
    }
    let label = |value: &str| ListDevicesRequest {
        labels: BTreeMap::from([("site".to_owned(), value.to_owned())]),
        ..Default::default()
    };
    let count =
        async |request| field.devices().list_devices(request).await.unwrap().into_inner().devices.len();
    assert_eq!(count(label("100%_\"x\"")).await, 1);
    assert_eq!(count(label("100x_\"x\"")).await, 0, "no wild cards");
    assert_eq!(count(ListDevicesRequest { external_id: "4711".into(), ..Default::default() }).await, 1);
    let live = vec![ChannelState::Live.into()];
    assert_eq!(count(ListDevicesRequest { channel_states: live, ..Default::default() }).await, 0);
    let stale_etag = DeleteDeviceRequest { device: named("DEVICE"), etag: "old".into() };
    let status = field.devices().delete_device(stale_etag).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::Aborted, "ETAG_MISMATCH".into(), vec![]));
    let delete = DeleteDeviceRequest { device: named("DEVICE"), etag: created.etag };
    field.devices().delete_device(delete).await.unwrap();
    let status = field.devices().get_device(GetDeviceRequest { device: named("DEVICE") }).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "DEVICE_NOT_FOUND".into(), vec![]));
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let field = Field::with_apps(&["a", "b"]).await;
    let secret = Some(Secret::Password("planted".into()));
    let request = CreateDeviceRequest {
        name: String::new(),
        push_app: "c".into(),
        labels: BTreeMap::from([(String::new(), String::new())]),
        credential: Some(Credential { user: "us:er".into(), secret }),
        ..Default::default()
    };
    let status = field.devices().create_device(request).await.unwrap_err();
    let fields = ["name", "push_app", "labels", "credential"].map(str::to_owned).to_vec();
    assert_eq!(refusal(&status), (Code::InvalidArgument, "INVALID_REQUEST".into(), fields));
    let request = WakeRequest {
        device: None,
        timeout: Some(ProtoDuration { seconds: 31 * 86_400, nanos: 0 }),
        reason: "x".repeat(257),
        ..Default::default()
    };
    let status = field.wakes().wake(request).await.unwrap_err();
    let fields = ["device", "timeout", "reason"].map(str::to_owned).to_vec();
    assert_eq!(refusal(&status), (Code::InvalidArgument, "INVALID_REQUEST".into(), fields));
    let request = GetWakeRequest { id: "x".into() };
    let status = field.wakes().get_wake(request).await.unwrap_err();
    assert_eq!(refusal(&status).2, ["id"]);
    let request = CreateDeviceRequest { push_app: String::new(), ..creation("D") };
    let status = field.devices().create_device(request).await.unwrap_err();
    assert_eq!(refusal(&status).2, ["push_app"], "with two apps it must be said which");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_there_exists() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let status = field.devices().create_device(creation("DEVICE")).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::AlreadyExists, "DEVICE_EXISTS".into(), vec![]));
    let status = field.wakes().wake(wake_of("NOBODY")).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "DEVICE_NOT_FOUND".into(), vec![]));
    let id = "0190163d-8694-739b-aea5-966c26f8ad91".to_owned();
    let status = field.wakes().cancel_wake(CancelWakeRequest { id }).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "WAKE_NOT_FOUND".into(), vec![]));
    let status = field.apps().get_push_app(GetPushAppRequest { name: "other".into() }).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::NotFound, "PUSH_APP_NOT_FOUND".into(), vec![]));
}

#[tokio::test]
async fn a_wake_is_durable_shown_and_cancelled_once() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let asked = field.wakes().wake(wake_of("DEVICE")).await.unwrap().into_inner();
    let (wake, expectation) = (asked.wake.unwrap(), asked.expectation.unwrap());
    assert_eq!((wake.state(), wake.caller.as_str()), (WakeState::Live, grpc::ANONYMOUS));
    assert_eq!(expectation.kind(), ExpectationKind::WaitsForSession, "it has no channel yet");
    let (asked_at, deadline) = (wake.ask_time.unwrap(), wake.deadline_time.unwrap());
    assert_eq!(deadline.seconds - asked_at.seconds, 3_600, "an hour, if nothing is said");
    assert_eq!(wake.trace_id.len(), 32);
    let found = field.wakes().get_wake(GetWakeRequest { id: wake.id.clone() }).await.unwrap().into_inner();
    assert_eq!(found.wake, Some(wake.clone()));
    assert_eq!(found.expectation.unwrap().kind(), ExpectationKind::WaitsForSession);
    let cancel = async || field.wakes().cancel_wake(CancelWakeRequest { id: wake.id.clone() }).await;
    let cancelled = cancel().await.unwrap().into_inner().wake.unwrap();
    assert_eq!(cancelled.state(), WakeState::Cancelled);
    assert_eq!(cancel().await.unwrap().into_inner().wake.unwrap(), cancelled, "again: as it is");
}

#[tokio::test]
async fn a_key_makes_a_call_safe_to_repeat() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let request = WakeRequest { idempotency_key: "key".into(), reason: "one".into(), ..wake_of("DEVICE") };
    let first = field.wakes().wake(request.clone()).await.unwrap().into_inner().wake.unwrap();
    let again = field.wakes().wake(request.clone()).await.unwrap().into_inner().wake.unwrap();
    assert_eq!(first.id, again.id);
    let other = WakeRequest { reason: "two".into(), ..request };
    let status = field.wakes().wake(other).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::AlreadyExists, "IDEMPOTENCY_MISMATCH".into(), vec![]));
}

#[tokio::test]
async fn lists_come_in_pages_that_belong_to_their_filter() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let wake = field.wakes().wake(wake_of("DEVICE")).await.unwrap().into_inner().wake.unwrap();
        ids.insert(0, wake.id);
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
    assert_eq!(refusal(&status).2, ["page_token"]);
    let request = ListWakesRequest { page_size: -1, ..Default::default() };
    assert_eq!(refusal(&field.wakes().list_wakes(request).await.unwrap_err()).2, ["page_size"]);
}

#[tokio::test]
async fn push_apps_are_shown_paused_and_resumed() {
    let field = Field::with_apps(&["a", "b"]).await;
    let list = ListPushAppsRequest { page_size: 1, ..Default::default() };
    let first = field.apps().list_push_apps(list).await.unwrap().into_inner();
    assert_eq!(first.push_apps[0].name, "a");
    let next = ListPushAppsRequest { page_size: 1, page_token: first.next_page_token };
    let second = field.apps().list_push_apps(next).await.unwrap().into_inner();
    assert_eq!((second.push_apps[0].name.as_str(), second.next_page_token.as_str()), ("b", ""));
    assert!(second.push_apps[0].token.unwrap().expire_time.is_some());
    let pause = PausePushAppRequest { name: "a".into() };
    assert!(field.apps().pause_push_app(pause).await.unwrap().into_inner().push_app.unwrap().paused);
    let resume = ResumePushAppRequest { name: "a".into() };
    assert!(!field.apps().resume_push_app(resume).await.unwrap().into_inner().push_app.unwrap().paused);
}

#[tokio::test]
async fn what_comes_later_says_so() {
    let field = Field::new().await;
    let (mut wakes, mut devices) = (field.wakes(), field.devices());
    let refused = [
        wakes.batch_wake(BatchWakeRequest::default()).await.unwrap_err(),
        wakes.wake_many(tokio_stream::empty()).await.unwrap_err(),
        wakes.watch_wakes(WatchWakesRequest::default()).await.unwrap_err(),
        devices.update_device(UpdateDeviceRequest::default()).await.unwrap_err(),
        devices.import_devices(tokio_stream::empty()).await.unwrap_err(),
        devices.reset_channel(ResetChannelRequest::default()).await.unwrap_err(),
        devices.list_sessions(ListSessionsRequest::default()).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("not included yet"), "{}", status.message());
    }
}

#[tokio::test]
async fn health_tells_the_truth_and_draining_refuses() {
    let field = Field::new().await;
    let until = async |wanted: ServingStatus| {
        let looking = async { while field.health("reveille.v1.WakeService").await != wanted {} };
        tokio::time::timeout(Duration::from_secs(10), looking).await.expect("in time");
    };
    until(ServingStatus::Serving).await;
    assert_eq!(field.health("").await, ServingStatus::Serving);
    field.draining.cancel();
    until(ServingStatus::NotServing).await;
    let status = field.wakes().wake(wake_of("DEVICE")).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::Unavailable, "DRAINING".into(), vec![]));
    assert!(status.get_details_retry_info().is_some(), "and when to try again");
}

#[tokio::test]
async fn reflection_lists_the_services_in_both_versions() {
    use tonic_reflection::pb::{v1, v1alpha};
    let field = Field::new().await;
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(field.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("a list");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["WakeService", "DeviceService", "PushAppService"] {
        assert!(names.contains(&format!("reveille.v1.{name}").as_str()), "{names:?}");
    }
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
        ..Default::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(field.channel.clone());
    let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().unwrap().message_response.is_some());
}

//! `DeviceService`.

use prost_types::Duration;
use reveille_api::v1::{
    ChannelRefusal, ChannelState, CreateDeviceRequest, Credential, DeleteDeviceRequest, Device, DeviceHint,
    DeviceHintKind, DeviceRef, EnrollmentState, GetDeviceRequest, GetDeviceResponse, ListDevicesRequest,
    WakeEndReason, WakeState, credential::Secret, device_ref::By,
};
use secrecy::ExposeSecret;
use store::{DeviceInfo, RecordedOutcome};
use tonic::Code;

use crate::field::{
    Field, PLANTED, URI, creation, invalid, labels, named, password, refusal, refuse_and_poll, refused,
};

async fn show(field: &Field, name: &str) -> GetDeviceResponse {
    field.devices().get_device(GetDeviceRequest { device: named(name) }).await.unwrap().into_inner()
}

async fn names(field: &Field, request: ListDevicesRequest) -> Vec<String> {
    let found = field.devices().list_devices(request).await.unwrap().into_inner();
    found.devices.into_iter().map(|device| device.name).collect()
}

#[tokio::test]
async fn a_device_is_created_found_and_deleted() {
    let field = Field::new().await;
    let created = field.devices().create_device(creation("DEVICE")).await.unwrap().into_inner();
    let created = created.device.unwrap();
    assert_eq!((created.provider_id.as_str(), created.push_app.as_str()), ("Reveille", "main"), "by default");
    assert_eq!((created.enrollment_state(), created.user.as_str()), (EnrollmentState::Enrolled, "user"));
    assert_eq!(created.channel.as_ref().unwrap().state(), ChannelState::Unset);
    assert_eq!((&created.info, created.last_seen_time), (&None, None), "it said nothing yet");
    let by_id = Some(DeviceRef { by: Some(By::Id(created.id.clone())) });
    for device in [named("DEVICE"), by_id] {
        let found = field.devices().get_device(GetDeviceRequest { device }).await.unwrap().into_inner();
        assert_eq!(found.device.as_ref(), Some(&created));
        assert!(found.recent_sessions.is_empty());
    }
    let delete = |etag: &str| DeleteDeviceRequest { device: named("DEVICE"), etag: etag.into() };
    let status = field.devices().delete_device(delete("old")).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::Aborted, "ETAG_MISMATCH"));
    field.devices().delete_device(delete(&created.etag)).await.unwrap();
    let gone = refused(Code::NotFound, "DEVICE_NOT_FOUND");
    let status = field.devices().get_device(GetDeviceRequest { device: named("DEVICE") }).await.unwrap_err();
    assert_eq!(refusal(&status), gone);
    assert_eq!(refusal(&field.devices().delete_device(delete("")).await.unwrap_err()), gone);
}

#[tokio::test]
async fn a_deleted_device_ends_its_wakes() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let wake = field.wake("DEVICE").await;
    let request = DeleteDeviceRequest { device: named("DEVICE"), ..Default::default() };
    field.devices().delete_device(request).await.unwrap();
    let request = reveille_api::v1::GetWakeRequest { id: wake.id };
    let found = field.wakes().get_wake(request).await.unwrap().into_inner();
    let wake = found.wake.unwrap();
    assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, WakeEndReason::Deleted));
    assert_eq!((found.expectation, wake.device_name.as_str()), (None, "DEVICE"));
}

#[tokio::test]
async fn a_live_channel_and_the_last_sessions_are_shown_without_the_uri() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    for _ in 0..7 {
        field.go_live("DEVICE").await;
    }
    let shown = show(&field, "DEVICE").await;
    let channel = shown.device.as_ref().unwrap().channel.as_ref().unwrap();
    assert_eq!((channel.state(), channel.push_app.as_str()), (ChannelState::Live, "main"));
    assert_eq!((channel.generation, channel.push_status), (1, Some(0)));
    assert!(channel.first_seen_time.is_some() && channel.age.is_some() && channel.last_reset_time.is_some());
    assert!(shown.device.as_ref().unwrap().info.is_some());
    assert_eq!(shown.recent_sessions.len(), 5, "no more, however many there were");
    let said = format!("{shown:?}");
    assert!(!said.contains(URI) && !said.contains(PLANTED));
}

#[tokio::test]
async fn an_inner_hash_is_as_good_as_its_password() {
    let field = Field::new().await;
    field.create("BY PASSWORD").await;
    let kept = field.visitor("BY PASSWORD").await.credential.unwrap();
    let hash = kept.inner_hash.expose_secret().to_owned();
    let credential = Some(Credential { user: "user".into(), secret: Some(Secret::InnerHash(hash.clone())) });
    let request = CreateDeviceRequest { credential, ..creation("BY HASH") };
    let created = field.devices().create_device(request).await.unwrap().into_inner();
    assert_eq!(field.visitor("BY HASH").await.credential.unwrap().inner_hash.expose_secret(), hash);
    assert!(!format!("{created:?}").contains(&hash));
    let request = CreateDeviceRequest { credential: None, ..creation("BY CERTIFICATE") };
    field.devices().create_device(request).await.unwrap();
    assert!(field.visitor("BY CERTIFICATE").await.credential.is_none());
}

#[tokio::test]
async fn what_exists_or_is_not_configured_is_refused() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let status = field.devices().create_device(creation("DEVICE")).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::AlreadyExists, "DEVICE_EXISTS"));
    let request = CreateDeviceRequest { push_app: "other".into(), ..creation("NEW") };
    let status = field.devices().create_device(request).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::NotFound, "PUSH_APP_NOT_FOUND"));
}

#[tokio::test]
async fn a_certificate_is_bound_to_one_device() {
    let field = Field::new().await;
    let with = |name: &str, fingerprint: String| CreateDeviceRequest {
        certificate_fingerprint: fingerprint,
        credential: None,
        ..creation(name)
    };
    let created = field.devices().create_device(with("DEVICE", ["AB"; 32].join(":"))).await.unwrap();
    let plain = "ab".repeat(32);
    assert_eq!(created.into_inner().device.unwrap().certificate_fingerprint, plain);
    assert_eq!(show(&field, "DEVICE").await.device.unwrap().certificate_fingerprint, plain);
    let status = field.devices().create_device(with("OTHER", plain.clone())).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::AlreadyExists, "DEVICE_EXISTS"));
    assert_eq!(status.message(), "the device DEVICE is bound to this certificate");
    let status = field.devices().create_device(with("DEVICE", String::new())).await.unwrap_err();
    assert_eq!(status.message(), "there is a device of this name");
    for wrong in ["ab".repeat(20), "xy".repeat(32)] {
        let status = field.devices().create_device(with("NEW", wrong)).await.unwrap_err();
        assert_eq!(refusal(&status), invalid(&["certificate_fingerprint"]));
    }
}

#[tokio::test]
async fn what_a_device_said_and_did_is_shown() {
    let field = Field::new().await;
    let device = field.create("DEVICE").await;
    let before = show(&field, "DEVICE").await.device.unwrap();
    assert_eq!((before.polling, before.last_refusal, before.hints), (None, None, Vec::new()));
    let outcome = |command: &str, status: Option<u16>, error: Option<&str>| RecordedOutcome {
        command: command.into(),
        target: Some(format!("./{command}")),
        status,
        original_error: error.map(str::to_owned),
    };
    let mut commit = field.session("DEVICE").await;
    commit.info = DeviceInfo {
        manufacturer: Some("Contoso".into()),
        model: Some("Slate".into()),
        dm_version: Some("1.2".into()),
        language: Some("de-DE".into()),
        os_version: Some("10.0.10586.1176".into()),
        large_objects: Some(false),
    };
    (commit.mode, commit.platform, commit.ignored) = (Some("Machine".into()), Some("WoA".into()), 3);
    commit.outcomes = vec![
        outcome("write", Some(404), Some("0x86000002")),
        outcome("before", Some(200), None),
        outcome("after", None, None),
    ];
    let mut stored = field.visitor("DEVICE").await.channel;
    refuse_and_poll(&mut stored.channel, &commit);
    commit.channel = Some(stored);
    let at = commit.now;
    field.store.commit_session(commit).await.unwrap();
    field.store.record_refusal(device, store::Refusal { reason: "dev_id", at }).await.unwrap();
    let shown = show(&field, "DEVICE").await;
    let device = shown.device.unwrap();
    let info = device.info.clone().unwrap();
    assert_eq!((info.language.as_str(), info.dm_client_version.as_str()), ("de-DE", "1.2"));
    assert_eq!((info.os_version.as_str(), info.large_objects), ("10.0.10586.1176", Some(false)));
    let refusal = device.last_refusal.clone().unwrap();
    assert_eq!((refusal.reason.as_str(), refusal.time), ("dev_id", device.last_seen_time));
    let channel = device.channel.clone().unwrap();
    assert_eq!((channel.refusal(), channel.write_refusal_code), (ChannelRefusal::Write, 404));
    let polling = device.polling.clone().unwrap();
    assert_eq!((polling.read_time, polling.poll_on_login), (device.last_seen_time, true));
    let schedules: Vec<_> =
        polling.schedules.iter().map(|it| (it.interval.unwrap().seconds, it.count)).collect();
    assert_eq!(schedules, [(900, 10)], "what is off is left out");
    let hints: Vec<_> = device.hints.iter().map(DeviceHint::kind).collect();
    assert_eq!(hints, [DeviceHintKind::UpdateWindows, DeviceHintKind::CloudNotificationsOff]);
    assert!(
        device.hints[0].text.starts_with("Update Windows: this build's channel renewal is known to fail")
    );
    let session = &shown.recent_sessions[0];
    assert_eq!(
        (session.mode.as_str(), session.platform.as_str(), session.ignored_count),
        ("Machine", "WoA", 3)
    );
    let outcomes: Vec<_> = session
        .outcomes
        .iter()
        .map(|it| (it.command.as_str(), it.target.as_str(), it.status, it.original_error.as_str()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("write", "./write", Some(404), "0x86000002"),
            ("before", "./before", Some(200), ""),
            ("after", "./after", None, ""),
        ]
    );
    let meanings: Vec<_> = session.outcomes.iter().map(|it| it.meaning.as_str()).collect();
    assert!(!meanings[0].is_empty() && meanings[0] != meanings[1], "{meanings:?}");
    assert_eq!(meanings[2], "");
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let field = Field::with_apps(&["a", "b"]).await;
    let check = async |request, fields: &[&str]| {
        let status = field.devices().create_device(request).await.unwrap_err();
        assert_eq!(refusal(&status), invalid(fields), "{status:?}");
    };
    let all = CreateDeviceRequest {
        name: String::new(),
        provider_id: "x".repeat(256),
        push_app: "c".into(),
        labels: labels("", ""),
        external_id: "x".repeat(256),
        credential: Some(Credential { user: "us:er".into(), secret: Some(Secret::Password(String::new())) }),
        certificate_fingerprint: "ab".repeat(20),
    };
    let named = [
        "name",
        "provider_id",
        "labels",
        "external_id",
        "credential.user",
        "credential.password",
        "certificate_fingerprint",
        "push_app",
    ];
    check(all, &named).await;
    check(creation("D"), &["push_app"]).await;
    let of_a = CreateDeviceRequest { push_app: "a".into(), ..creation("D") };
    let with = |credential| CreateDeviceRequest { credential, ..of_a.clone() };
    let secret = |secret| with(Some(Credential { user: "user".into(), secret }));
    check(with(password("")), &["credential.user"]).await;
    check(with(password(&"x".repeat(256))), &["credential.user"]).await;
    check(secret(None), &["credential.secret"]).await;
    check(secret(Some(Secret::Password(PLANTED.repeat(37)))), &["credential.password"]).await;
    check(secret(Some(Secret::InnerHash(PLANTED.into()))), &["credential.inner_hash"]).await;
}

#[tokio::test]
async fn devices_are_listed_by_what_is_asked_for() {
    let field = Field::new().await;
    let odd = "100%_\"x\"";
    let site = CreateDeviceRequest { labels: labels("site", odd), ..creation("A") };
    field.devices().create_device(site).await.unwrap();
    let known = CreateDeviceRequest { external_id: "4711".into(), ..creation("B") };
    field.devices().create_device(known).await.unwrap();
    field.create("C").await;
    field.go_live("C").await;
    let check = async |request, expect: &[&str]| assert_eq!(names(&field, request).await, expect);
    let any = ListDevicesRequest::default;
    check(any(), &["A", "B", "C"]).await;
    check(ListDevicesRequest { labels: labels("site", odd), ..any() }, &["A"]).await;
    check(ListDevicesRequest { labels: labels("site", "100x_\"x\""), ..any() }, &[]).await;
    check(ListDevicesRequest { external_id: "4711".into(), ..any() }, &["B"]).await;
    check(ListDevicesRequest { push_app: "main".into(), ..any() }, &["A", "B", "C"]).await;
    check(ListDevicesRequest { push_app: "other".into(), ..any() }, &[]).await;
    let in_state = |state: ChannelState| ListDevicesRequest { channel_states: vec![state.into()], ..any() };
    check(in_state(ChannelState::Live), &["C"]).await;
    check(in_state(ChannelState::Unset), &["A", "B"]).await;
    check(in_state(ChannelState::Unspecified), &["A", "B", "C"]).await;
    let silent = |seconds| ListDevicesRequest { silent_for: Some(Duration { seconds, nanos: 0 }), ..any() };
    check(silent(3_600), &["A", "B"]).await;
    check(silent(i64::MAX), &["A", "B"]).await;
}

#[tokio::test]
async fn a_wrong_filter_is_refused() {
    let field = Field::new().await;
    let request = ListDevicesRequest {
        channel_states: vec![99, 100],
        push_app: "x".repeat(300),
        labels: labels("", ""),
        silent_for: Some(Duration { seconds: -1, nanos: 0 }),
        page_size: -1,
        ..Default::default()
    };
    let status = field.devices().list_devices(request).await.unwrap_err();
    let fields = ["channel_states", "push_app", "labels", "silent_for", "page_size"];
    assert_eq!(refusal(&status), invalid(&fields));
    for device in [None, Some(DeviceRef { by: None })] {
        let status = field.devices().get_device(GetDeviceRequest { device }).await.unwrap_err();
        assert_eq!(refusal(&status), invalid(&["device"]));
    }
    let device = Some(DeviceRef { by: Some(By::Id("x".into())) });
    let status = field.devices().get_device(GetDeviceRequest { device }).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["device.id"]));
}

#[tokio::test]
async fn pages_bring_each_device_once() {
    let field = Field::new().await;
    let all = ["A", "B", "C", "D", "E"];
    for name in all {
        field.create(name).await;
    }
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let mut request = ListDevicesRequest { page_size: 2, ..Default::default() };
    loop {
        let page = field.devices().list_devices(request.clone()).await.unwrap().into_inner();
        sizes.push(page.devices.len());
        seen.extend(page.devices.into_iter().map(|Device { name, .. }| name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!((seen, sizes), (all.map(str::to_owned).to_vec(), vec![2, 2, 1]));
}

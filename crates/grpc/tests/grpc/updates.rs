//! `DeviceService.UpdateDevice`.

use prost_types::FieldMask;
use reveille_api::v1::{
    ChannelState, CreateDeviceRequest, Credential, DeleteDeviceRequest, Device, GetDeviceRequest,
    UpdateDeviceRequest, credential::Secret,
};
use secrecy::ExposeSecret;
use tonic::Code;

use crate::field::{Field, PLANTED, creation, invalid, labels, named, password, refusal, refused};

async fn shown(field: &Field, name: &str) -> Device {
    let request = GetDeviceRequest { device: named(name) };
    field.devices().get_device(request).await.unwrap().into_inner().device.unwrap()
}

fn request(device: Device, paths: &[&str]) -> UpdateDeviceRequest {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    UpdateDeviceRequest { device: Some(device), update_mask: Some(FieldMask { paths }), credential: None }
}

async fn update(field: &Field, request: UpdateDeviceRequest) -> Device {
    field.devices().update_device(request).await.unwrap().into_inner().device.unwrap()
}

fn of(name: &str) -> Device {
    Device { name: name.into(), ..Device::default() }
}

#[tokio::test]
async fn only_what_the_mask_names_is_changed() {
    let field = Field::new().await;
    let made = CreateDeviceRequest { labels: labels("a", "1"), ..creation("DEVICE") };
    let before = field.devices().create_device(made).await.unwrap().into_inner().device.unwrap();
    let wanted = Device {
        labels: labels("b", "2"),
        external_id: "7".into(),
        provider_id: "Mdm".into(),
        ..of("DEVICE")
    };
    let after = update(&field, request(wanted.clone(), &["labels", "external_id"])).await;
    assert_eq!((after.labels.clone(), after.external_id.as_str()), (labels("b", "2"), "7"));
    assert_ne!(after.etag, before.etag);
    let rest = Device {
        labels: before.labels.clone(),
        external_id: before.external_id.clone(),
        etag: before.etag.clone(),
        ..after.clone()
    };
    assert_eq!(rest, before, "nothing else was changed");
    assert_eq!(shown(&field, "DEVICE").await, after);
    let by_id = Device { id: before.id, name: "not looked at".into(), ..Device::default() };
    let after = update(&field, request(by_id, &["labels", "external_id", "provider_id"])).await;
    assert_eq!((after.labels.len(), after.external_id.as_str()), (0, ""), "empty is none");
    assert_eq!(after.provider_id, "Reveille", "the gateway's own");
}

#[tokio::test]
async fn a_credential_is_replaced_or_taken_away() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let before = field.visitor("DEVICE").await.credential.unwrap();
    let with = |credential| UpdateDeviceRequest { credential, ..request(of("DEVICE"), &["credential"]) };
    let after = update(&field, with(password("another"))).await;
    assert_eq!(after.user, "another");
    let hash = field.visitor("DEVICE").await.credential.unwrap().inner_hash.expose_secret().to_owned();
    assert_ne!(before.inner_hash.expose_secret(), hash);
    assert!(!format!("{after:?}").contains(&hash) && !format!("{after:?}").contains(PLANTED));
    let imported = Credential { user: "third".into(), secret: Some(Secret::InnerHash(hash.clone())) };
    update(&field, with(Some(imported))).await;
    let kept = field.visitor("DEVICE").await.credential.unwrap();
    assert_eq!((kept.user.as_str(), kept.inner_hash.expose_secret()), ("third", hash.as_str()));
    update(&field, request(of("DEVICE"), &["labels"])).await;
    assert!(field.visitor("DEVICE").await.credential.is_some(), "the mask does not name it");
    assert_eq!(update(&field, with(None)).await.user, "");
    assert!(field.visitor("DEVICE").await.credential.is_none());
}

#[tokio::test]
async fn a_certificate_is_renewed() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let bound = |name: &str, digits: &str| Device { certificate_fingerprint: digits.repeat(32), ..of(name) };
    let paths = ["certificate_fingerprint"];
    let after = update(&field, request(bound("DEVICE", "AB"), &paths)).await;
    assert_eq!(after.certificate_fingerprint, "ab".repeat(32));
    field.create("OTHER").await;
    let taken = request(bound("OTHER", "ab"), &["labels", "certificate_fingerprint"]);
    let status = field.devices().update_device(taken).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::AlreadyExists, "DEVICE_EXISTS"));
    assert_eq!(status.message(), "the device DEVICE is bound to this certificate");
    update(&field, request(of("DEVICE"), &paths)).await;
    update(&field, request(bound("OTHER", "ab"), &paths)).await;
}

#[tokio::test]
async fn a_device_moves_to_another_push_app() {
    let field = Field::with_apps_of(&[("main", "App_1"), ("other", "Other_2")]).await;
    let made = CreateDeviceRequest { push_app: "main".into(), ..creation("DEVICE") };
    field.devices().create_device(made).await.unwrap();
    field.go_live("DEVICE").await;
    let to = |app: &str| request(Device { push_app: app.into(), ..of("DEVICE") }, &["push_app"]);
    let moving = update(&field, to("other")).await;
    let channel = moving.channel.unwrap();
    assert_eq!((moving.push_app.as_str(), channel.push_app.as_str()), ("other", "main"));
    assert_eq!((channel.state(), channel.generation), (ChannelState::Moving, 1));
    let back = update(&field, to("main")).await;
    let channel = back.channel.unwrap();
    assert_eq!((channel.state(), channel.push_app.as_str()), (ChannelState::Live, "main"));
    let status = field.devices().update_device(to("third")).await.unwrap_err();
    assert_eq!(refusal(&status), refused(Code::NotFound, "PUSH_APP_NOT_FOUND"));
    let status = field.devices().update_device(to("")).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["device.push_app"]), "there are two");
}

#[tokio::test]
async fn an_etag_says_what_was_read() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let first = shown(&field, "DEVICE").await;
    let with = |etag: &str| Device { etag: etag.into(), labels: labels("a", etag), ..of("DEVICE") };
    update(&field, request(with(&first.etag), &["labels"])).await;
    let changed = refused(Code::Aborted, "ETAG_MISMATCH");
    for etag in [first.etag.as_str(), "x", "+1", "01"] {
        let status = field.devices().update_device(request(with(etag), &["labels"])).await.unwrap_err();
        assert_eq!(refusal(&status), changed, "{etag}");
    }
    for etag in [first.etag.as_str(), "x"] {
        let request = DeleteDeviceRequest { device: named("DEVICE"), etag: etag.into() };
        let status = field.devices().delete_device(request).await.unwrap_err();
        assert_eq!(refusal(&status), changed, "{etag}");
    }
    assert_eq!(shown(&field, "DEVICE").await.labels, labels("a", &first.etag), "nothing was changed");
    let nobody = field.devices().update_device(request(of("NOBODY"), &["labels"])).await.unwrap_err();
    assert_eq!(refusal(&nobody), refused(Code::NotFound, "DEVICE_NOT_FOUND"));
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_changed() {
    let field = Field::new().await;
    field.create("DEVICE").await;
    let before = shown(&field, "DEVICE").await;
    let wrong = Device {
        provider_id: "x".repeat(256),
        push_app: "nobodys".into(),
        labels: labels("", ""),
        external_id: "x".repeat(256),
        certificate_fingerprint: "x".into(),
        ..of("DEVICE")
    };
    let paths =
        ["provider_id", "push_app", "labels", "external_id", "credential", "certificate_fingerprint", "name"];
    let all = UpdateDeviceRequest { credential: password(""), ..request(wrong, &paths) };
    let status = field.devices().update_device(all).await.unwrap_err();
    let fields = [
        "update_mask",
        "device.provider_id",
        "device.labels",
        "device.external_id",
        "credential.user",
        "device.certificate_fingerprint",
        "device.push_app",
    ];
    assert_eq!(refusal(&status), invalid(&fields));
    let half = Device { external_id: "7".into(), labels: labels("", ""), ..of("DEVICE") };
    let status = field.devices().update_device(request(half, &["external_id", "labels"])).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["device.labels"]));
    let status = field.devices().update_device(UpdateDeviceRequest::default()).await.unwrap_err();
    assert_eq!(refusal(&status), invalid(&["device", "update_mask"]));
    let status =
        field.devices().update_device(request(Device { id: "x".into(), ..of("D") }, &["labels"])).await;
    assert_eq!(refusal(&status.unwrap_err()), invalid(&["device.id"]));
    assert_eq!(shown(&field, "DEVICE").await, before);
}

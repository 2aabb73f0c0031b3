//! `DeviceService.ImportDevices`.

use futures_util::{StreamExt, stream};
use prost_types::Timestamp;
use reveille_api::v1::{
    ChannelState, Credential, ErrorReason, ExpectationKind, GetDeviceRequest, ImportAction,
    ImportDevicesRequest, ImportDevicesResponse, ImportResult, ImportRow, ItemError, ListDevicesRequest,
    credential::Secret, import_devices_response::Result as Kind,
};
use secrecy::ExposeSecret;
use tonic::Code;

use crate::field::{Field, PLANTED, URI, labels, named, password, refusal, refused, wake_of};

fn row(name: &str) -> ImportRow {
    ImportRow { name: name.into(), ..ImportRow::default() }
}

fn with_channel(name: &str) -> ImportRow {
    let channel_uri = format!("{URI}-{name}");
    ImportRow { pfn: "App_1".into(), channel_uri, ..row(name) }
}

fn numbered(rows: Vec<ImportRow>) -> Vec<ImportDevicesRequest> {
    let request = |(n, row): (usize, ImportRow)| ImportDevicesRequest {
        row_ref: n.to_string(),
        validate_only: false,
        row: Some(row),
    };
    rows.into_iter().enumerate().map(request).collect()
}

async fn import(field: &Field, requests: Vec<ImportDevicesRequest>) -> Vec<ImportDevicesResponse> {
    let results = field.devices().import_devices(stream::iter(requests)).await.unwrap().into_inner();
    results.map(Result::unwrap).collect().await
}

async fn import_one(field: &Field, row: ImportRow) -> Result<ImportResult, ItemError> {
    let results = import(field, numbered(vec![row])).await;
    assert_eq!(results.len(), 1);
    assert!(!format!("{results:?}").contains(PLANTED), "{results:?}");
    match results.into_iter().next().unwrap().result.unwrap() {
        Kind::Imported(imported) => Ok(imported),
        Kind::Error(error) => Err(error),
    }
}

fn action(response: &ImportDevicesResponse) -> ImportAction {
    match &response.result {
        Some(Kind::Imported(imported)) => imported.action(),
        other => panic!("not imported: {other:?}"),
    }
}

#[tokio::test]
async fn an_imported_device_can_be_woken_and_signs_in() {
    let field = Field::new().await;
    field.create("ANOTHER").await;
    let hash = field.visitor("ANOTHER").await.credential.unwrap().inner_hash.expose_secret().to_owned();
    let secret = Some(Secret::InnerHash(hash.clone()));
    let seconds = field.store.now().as_micros() / 1_000_000 - 86_400;
    let whole = ImportRow {
        labels: labels("site", "here"),
        external_id: "7".into(),
        credential: Some(Credential { user: "user".into(), secret }),
        certificate_fingerprint: ["AB"; 32].join(":"),
        channel_first_seen_time: Some(Timestamp { seconds, nanos: 0 }),
        ..with_channel("DEVICE")
    };
    let imported = import_one(&field, whole.clone()).await.unwrap();
    assert_eq!((imported.action(), imported.channel_state()), (ImportAction::Created, ChannelState::Live));
    let request = GetDeviceRequest { device: named("DEVICE") };
    let device = field.devices().get_device(request).await.unwrap().into_inner().device.unwrap();
    assert_eq!((device.id.as_str(), device.external_id.as_str()), (imported.device_id.as_str(), "7"));
    assert_eq!((device.push_app.as_str(), device.provider_id.as_str()), ("main", "Reveille"), "by default");
    assert_eq!((&device.labels, device.user.as_str()), (&labels("site", "here"), "user"));
    assert_eq!(device.certificate_fingerprint, "ab".repeat(32));
    let channel = device.channel.clone().unwrap();
    assert_eq!(channel.first_seen_time.unwrap().seconds, seconds);
    assert!(channel.age.unwrap().seconds >= 86_400);
    assert_eq!(field.visitor("DEVICE").await.credential.unwrap().inner_hash.expose_secret(), hash);
    let woken = field.wakes().wake(wake_of("DEVICE")).await.unwrap().into_inner();
    assert_eq!(woken.expectation.unwrap().kind(), ExpectationKind::PushNow);
    assert!(!format!("{device:?}").contains(PLANTED) && !format!("{device:?}").contains(&hash));
    let again = import_one(&field, whole).await.unwrap();
    assert_eq!((again.action(), again.device_id), (ImportAction::Unchanged, imported.device_id));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let field = Field::new().await;
    field.create("KNOWN").await;
    let known = ImportRow { labels: labels("a", "1"), ..row("KNOWN") };
    let rows = vec![with_channel("NEW"), known, row("KNOWN")];
    let mut requests = numbered(rows);
    for request in &mut requests {
        request.validate_only = true;
    }
    let results = import(&field, requests).await;
    let actions: Vec<_> = results.iter().map(action).collect();
    assert_eq!(actions, [ImportAction::Created, ImportAction::Updated, ImportAction::Unchanged]);
    let Some(Kind::Imported(created)) = &results[0].result else { panic!("it would be created") };
    assert_eq!((created.device_id.as_str(), created.channel_state()), ("", ChannelState::Live));
    let found = field.devices().list_devices(ListDevicesRequest::default()).await.unwrap().into_inner();
    assert_eq!(found.devices.len(), 1);
    assert!(found.devices[0].labels.is_empty());
}

#[tokio::test]
async fn results_come_in_the_order_of_the_rows() {
    let field = Field::new().await;
    let rows = (0..1_000).map(|n| ImportRow { external_id: n.to_string(), ..row(&format!("D{}", n % 40)) });
    let results = import(&field, numbered(rows.collect())).await;
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.row_ref, n.to_string());
        let expect = if n < 40 { ImportAction::Created } else { ImportAction::Updated };
        assert_eq!(action(result), expect, "row {n}: rows of one device go one after the other");
    }
    let last = field.visitor("D7").await.device;
    assert_eq!(last.external_id.as_deref(), Some("967"));
}

#[tokio::test]
async fn a_wrong_row_is_refused_alone_and_quotes_no_secret() {
    let field = Field::new().await;
    let later = Timestamp { seconds: field.store.now().as_micros() / 1_000_000 + 3_600, nanos: 0 };
    let wrong = ImportRow {
        name: String::new(),
        provider_id: "x".repeat(256),
        push_app: "nobodys".into(),
        labels: labels("", ""),
        external_id: "x".repeat(256),
        credential: password(""),
        certificate_fingerprint: "x".into(),
        pfn: String::new(),
        channel_uri: "https://evil.test/?token=planted".into(),
        channel_first_seen_time: Some(later),
    };
    let long = "x".repeat(256);
    let requests = vec![
        ImportDevicesRequest { row_ref: long.clone(), validate_only: false, row: Some(wrong) },
        ImportDevicesRequest { row_ref: "empty".into(), validate_only: false, row: None },
        ImportDevicesRequest { row_ref: "good".into(), validate_only: false, row: Some(row("GOOD")) },
    ];
    let results = import(&field, requests).await;
    assert!(!format!("{results:?}").contains(PLANTED), "{results:?}");
    let fields = |result: &ImportDevicesResponse| match &result.result {
        Some(Kind::Error(error)) => {
            assert_eq!((error.code, error.reason()), (3, ErrorReason::InvalidRequest));
            error.field_violations.iter().map(|it| it.field.clone()).collect::<Vec<_>>()
        }
        other => panic!("it was imported: {other:?}"),
    };
    let all = [
        "row_ref",
        "name",
        "provider_id",
        "labels",
        "external_id",
        "certificate_fingerprint",
        "channel_first_seen_time",
        "channel_uri",
        "pfn",
        "credential.user",
        "push_app",
    ];
    assert_eq!(fields(&results[0]), all);
    assert_eq!(results[0].row_ref, long[..255], "cut, but known again");
    assert_eq!(fields(&results[1]), ["name"]);
    assert_eq!(action(&results[2]), ImportAction::Created);
}

#[tokio::test]
async fn what_belongs_to_another_device_is_refused() {
    let field = Field::new().await;
    let bound = ImportRow { certificate_fingerprint: "ab".repeat(32), ..with_channel("ONE") };
    import_one(&field, bound.clone()).await.unwrap();
    let thief = ImportRow { name: "TWO".into(), channel_uri: String::new(), ..bound.clone() };
    let error = import_one(&field, thief).await.unwrap_err();
    assert_eq!((error.reason(), error.code), (ErrorReason::DeviceExists, Code::AlreadyExists.into()));
    assert_eq!(error.message, "the device ONE is bound to this certificate");
    let clone = ImportRow { name: "TWO".into(), certificate_fingerprint: String::new(), ..bound };
    let error = import_one(&field, clone).await.unwrap_err();
    assert_eq!((error.reason(), error.message.as_str()), {
        (ErrorReason::DeviceExists, "the device ONE has this ChannelURI")
    });
    let elsewhere = ImportRow { push_app: "other".into(), ..row("TWO") };
    let error = import_one(&field, elsewhere).await.unwrap_err();
    assert_eq!(error.reason(), ErrorReason::PushAppNotFound);
}

#[tokio::test]
async fn draining_ends_an_import_after_what_is_under_way() {
    let field = Field::new().await;
    let requests = stream::iter(numbered(vec![row("DEVICE")])).chain(stream::pending());
    let mut results = field.devices().import_devices(requests).await.unwrap().into_inner();
    assert_eq!(action(&results.next().await.unwrap().unwrap()), ImportAction::Created);
    field.shutdown.cancel();
    let status = results.next().await.unwrap().unwrap_err();
    assert_eq!(refusal(&status), refused(Code::Unavailable, "DRAINING"));
    field.shutdown.cancel();
    field.served.await.unwrap().unwrap();
}

//! Devices that are taken over from another system.

use model::{CertificateFingerprint, Labels};
use push::{ChannelState, ChannelUri, ExtraOrigins, ImportedChannel};
use secrecy::ExposeSecret;
use store::{
    Credential, DeviceRecord, DeviceRef, ImportAction, ImportDevice, ImportMode, ImportRefused, Imported,
    Store,
};

use crate::{
    database::Database,
    field::{DAY, Field, MINUTE, NOON, app, labels, pfn, responded, result, uri},
};

fn row(store: &Store, name: &str) -> ImportDevice {
    ImportDevice {
        id: store.new_id(),
        name: name.parse().unwrap(),
        provider_id: "Reveille".parse().unwrap(),
        push_app: (app(), pfn()),
        labels: Labels::default(),
        external_id: None,
        credential: None,
        certificate: None,
        channel: None,
    }
}

/// A channel that another system saw a day ago.
fn channel(token: &str) -> ImportedChannel {
    let uri = ChannelUri::parse(&uri(token), &ExtraOrigins::default()).unwrap();
    ImportedChannel { pfn: pfn(), uri: Some(uri), first_seen: NOON - DAY }
}

async fn import(field: &Field, row: ImportDevice) -> Imported {
    field.store.import_device(row, ImportMode::Apply, NOON).await.unwrap().unwrap()
}

async fn shown(field: &Field, name: &str) -> DeviceRecord {
    field.store.device(&DeviceRef::Name(name.parse().unwrap())).await.unwrap()
}

pub(crate) async fn an_imported_device_is_whole(database: Database) {
    let field = Field::new(database).await;
    let secret = Credential::from_password("user", "password").unwrap();
    let whole = ImportDevice {
        labels: labels(&[("site", "here")]),
        external_id: Some("7".into()),
        credential: Some(secret.clone()),
        certificate: Some(CertificateFingerprint::new([7; 32])),
        channel: Some(channel("one")),
        ..row(&field.store, "one")
    };
    let imported = import(&field, whole.clone()).await;
    assert_eq!((imported.action, imported.channel), (ImportAction::Created, ChannelState::Live));
    let DeviceRecord { device, channel, pushed_by } = shown(&field, "one").await;
    assert_eq!((device.id, device.id, pushed_by), (whole.id, imported.device, app()));
    assert_eq!((device.labels.clone(), device.external_id.as_deref()), (whole.labels.clone(), Some("7")));
    assert_eq!((device.certificate, device.last_seen_at), (whole.certificate, None));
    assert_eq!((channel.first_seen(), channel.generation()), (Some(NOON - DAY), 1));
    assert_eq!(channel.uri().unwrap().expose(), uri("one"));
    let kept = field.store.visitor(&device.name).await.unwrap().credential.unwrap();
    assert_eq!(kept.inner_hash.expose_secret(), secret.inner_hash.expose_secret());
    field.ask(device.id, NOON).await;
    assert_eq!(field.claim_one(NOON).await.uri.expose(), uri("one"), "it can be woken at once");
    let again = ImportDevice { id: field.store.new_id(), ..whole };
    let unchanged = import(&field, again).await;
    assert_eq!((unchanged.action, unchanged.device), (ImportAction::Unchanged, device.id));
    assert_eq!(shown(&field, "one").await.device, device);
}

pub(crate) async fn an_import_keeps_what_it_does_not_name(database: Database) {
    let field = Field::new(database).await;
    let first = ImportDevice {
        labels: labels(&[("a", "1"), ("b", "2")]),
        external_id: Some("7".into()),
        credential: Some(Credential::from_password("user", "password").unwrap()),
        certificate: Some(CertificateFingerprint::new([7; 32])),
        ..row(&field.store, "one")
    };
    import(&field, first).await;
    let second = ImportDevice { labels: labels(&[("b", "3"), ("c", "4")]), ..row(&field.store, "one") };
    assert_eq!(import(&field, second).await.action, ImportAction::Updated);
    let device = shown(&field, "one").await.device;
    assert_eq!(device.labels, labels(&[("a", "1"), ("b", "3"), ("c", "4")]));
    assert_eq!((device.external_id.as_deref(), device.user.as_deref()), (Some("7"), Some("user")));
    assert!(device.certificate.is_some());
    let many = Labels::new((0..30).map(|n| (format!("l{n}"), String::new()))).unwrap();
    let third = ImportDevice { labels: many, ..row(&field.store, "one") };
    let refused = field.store.import_device(third, ImportMode::Apply, NOON).await.unwrap().unwrap_err();
    assert!(matches!(refused, ImportRefused::Labels(_)), "{refused:?}");
    assert_eq!(shown(&field, "one").await.device, device);
}

pub(crate) async fn a_dry_run_says_what_would_be_done(database: Database) {
    let field = Field::new(database).await;
    let dry = async |row| field.store.import_device(row, ImportMode::ValidateOnly, NOON).await.unwrap();
    let new = ImportDevice { channel: Some(channel("one")), ..row(&field.store, "one") };
    let told = dry(new.clone()).await.unwrap();
    assert_eq!((told.action, told.channel), (ImportAction::Created, ChannelState::Live));
    assert_eq!(field.database.count("devices").await, 0);
    assert_eq!(import(&field, new.clone()).await, told);
    assert_eq!(dry(new.clone()).await.unwrap().action, ImportAction::Unchanged);
    let before = shown(&field, "one").await;
    let change = ImportDevice { external_id: Some("7".into()), channel: Some(channel("two")), ..new };
    assert_eq!(dry(change).await.unwrap().action, ImportAction::Updated);
    let after = shown(&field, "one").await;
    assert_eq!((after.device, after.channel), (before.device, before.channel));
}

pub(crate) async fn only_a_channel_of_the_push_app_is_taken_over(database: Database) {
    let field = Field::new(database).await;
    let whole = channel("one");
    let without_uri = ImportedChannel { uri: None, ..whole.clone() };
    let others = ImportedChannel { pfn: "Other_2".parse().unwrap(), ..whole.clone() };
    let old = ImportedChannel { first_seen: NOON - DAY * 31, ..whole };
    for (name, channel, expect) in [
        ("nothing", None, ChannelState::Unset),
        ("no uri", Some(without_uri), ChannelState::Pending),
        ("another's", Some(others), ChannelState::Unset),
        ("old", Some(old), ChannelState::Stale),
    ] {
        let imported = import(&field, ImportDevice { channel, ..row(&field.store, name) }).await;
        assert_eq!(imported.channel, expect, "{name}");
        assert_eq!(shown(&field, name).await.channel.state(), expect, "{name}");
    }
}

pub(crate) async fn what_the_device_or_wns_said_is_not_overruled(database: Database) {
    let field = Field::new(database).await;
    let refreshed = ImportDevice { channel: Some(channel("first")), ..row(&field.store, "one") };
    import(&field, refreshed.clone()).await;
    let newer = ImportDevice { channel: Some(channel("second")), ..refreshed };
    assert_eq!(import(&field, newer.clone()).await.action, ImportAction::Updated);
    let device = shown(&field, "one").await;
    assert_eq!((device.channel.uri().unwrap().expose(), device.channel.generation()), (&*uri("second"), 2));
    let device = device.device.id;
    field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    field.store.conclude(result(&push, responded(410), NOON)).await.unwrap();
    let dead = import(&field, newer.clone()).await;
    assert_eq!((dead.action, dead.channel), (ImportAction::Unchanged, ChannelState::Dead));
    field.go_live(device, "own", NOON + MINUTE).await;
    let late = import(&field, ImportDevice { channel: Some(channel("third")), ..newer }).await;
    assert_eq!((late.action, late.channel), (ImportAction::Unchanged, ChannelState::Live));
    assert_eq!(field.channel(device).await.uri().unwrap().expose(), uri("own"));
}

pub(crate) async fn what_another_device_has_is_refused(database: Database) {
    let field = Field::new(database).await;
    let certificate = Some(CertificateFingerprint::new([7; 32]));
    let one = ImportDevice { certificate, channel: Some(channel("one")), ..row(&field.store, "one") };
    import(&field, one).await;
    field.device("two").await;
    let name = "one".parse::<model::DeviceName>().unwrap();
    for two in ["two", "three"] {
        let bound = ImportDevice { certificate, ..row(&field.store, two) };
        let reached = ImportDevice { channel: Some(channel("one")), ..row(&field.store, two) };
        for (wrong, expect) in [
            (bound, ImportRefused::Certificate(name.clone())),
            (reached, ImportRefused::ChannelUri(name.clone())),
        ] {
            for mode in [ImportMode::ValidateOnly, ImportMode::Apply] {
                let refused = field.store.import_device(wrong.clone(), mode, NOON).await.unwrap();
                assert_eq!(refused.unwrap_err(), expect);
            }
        }
    }
    assert_eq!(field.database.count("devices").await, 2);
}

pub(crate) async fn one_device_is_imported_by_many_at_once(database: Database) {
    let field = Field::new(database).await;
    let replica = field.database.open().await.unwrap();
    let imports = (0..20).map(|n| {
        let store = if n % 2 == 0 { &field.store } else { &replica };
        store.import_device(row(store, "one"), ImportMode::Apply, NOON)
    });
    let imported = futures_util::future::join_all(imports).await;
    let created = imported.into_iter().map(|it| it.unwrap().unwrap().action);
    assert_eq!(created.filter(|action| *action == ImportAction::Created).count(), 1);
    assert_eq!(field.database.count("devices").await, 1);
}

//! Devices that are taken over from another system.

use model::{CertificateFingerprint, DeviceId, Labels, Pfn, PushAppName};
use push::{
    ChannelState, ChannelUri, Context, Detail, ExtraOrigins, ImportedChannel, Observation, Reading, Readings,
    Visit,
};
use secrecy::ExposeSecret;
use store::{
    ClaimRequest, Credential, DeviceRecord, DeviceRef, ImportAction, ImportDevice, ImportMode, ImportRefused,
    Imported, SessionCommit, Store,
};

use crate::{
    database::Database,
    field::{DAY, Field, MINUTE, NOON, app, claim_of, ended, labels, pfn, responded, result, uri},
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

/// A device with such a channel.
pub(crate) fn reached(store: &Store, name: &str) -> ImportDevice {
    ImportDevice { channel: Some(channel(name)), ..row(store, name) }
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
    let other = Reading::Value("Other_2".into());
    for (name, pfn, expect) in [
        ("without", Reading::Value(pfn().to_string()), ChannelState::Pending),
        ("another", other, ChannelState::Unset),
        ("nothing", Reading::Absent, ChannelState::Unset),
    ] {
        let device = field.device(name).await;
        tells(&field, device, Readings { pfn, uri: Reading::Absent, status: Reading::Absent }).await;
        let export = ImportDevice { channel: Some(channel(name)), ..row(&field.store, name) };
        let late = import(&field, export).await;
        assert_eq!((late.action, late.channel), (ImportAction::Unchanged, expect), "{name}");
    }
}

/// A whole session in which the device answers this to what it is asked first.
async fn tells(field: &Field, device: DeviceId, before: Readings) {
    let name = field.store.device(&DeviceRef::Id(device)).await.unwrap().device.name;
    let mut stored = field.store.visitor(&name).await.unwrap().channel;
    let (pfn, settings) = (pfn(), field.store.rules());
    let context = Context { now: NOON, settings, pfn: &pfn, device, old_build: false, may_write: true };
    let (mut visit, _) = Visit::begin(&mut stored.channel, Detail::Known, &context);
    visit.proceed(&mut stored.channel, &Observation { before, ..Observation::default() }, &context);
    let commit = SessionCommit { channel: Some(stored), ..field.start(device, NOON).await };
    field.store.commit_session(ended(commit)).await.unwrap();
}

pub(crate) async fn what_is_imported_under_another_app_is_pushed_to_by_it(database: Database) {
    let field = Field::new(database).await;
    let other: (PushAppName, Pfn) = ("other".parse().unwrap(), "Other_2".parse().unwrap());
    field.store.register_apps(vec![(app(), pfn()), other.clone()], NOON).await.unwrap();
    // The second one's app was wrong before; of the third, no URI is known under the new one.
    for (name, new) in [("one", Some("new")), ("two", Some("two")), ("three", None)] {
        let first = ImportDevice { channel: Some(channel(name)), ..row(&field.store, name) };
        import(&field, first.clone()).await;
        let under_other = ImportedChannel {
            pfn: other.1.clone(),
            uri: new.and_then(|new| channel(new).uri),
            ..channel(name)
        };
        let second = ImportDevice { push_app: other.clone(), channel: Some(under_other), ..first };
        let imported = import(&field, second.clone()).await;
        let state = if new.is_some() { ChannelState::Live } else { ChannelState::Moving };
        assert_eq!((imported.action, imported.channel), (ImportAction::Updated, state), "{name}");
        assert_eq!(import(&field, second).await.action, ImportAction::Unchanged, "{name}");
        let pushes = if new.is_some() { other.clone() } else { (app(), pfn()) };
        let shown = shown(&field, name).await;
        assert_eq!((shown.pushed_by, shown.channel.pfn()), (pushes.0.clone(), Some(&pushes.1)), "{name}");
        field.ask(imported.device, NOON).await;
        let mut claimed = Vec::new();
        for (app, pfn) in [other.clone(), (app(), pfn())] {
            let request = ClaimRequest { app: app.clone(), pfn, ..claim_of(&field.store, 10, NOON) };
            let pushes = field.store.claim(request).await.unwrap();
            claimed.extend(pushes.into_iter().map(|push| (app.clone(), push.uri.expose().to_owned())));
        }
        assert_eq!(claimed, [(pushes.0, uri(new.unwrap_or(name)))], "{name}");
    }
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

//! Devices.

use model::{CertificateFingerprint, DeviceId};
use push::{Channel, ChannelState, Context, Detail, EndReason, Housekeeping, Outcome, Visit};
use secrecy::ExposeSecret;
use store::{
    Changed, Credential, DeviceFilter, DeviceRef, DeviceUpdate, Error, EventKind, LastRefusal, PageRequest,
    Refusal, Unenrolled,
};

use crate::{
    database::Database,
    field::{DAY, Field, HOUR, MINUTE, NOON, SECOND, ended, labels, new_device, pfn, uri},
};

pub(crate) async fn a_created_device_comes_back(database: Database) {
    let field = Field::new(database).await;
    let mut new = new_device(&field.store, "ÄÖ/urn:uuid:1");
    new.labels = labels(&[("site", "Köln \"2\" \\ %_"), ("ring", "")]);
    new.external_id = Some("asset 7".into());
    new.credential = Some(Credential::from_password("user", "password").unwrap());
    let made = field.store.create_device(new.clone(), NOON).await.unwrap();
    for wanted in [DeviceRef::Id(new.id), DeviceRef::Name(new.name.clone())] {
        let found = field.store.device(&wanted).await.unwrap();
        assert_eq!(found.device, made.device);
        assert_eq!(found.channel.state(), ChannelState::Unset);
    }
    let device = made.device;
    assert_eq!((device.labels, device.external_id), (new.labels, new.external_id));
    assert_eq!((device.created_at, device.last_seen_at, device.unenrolled_at), (NOON, None, None));
    assert_eq!(device.user.as_deref(), Some("user"));
    let visitor = field.store.visitor(&new.name).await.unwrap();
    let (known, given) = (visitor.credential.unwrap(), new.credential.unwrap());
    assert_eq!(known.user, given.user);
    assert_eq!(known.inner_hash.expose_secret(), given.inner_hash.expose_secret());
    let nobody = DeviceRef::Id(field.store.new_id::<DeviceId>());
    assert_eq!(field.store.device(&nobody).await.unwrap_err(), Error::NotFound);
}

pub(crate) async fn two_devices_cannot_have_one_name(database: Database) {
    let field = Field::new(database).await;
    let first = field.device("one").await;
    let again = field.store.create_device(new_device(&field.store, "one"), NOON).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    field.device("ONE").await;
    field.store.delete_device(&DeviceRef::Id(first), None, NOON).await.unwrap().unwrap();
    assert_ne!(field.device("one").await, first, "re-creation makes a new row");
}

pub(crate) async fn lists_are_paged_in_the_order_of_bytes(database: Database) {
    let field = Field::new(database).await;
    let sorted = ["B", "a", "a b", "a_b", "ab", "Ä"];
    for name in ["ab", "Ä", "a", "B", "a_b", "a b"] {
        field.device(name).await;
    }
    let mut found = Vec::new();
    let mut request = PageRequest { size: 4, after: None };
    loop {
        let page = field.store.devices(&DeviceFilter::default(), &request).await.unwrap();
        found.push(page.items.iter().map(|record| record.device.name.to_string()).collect::<Vec<_>>());
        request.after = page.next;
        if request.after.is_none() {
            break;
        }
    }
    assert_eq!(found, [sorted[..4].to_vec(), sorted[4..].to_vec()]);
}

pub(crate) async fn lists_are_filtered(database: Database) {
    let field = Field::new(database).await;
    field.live_device("live").await;
    field.device("fresh").await;
    let mut other = new_device(&field.store, "other");
    other.push_app = "spare".parse().unwrap();
    other.external_id = Some("7".into());
    field.store.create_device(other, NOON).await.unwrap();
    let any = DeviceFilter::default;
    let table = [
        (any(), vec!["fresh", "live", "other"]),
        (DeviceFilter { channel_states: vec!["live"], ..any() }, vec!["live"]),
        (DeviceFilter { channel_states: vec!["live", "unset"], ..any() }, vec!["fresh", "live", "other"]),
        (DeviceFilter { channel_states: vec!["dead"], ..any() }, vec![]),
        (DeviceFilter { push_app: Some("spare".parse().unwrap()), ..any() }, vec!["other"]),
        (DeviceFilter { external_id: Some("7".into()), ..any() }, vec!["other"]),
        (DeviceFilter { silent_since: Some(NOON - DAY), ..any() }, vec!["fresh", "other"]),
        (DeviceFilter { silent_since: Some(NOON), ..any() }, vec!["fresh", "live", "other"]),
    ];
    for (filter, expect) in table {
        assert_eq!(names(&field, &filter).await, expect, "{filter:?}");
    }
}

pub(crate) async fn labels_are_found_exactly(database: Database) {
    let field = Field::new(database).await;
    let odd = [
        ("plain", "value"),
        ("plain2", "Value"),
        ("percent", "100%"),
        ("percent2", "100x"),
        ("under_score", "a_b"),
        ("underXscore", "a_b"),
        ("quote", r#"say "hi""#),
        ("slash", r"c:\temp"),
        (r#"x"plain"#, "value"),
        (r#"x,"plain"#, "value"),
        ("nested", r#","plain":"value""#),
        ("umlaut", "Köln"),
        ("bang", "!%!_"),
    ];
    for (n, pair) in odd.iter().enumerate() {
        let mut new = new_device(&field.store, &format!("{n:02}"));
        new.labels = labels(&[*pair, ("all", "of them"), ("0", "first")]);
        field.store.create_device(new, NOON).await.unwrap();
    }
    let with = |pairs: &[(&str, &str)]| DeviceFilter {
        labels: pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..DeviceFilter::default()
    };
    for (n, pair) in odd.iter().enumerate() {
        assert_eq!(names(&field, &with(&[*pair])).await, [format!("{n:02}")], "{pair:?}");
        assert_eq!(names(&field, &with(&[("all", "of them"), *pair])).await.len(), 1, "{pair:?}");
    }
    assert_eq!(names(&field, &with(&[("all", "of them")])).await.len(), odd.len());
    for nobody in [("plain", "VALUE"), ("plain", "val"), ("lain", "value"), ("all", "of the_"), ("", "")] {
        assert_eq!(names(&field, &with(&[nobody])).await, [""; 0], "{nobody:?}");
    }
    assert_eq!(names(&field, &with(&[odd[0], odd[1]])).await, [""; 0]);
}

pub(crate) async fn a_deleted_device_takes_its_wakes_along(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    field.open_session(field.live_device("two").await, NOON).await;
    let ended =
        field.store.delete_device(&DeviceRef::Id(device), None, NOON + MINUTE).await.unwrap().unwrap();
    assert_eq!(ended.iter().map(|wake| wake.wake.id()).collect::<Vec<_>>(), [asked.wake.wake.id()]);
    assert_eq!(field.store.device(&DeviceRef::Id(device)).await.unwrap_err(), Error::NotFound);
    let end = field.again(&asked).await.wake.end().unwrap();
    assert_eq!((end.at, end.outcome), (NOON + MINUTE, Outcome::Unanswered(EndReason::Deleted)));
    assert_eq!(field.events().await.last().unwrap().kind, EventKind::Unanswered);
    assert_eq!(field.database.count("summonses").await, 0);
    assert_eq!(field.database.count("sessions").await, 2, "those of the other device");
    assert!(field.claim(NOON + MINUTE).await.is_empty());
    let again = field.store.delete_device(&DeviceRef::Id(device), None, NOON).await;
    assert_eq!(again.unwrap_err(), Error::NotFound);
}

pub(crate) async fn a_deletion_needs_the_revision_that_was_read(database: Database) {
    let field = Field::new(database).await;
    let id = field.live_device("one").await;
    let (device, asked) = (DeviceRef::Id(id), field.ask(id, NOON).await);
    let read = field.store.device(&device).await.unwrap().device.revision;
    let labelled = DeviceUpdate { labels: Some(labels(&[("a", "b")])), ..DeviceUpdate::default() };
    let changed = field.store.update_device(&device, Some(read), labelled, NOON).await.unwrap().unwrap();
    let refused = field.store.delete_device(&device, Some(read), NOON).await.unwrap();
    assert_eq!(refused.unwrap_err(), Changed, "somebody else was faster");
    assert_eq!(field.store.device(&device).await.unwrap().device, changed.device, "it is still there");
    assert_eq!(field.again(&asked).await.wake.end(), None);
    let ended = field.store.delete_device(&device, Some(changed.device.revision), NOON).await.unwrap();
    assert_eq!(ended.unwrap().len(), 1);
    let gone = field.store.delete_device(&device, Some(read), NOON).await;
    assert_eq!(gone.unwrap_err(), Error::NotFound, "nobody can have changed it");
}

pub(crate) async fn a_certificate_belongs_to_one_device(database: Database) {
    let field = Field::new(database).await;
    let (bound, nobodys) = (CertificateFingerprint::new([0xab; 32]), CertificateFingerprint::new([0; 32]));
    let mut new = new_device(&field.store, "one");
    new.certificate = Some(bound);
    let made = field.store.create_device(new, NOON).await.unwrap().device;
    assert_eq!(made.certificate, Some(bound));
    let found = field.store.device_of_certificate(&bound).await.unwrap();
    assert_eq!(found, Some((made.id, made.name)));
    assert_eq!(field.store.device_of_certificate(&nobodys).await.unwrap(), None);
    let mut thief = new_device(&field.store, "two");
    thief.certificate = Some(bound);
    let refused = field.store.create_device(thief, NOON).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "{refused:?}");
    for name in ["three", "four"] {
        assert_eq!(
            field.store.create_device(new_device(&field.store, name), NOON).await.unwrap().device.certificate,
            None
        );
    }
    field.store.delete_device(&DeviceRef::Id(made.id), None, NOON).await.unwrap().unwrap();
    assert_eq!(field.store.device_of_certificate(&bound).await.unwrap(), None);
}

pub(crate) async fn refusals_are_remembered_once_a_minute(database: Database) {
    let field = Field::new(database).await;
    let device = field.device("one").await;
    let other = field.device("two").await;
    let last = async |device| field.store.device(&DeviceRef::Id(device)).await.unwrap().device.last_refusal;
    assert_eq!(last(device).await, None);
    for (reason, after, expect) in [
        ("dev_id", 0, ("dev_id", 0)),
        ("certificate", 59, ("dev_id", 0)),
        ("certificate", 60, ("certificate", 60)),
        ("dev_id", 61, ("certificate", 60)),
    ] {
        let at = NOON + SECOND * after;
        field.store.record_refusal(device, Refusal { reason, at }).await.unwrap();
        let (reason, after) = expect;
        let remembered = LastRefusal { reason: reason.into(), at: NOON + SECOND * after };
        assert_eq!(last(device).await, Some(remembered));
    }
    assert_eq!(last(other).await, None);
    field.store.delete_device(&DeviceRef::Id(device), None, NOON).await.unwrap().unwrap();
    field.store.record_refusal(device, Refusal { reason: "dev_id", at: NOON + HOUR }).await.unwrap();
}

pub(crate) async fn a_reset_is_planned_for_the_next_session(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let before = field.channel(device).await;
    let wanted = DeviceRef::Name("one".parse().unwrap());
    let planned = field.store.reset_channel(&wanted, NOON).await.unwrap().unwrap();
    assert_eq!(planned.device.id, device);
    assert_eq!(planned.channel.state(), ChannelState::Live, "it works until then");
    assert!(!write_due(&before) && write_due(&planned.channel), "although just written");
    assert_eq!(field.channel(device).await, planned.channel, "it is durable");
    let mut leaves = ended(field.start(device, NOON).await);
    leaves.unenrolled = true;
    field.store.commit_session(leaves).await.unwrap();
    assert_eq!(field.store.reset_channel(&wanted, NOON).await.unwrap().unwrap_err(), Unenrolled);
    let nobody = DeviceRef::Name("nobody".parse().unwrap());
    assert_eq!(field.store.reset_channel(&nobody, NOON).await.unwrap_err(), Error::NotFound);
}

pub(crate) async fn a_reset_and_a_session_do_not_overwrite_each_other(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let mut commit = field.start(device, NOON).await;
    commit.channel = Some(field.with_uri(device, "two", NOON).await);
    field.store.reset_channel(&DeviceRef::Id(device), NOON).await.unwrap().unwrap();
    let refused = field.store.commit_session(commit).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "its gateway reads again and repeats: {refused:?}");
}

pub(crate) async fn what_is_secret_is_sealed(database: Database) {
    let field = Field::new(database).await;
    let mut new = new_device(&field.store, "one");
    new.credential = Some(Credential::from_password("user", "password").unwrap());
    let hash = new.credential.as_ref().unwrap().inner_hash.expose_secret().to_owned();
    let device = field.store.create_device(new, NOON).await.unwrap().device.id;
    field.go_live(device, "planted", NOON).await;
    field.open_session(device, NOON).await;
    assert_eq!(field.channel(device).await.uri().unwrap().expose(), uri("planted"));
    let secrets = [hash.as_bytes(), b"planted", b"nonce"];
    let columns =
        [("devices", "auth_hash"), ("channels", "uri"), ("sessions", "state"), ("key_check", "sealed")];
    for (table, column) in columns {
        let blobs = field.database.blobs(table, column).await;
        assert!(!blobs.is_empty(), "{table}.{column} is filled");
        for secret in secrets {
            let plain = |blob: &Vec<u8>| blob.windows(secret.len()).any(|window| window == secret);
            assert!(!blobs.iter().any(plain), "{table}.{column} is sealed");
        }
    }
    for (table, column) in [("channels", "rules"), ("sessions", "alerts"), ("devices", "labels")] {
        let texts = field.database.texts(table, column).await;
        assert!(!texts.iter().any(|text| text.contains("planted")), "{table}.{column}");
    }
}

/// Whether the device's next session writes the PFN.
fn write_due(channel: &Channel) -> bool {
    let (pfn, settings) = (pfn(), push::Settings::default());
    let device = DeviceId::new(uuid::Uuid::nil());
    let context =
        Context { now: NOON, settings: &settings, pfn: &pfn, device, old_build: false, may_write: true };
    let (_, steps) = Visit::begin(&mut channel.clone(), Detail::Known, &context);
    steps.iter().any(|step| matches!(step, Housekeeping::WriteInSequence { .. }))
}

async fn names(field: &Field, filter: &DeviceFilter) -> Vec<String> {
    let page = PageRequest { size: 100, after: None };
    let found = field.store.devices(filter, &page).await.unwrap();
    found.items.into_iter().map(|record| record.device.name.to_string()).collect()
}

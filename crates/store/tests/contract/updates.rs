//! What owners change: all or nothing, and a device that goes over to another push app.

use model::{CertificateFingerprint, Pfn, Priority};
use push::{ChannelState, EndReason, Mode, Modes, Outcome, Settings};
use secrecy::ExposeSecret;
use store::{
    AppCommand, Changed, ClaimRequest, ClaimedPush, Credential, DeviceRecord, DeviceRef, DeviceUpdate, Error,
    Expectation, Store,
};

use crate::{
    database::Database,
    field::{
        Field, HOUR, MINUTE, NOON, SECOND, app, claim_of, labels, new_device, pfn, received, responded,
        result,
    },
};

/// A field with a second push app.
async fn field_of_two(database: Database) -> Field {
    let field = Field::new(database).await;
    let other = ("other".parse().unwrap(), "Other_2".parse().unwrap());
    field.store.register_apps(vec![(app(), pfn()), other], NOON).await.unwrap();
    field
}

async fn update(field: &Field, name: &str, update: DeviceUpdate) -> DeviceRecord {
    let wanted = DeviceRef::Name(name.parse().unwrap());
    field.store.update_device(&wanted, None, update, NOON).await.unwrap().unwrap()
}

fn to_app(name: &str, pfn: &str) -> DeviceUpdate {
    DeviceUpdate { push_app: Some((name.parse().unwrap(), pfn.parse().unwrap())), ..DeviceUpdate::default() }
}

fn to_other() -> DeviceUpdate {
    to_app("other", "Other_2")
}

async fn claim_for(store: &Store, name: &str, pfn: &str) -> Vec<ClaimedPush> {
    let (app, pfn) = (name.parse().unwrap(), pfn.parse().unwrap());
    store.claim(ClaimRequest { app, pfn, ..claim_of(store, 10, NOON) }).await.unwrap()
}

pub(crate) async fn what_an_owner_changes_is_changed(database: Database) {
    let field = field_of_two(database).await;
    let device = field.device("one").await;
    let before = field.store.device(&DeviceRef::Id(device)).await.unwrap().device;
    let secret = Credential::from_password("user", "password").unwrap();
    let all = DeviceUpdate {
        provider_id: Some("Mdm".parse().unwrap()),
        push_app: to_other().push_app,
        labels: Some(labels(&[("site", "here")])),
        external_id: Some(Some("7".into())),
        credential: Some(Some(secret.clone())),
        certificate: Some(Some(CertificateFingerprint::new([7; 32]))),
    };
    let after = update(&field, "one", all.clone()).await.device;
    assert_eq!((after.provider_id.as_str(), after.push_app.as_str()), ("Mdm", "other"));
    assert_eq!(
        (after.labels.clone(), after.external_id.as_deref()),
        (labels(&[("site", "here")]), Some("7"))
    );
    assert_eq!(after.certificate, Some(CertificateFingerprint::new([7; 32])));
    assert_ne!(after.revision, before.revision);
    let kept = field.store.visitor(&after.name).await.unwrap().credential.unwrap();
    assert_eq!(
        (kept.user.as_str(), kept.inner_hash.expose_secret()),
        ("user", secret.inner_hash.expose_secret())
    );
    assert_eq!(update(&field, "one", all).await.device, after, "nothing is left to change");
    assert_eq!(update(&field, "one", DeviceUpdate::default()).await.device, after);
    let away = DeviceUpdate {
        external_id: Some(None),
        credential: Some(None),
        certificate: Some(None),
        labels: Some(labels(&[])),
        ..DeviceUpdate::default()
    };
    let bare = update(&field, "one", away).await.device;
    assert_eq!((bare.user, bare.external_id, bare.certificate), (None, None, None));
    assert_eq!((bare.labels, bare.provider_id), (labels(&[]), after.provider_id));
    assert!(field.store.visitor(&after.name).await.unwrap().credential.is_none());
}

pub(crate) async fn an_update_needs_the_revision_that_was_read(database: Database) {
    let field = Field::new(database).await;
    let device = DeviceRef::Id(field.device("one").await);
    let labelled = |value| DeviceUpdate { labels: Some(labels(&[("a", value)])), ..DeviceUpdate::default() };
    let change = async |expected, value| {
        field.store.update_device(&device, expected, labelled(value), NOON).await.unwrap()
    };
    let first = change(Some(0), "1").await.unwrap().device;
    assert_eq!(change(Some(0), "2").await.unwrap_err(), Changed, "somebody else was faster");
    let kept = field.store.device(&device).await.unwrap().device;
    assert_eq!(kept, first, "nothing was changed");
    change(Some(first.revision), "2").await.unwrap();
    let nobody = DeviceRef::Name("nobody".parse().unwrap());
    let refused = field.store.update_device(&nobody, None, labelled("3"), NOON).await.unwrap_err();
    assert_eq!(refused, Error::NotFound);
}

pub(crate) async fn an_update_happens_whole_or_not_at_all(database: Database) {
    let field = field_of_two(database).await;
    let bound = Some(CertificateFingerprint::new([1; 32]));
    let mut taken = new_device(&field.store, "one");
    taken.certificate = bound;
    field.store.create_device(taken, NOON).await.unwrap();
    let device = DeviceRef::Id(field.live_device("two").await);
    let before = field.store.device(&device).await.unwrap();
    let both = DeviceUpdate { certificate: Some(bound), labels: Some(labels(&[("a", "b")])), ..to_other() };
    let refused = field.store.update_device(&device, None, both, NOON).await.unwrap_err();
    assert!(matches!(refused, Error::Conflict(_)), "{refused:?}");
    let after = field.store.device(&device).await.unwrap();
    assert_eq!((after.device, after.channel), (before.device, before.channel));
}

pub(crate) async fn a_device_that_moves_is_pushed_to_by_its_old_app(database: Database) {
    let field = field_of_two(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    let moved = update(&field, "one", to_other()).await;
    assert_eq!((moved.channel.state(), moved.pushed_by), (ChannelState::Moving, app()));
    assert_eq!(moved.device.push_app.as_str(), "other");
    assert!(claim_for(&field.store, "other", "Other_2").await.is_empty());
    let push = field.claim_one(NOON).await;
    assert_eq!(push.wakes[0].wake.id(), asked.wake.wake.id());
    field.store.conclude(result(&push, received(), NOON)).await.unwrap();
    let second = field.live_device("two").await;
    update(&field, "two", to_other()).await;
    let asked = field.ask(second, NOON).await;
    assert_eq!((asked.expectation, asked.channel_state), (Expectation::PushNow, ChannelState::Moving));
    assert_eq!(field.claim_one(NOON).await.device, second, "also if it was asked for afterwards");
    let counts = field.store.channel_counts().await.unwrap();
    assert_eq!((counts.len(), counts[0].app.as_str(), counts[0].state.as_str()), (1, "main", "moving"));
}

pub(crate) async fn a_device_that_has_moved_is_pushed_to_by_its_new_app(database: Database) {
    let field = field_of_two(database).await;
    let device = field.live_device("one").await;
    update(&field, "one", to_other()).await;
    let (key, _) = field.open_session(device, NOON).await;
    let asked = field.ask(device, NOON).await;
    let other = "Other_2".parse().unwrap();
    let mut commit = field.next_message(device, key, NOON).await;
    commit.channel = Some(field.with_uri_under(device, &other, "new", NOON).await);
    commit.ending = Some("completed");
    field.store.commit_session(commit).await.unwrap();
    let shown = field.store.device(&DeviceRef::Id(device)).await.unwrap();
    assert_eq!((shown.channel.state(), shown.pushed_by.as_str()), (ChannelState::Live, "other"));
    let later = ClaimRequest {
        app: "other".parse().unwrap(),
        pfn: other,
        ..claim_of(&field.store, 10, NOON + MINUTE)
    };
    let claimed = field.store.claim(later).await.unwrap();
    assert_eq!(claimed[0].wakes[0].wake.id(), asked.wake.wake.id(), "the wake went along");
    assert!(field.claim(NOON + MINUTE).await.is_empty());
}

pub(crate) async fn a_channel_that_dies_on_the_way_belongs_to_the_new_app(database: Database) {
    let field = field_of_two(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    update(&field, "one", to_other()).await;
    let push = field.claim_one(NOON).await;
    field.store.conclude(result(&push, responded(410), NOON)).await.unwrap();
    let shown = field.store.device(&DeviceRef::Id(device)).await.unwrap();
    assert_eq!((shown.channel.state(), shown.pushed_by.as_str()), (ChannelState::Dead, "other"));
    assert!(field.claim(NOON + HOUR / 2).await.is_empty());
}

pub(crate) async fn a_doubted_death_on_the_way_leaves_the_channel_to_the_old_app(database: Database) {
    let field = field_of_two(database).await;
    let mut pushes = Vec::new();
    for n in 0..20 {
        let name = format!("device-{n:02}");
        let device = field.live_device(&name).await;
        field.ask(device, NOON).await;
        if n == 0 {
            update(&field, &name, to_other()).await;
        }
        pushes.push(field.claim_one(NOON).await);
    }
    for push in &pushes {
        field.store.conclude(result(push, responded(410), NOON + SECOND)).await.unwrap();
    }
    let moves = field.store.device(&DeviceRef::Id(pushes[0].device)).await.unwrap();
    assert_eq!((moves.channel.state(), moves.pushed_by), (ChannelState::Moving, app()));
    field.store.command_app(&app(), AppCommand::Resume, NOON + MINUTE).await.unwrap();
    let all = claim_of(&field.store, pushes.len(), NOON + MINUTE * 2);
    let again = field.store.claim(all).await.unwrap();
    assert!(again.iter().any(|push| push.device == pushes[0].device), "its wake is pushed for again");
    assert!(claim_for(&field.store, "other", "Other_2").await.is_empty());
}

pub(crate) async fn an_app_that_is_gone_is_not_waited_for(database: Database) {
    let field = field_of_two(database).await;
    let device = field.live_device("one").await;
    update(&field, "one", to_other()).await;
    // The service starts again, without the app that the device comes from.
    field
        .store
        .register_apps(vec![("other".parse().unwrap(), "Other_2".parse().unwrap())], NOON)
        .await
        .unwrap();
    let asked = field.ask(device, NOON).await;
    let expected = (Expectation::WaitsForSession, Some(EndReason::NoChannel));
    assert_eq!((asked.expectation, asked.obstacle), expected);
    let later = field.store.expect(asked.wake.clone(), NOON + MINUTE).await.unwrap();
    assert_eq!((later.expectation, later.obstacle), expected);
    let ended = field.store.end_due_wakes(asked.wake.wake.deadline()).await.unwrap();
    assert_eq!(ended[0].wake.end().map(|end| end.outcome), Some(Outcome::Unanswered(EndReason::NoChannel)));
}

pub(crate) async fn a_new_pfn_of_an_app_parts_the_channels_made_under_the_old_one(database: Database) {
    let field = field_of_two(database).await;
    let waiting = field.live_device("waits").await;
    let idle = field.live_device("idle").await;
    // It comes from the app whose PFN changes, and so has nothing that could be pushed to either.
    let moves = field.live_device("moves").await;
    update(&field, "moves", to_other()).await;
    let asked = field.ask(waiting, NOON).await;
    assert_eq!(asked.expectation, Expectation::PushNow);
    let other = ("other".parse().unwrap(), "Other_2".parse().unwrap());
    let new: Pfn = "App_3".parse().unwrap();
    field.store.register_apps(vec![(app(), new.clone()), other], NOON).await.unwrap();
    for device in [waiting, idle, moves] {
        assert_eq!(field.channel(device).await.state(), ChannelState::Unset);
    }
    let later = field.store.expect(asked.wake, NOON + MINUTE).await.unwrap();
    let expected = (Expectation::WaitsForSession, Some(EndReason::NoChannel));
    assert_eq!((later.expectation, later.obstacle), expected);
    assert!(claim_for(&field.store, "main", new.as_str()).await.is_empty());
    let counts = field.store.channel_counts().await.unwrap();
    let mut counts: Vec<_> = counts.iter().map(|it| (it.app.as_str(), it.state.as_str(), it.count)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [("main", "unset", 2), ("other", "unset", 1)], "how far the new PFN has got");
}

pub(crate) async fn wakes_that_wait_heed_new_labels(database: Database) {
    let on = ("ring".to_owned(), "pilot".to_owned());
    let modes = Modes { labels: vec![(on, Mode::On)], ..Modes::default() };
    let rules = Settings { mode: Mode::Off, modes, ..Settings::default() };
    let field = Field::with_rules(database, rules).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    for (ring, expectation, obstacle, due) in [
        ("office", Expectation::WaitsForSession, Some(EndReason::PushOff), NOON + HOUR),
        ("pilot", Expectation::PushNow, None, NOON),
        ("office", Expectation::WaitsForSession, Some(EndReason::PushOff), NOON + HOUR),
        ("pilot", Expectation::PushNow, None, NOON),
    ] {
        let labels = Some(labels(&[("ring", ring)]));
        update(&field, "one", DeviceUpdate { labels, ..DeviceUpdate::default() }).await;
        let now = field.store.expect(asked.wake.clone(), NOON).await.unwrap();
        assert_eq!((now.expectation, now.obstacle), (expectation, obstacle), "{ring}");
        let next = field.store.next_due(&app(), Priority::Interactive).await.unwrap();
        assert_eq!(next, Some(due), "{ring}");
    }
    let push = field.claim_one(NOON).await;
    assert_eq!(push.wakes[0].wake.id(), asked.wake.wake.id());
    field.store.conclude(result(&push, received(), NOON + SECOND)).await.unwrap();
    let labels = Some(labels(&[("ring", "office")]));
    update(&field, "one", DeviceUpdate { labels, ..DeviceUpdate::default() }).await;
    let now = field.store.expect(asked.wake, NOON + SECOND).await.unwrap();
    let expect = (Expectation::WaitsForSession, Some(EndReason::PushOff));
    assert_eq!((now.expectation, now.obstacle), expect, "whatever WNS took before");
}

pub(crate) async fn a_device_without_a_channel_moves_at_once(database: Database) {
    let field = field_of_two(database).await;
    let device = field.device("one").await;
    let moved = update(&field, "one", to_other()).await;
    assert_eq!((moved.channel.state(), moved.pushed_by.as_str()), (ChannelState::Unset, "other"));
    let asked = field.ask(device, NOON).await;
    assert_eq!(asked.expectation, Expectation::WaitsForSession);
    let back = update(&field, "one", to_app("main", pfn().as_str())).await;
    assert_eq!((back.channel.state(), back.pushed_by), (ChannelState::Unset, app()));
}

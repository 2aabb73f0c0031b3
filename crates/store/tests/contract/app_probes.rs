//! How a push app is found to be well again: by one push over all replicas, or by its credentials.

use std::time::Duration;

use futures_util::future::join_all;
use push::{Door, EndReason, Exchange, FaultKind, Mode, Modes, TokenTrouble};
use store::{AppCommand, ClaimRequest, ClaimedPush, NewDevice, Store};

use crate::{
    database::Database,
    field::{
        Field, HOUR, MINUTE, NOON, SECOND, app, claim_of, labels, new_device, pfn, received, responded,
        result,
    },
};

/// A field with so many devices that wait for their pushes. Its app was just registered, so the next push is a probe.
async fn waiting(database: Database, devices: u8) -> Field {
    let field = Field::new(database).await;
    for n in 0..devices {
        let device = field.live_device(&format!("device-{n}")).await;
        field.ask(device, NOON).await;
    }
    field
}

async fn door(field: &Field, now: model::Timestamp) -> Door {
    field.store.push_app(&app()).await.unwrap().condition.door(now)
}

async fn probe(store: &Store, now: model::Timestamp) -> Vec<ClaimedPush> {
    store.claim_probe(claim_of(store, 10, now)).await.unwrap()
}

pub(crate) async fn replicas_make_one_probe(database: Database) {
    let field = waiting(database, 5).await;
    let replica = field.database.open().await.unwrap();
    let stores = [&field.store, &replica, &field.store, &replica];
    let claims = join_all(stores.map(|store| probe(store, NOON))).await;
    let probes: Vec<_> = claims.into_iter().flatten().collect();
    assert_eq!(probes.len(), 1);
    assert_eq!(door(&field, NOON).await, Door::Probing(NOON + HOUR), "as long as the lease is");
    replica.conclude(result(&probes[0], received(), NOON + SECOND)).await.unwrap();
    assert_eq!(door(&field, NOON + SECOND).await, Door::Open);
    assert!(probe(&replica, NOON + SECOND).await.is_empty(), "an open app needs no probe");
    assert_eq!(field.claim(NOON + SECOND).await.len(), 4);
}

pub(crate) async fn a_lost_probe_blocks_until_its_lease_is_over(database: Database) {
    let field = waiting(database, 2).await;
    let lost = probe(&field.store, NOON).await.remove(0);
    assert!(probe(&field.store, NOON + HOUR - SECOND).await.is_empty());
    // A replica starts: the lost probe may have been its own.
    field.store.register_apps(vec![(app(), pfn())], NOON).await.unwrap();
    let soon = NOON + SECOND * 5;
    assert_eq!(door(&field, NOON).await, Door::Probing(soon));
    assert!(probe(&field.store, soon - SECOND).await.is_empty());
    let again = probe(&field.store, soon).await;
    assert_ne!(again[0].device, lost.device);
    let late = field.store.conclude(result(&lost, responded(500), soon)).await.unwrap();
    assert!(late.condition.is_some(), "a failure more");
    assert_eq!(door(&field, soon).await, Door::Probing(soon + HOUR), "the verdict was on another push");
}

pub(crate) async fn a_lost_lease_ends_the_probe_whatever_its_replicas_clock_said(database: Database) {
    let field = waiting(database, 2).await;
    let ahead = NOON + MINUTE * 20;
    let request = ClaimRequest { lease: Duration::ZERO, ..claim_of(&field.store, 1, ahead) };
    let lost = field.store.claim_probe(request).await.unwrap().remove(0);
    assert_eq!(door(&field, NOON).await, Door::Probing(ahead));
    let told = field.store.expire_leases(NOON).await.unwrap();
    assert_eq!(told.iter().map(|lost| lost.push.id).collect::<Vec<_>>(), [lost.id]);
    assert_eq!(door(&field, NOON).await, Door::Probe, "the database's clock counts");
    let other = probe(&field.store, NOON).await.remove(0);
    field.store.expire_leases(NOON).await.unwrap();
    assert_eq!(door(&field, NOON).await, Door::Probing(NOON + HOUR), "{} is under way", other.id);
}

pub(crate) async fn a_probe_goes_past_what_is_only_observed(database: Database) {
    let select = labels(&[("ring", "pilot")]);
    let modes = Modes { labels: vec![(("ring".into(), "pilot".into()), Mode::On)], ..Modes::default() };
    let rules = push::Settings { mode: Mode::Observe, modes, ..push::Settings::default() };
    let field = Field::with_rules(database, rules).await;
    for n in 0..3 {
        let device = field.live_device(&format!("observed-{n}")).await;
        field.ask(device, NOON).await;
    }
    let pushes = field.store.claim_probe(claim_of(&field.store, 1, NOON)).await.unwrap();
    assert_eq!(pushes.iter().filter(|push| push.observed).count(), 3, "all at once");
    assert_eq!(door(&field, NOON).await, Door::Probe, "nobody knows more");
    for n in 3..5 {
        let device = field.live_device(&format!("observed-{n}")).await;
        field.ask(device, NOON).await;
    }
    for n in 0..2 {
        let pilot = NewDevice { labels: select.clone(), ..new_device(&field.store, &format!("pilot-{n}")) };
        let pilot = field.store.create_device(pilot, NOON).await.unwrap().device.id;
        field.go_live(pilot, &format!("pilot-{n}"), NOON - MINUTE).await;
        field.ask(pilot, NOON + SECOND).await;
    }
    let now = NOON + SECOND;
    let pushes = field.store.claim_probe(claim_of(&field.store, 1, now)).await.unwrap();
    let observed: Vec<_> = pushes.iter().map(|push| push.observed).collect();
    assert_eq!(observed, [true, true, false], "one that is made ends it");
    assert_eq!(door(&field, now).await, Door::Probing(now + HOUR));
}

pub(crate) async fn a_probe_that_says_nothing_is_followed_by_another(database: Database) {
    let field = waiting(database, 3).await;
    let first = probe(&field.store, NOON).await.remove(0);
    field.store.conclude(result(&first, responded(500), NOON)).await.unwrap();
    assert_eq!(door(&field, NOON).await, Door::Probe);
    let second = probe(&field.store, NOON).await.remove(0);
    field.store.hand_back(second.id, second.device, NOON).await.unwrap();
    assert_eq!(door(&field, NOON).await, Door::Probe, "it was never made");
    assert_eq!(probe(&field.store, NOON).await.len(), 1);
}

pub(crate) async fn a_shut_app_is_not_probed(database: Database) {
    let field = waiting(database, 2).await;
    let first = probe(&field.store, NOON).await.remove(0);
    let judged = field.store.conclude(result(&first, responded(503), NOON)).await.unwrap();
    let until = judged.condition.unwrap().gate_until().unwrap();
    assert!(probe(&field.store, until - SECOND).await.is_empty());
    assert_eq!(probe(&field.store, until).await.len(), 1, "when the gate opens");
    let nobody = "nobody".parse().unwrap();
    let request = store::ClaimRequest { app: nobody, ..claim_of(&field.store, 1, NOON) };
    assert!(field.store.claim_probe(request).await.unwrap().is_empty());
}

/// The app's credentials are refused at noon.
async fn refused(database: Database) -> Field {
    let field = waiting(database, 1).await;
    let push = probe(&field.store, NOON).await.remove(0);
    let trouble = Exchange::NoToken(TokenTrouble::Credential { description: "invalid_client".into() });
    field.store.conclude(result(&push, trouble, NOON)).await.unwrap();
    assert_eq!(door(&field, NOON).await, Door::Shut(NOON + MINUTE));
    field
}

pub(crate) async fn mended_credentials_are_tried_at_once(database: Database) {
    let field = refused(database).await;
    let mended = field.store.command_app(&app(), AppCommand::Mended, NOON + SECOND).await.unwrap();
    assert_eq!(mended.condition.door(NOON + SECOND), Door::Probe);
    let reason = mended.condition.reason(NOON + SECOND);
    assert_eq!(reason, Some(EndReason::CredentialFault), "it is not known yet whether they are right");
    field.store.command_app(&app(), AppCommand::Pause, NOON + SECOND).await.unwrap();
    let paused = field.store.command_app(&app(), AppCommand::Mended, NOON + SECOND).await.unwrap();
    assert!(paused.condition.paused(), "that is an operator's to lift");
}

pub(crate) async fn credentials_are_mended_of_their_own_fault_only(database: Database) {
    let field = Field::new(database).await;
    for n in 0..20 {
        let device = field.live_device(&format!("device-{n:02}")).await;
        field.ask(device, NOON).await;
        let push = field.claim_one(NOON).await;
        field.store.conclude(result(&push, responded(410), NOON)).await.unwrap();
    }
    let shut = Door::Shut(NOON + MINUTE);
    assert_eq!(door(&field, NOON).await, shut);
    let after = field.store.command_app(&app(), AppCommand::Mended, NOON + SECOND).await.unwrap();
    assert_eq!(after.condition.door(NOON + SECOND), shut, "deaths are suspect all the same");
    field.store.credentials_probed(&app(), None, NOON + SECOND).await.unwrap();
    let condition = field.store.push_app(&app()).await.unwrap().condition;
    assert_eq!(condition.fault().map(|fault| fault.kind), Some(FaultKind::MassDeath));
}

pub(crate) async fn a_token_ends_the_fault_or_prolongs_it(database: Database) {
    let field = refused(database).await;
    let at = NOON + MINUTE;
    field.store.credentials_probed(&app(), Some("still wrong".into()), at).await.unwrap();
    let fault = field.store.push_app(&app()).await.unwrap().condition.fault().cloned().unwrap();
    assert_eq!((fault.since, fault.description.as_str()), (NOON, "still wrong"));
    assert_eq!(door(&field, at).await, Door::Shut(at + MINUTE * 2), "twice as long");
    let replica = field.database.open().await.unwrap();
    replica.credentials_probed(&app(), None, at).await.unwrap();
    assert_eq!(door(&field, at).await, Door::Probe, "whether WNS takes the token shows with a push");
    assert_eq!(field.store.push_app(&app()).await.unwrap().condition.fault(), None);
}

pub(crate) async fn that_it_pushes_again_is_told_once_and_only_if_it_was_shut(database: Database) {
    let field = waiting(database, 6).await;
    let replica = field.database.open().await.unwrap();
    let probed = probe(&field.store, NOON).await.remove(0);
    let pushes = field.claim(NOON).await;
    let conclude = async |store: &Store, push: &ClaimedPush, exchange, at| {
        let judged = store.conclude(result(push, exchange, at)).await.unwrap();
        (judged.condition.is_some(), judged.reopened)
    };
    let (told, silent) = ((true, true), (true, false));
    assert_eq!(conclude(&field.store, &probed, received(), NOON).await, silent, "it only started");
    assert_eq!(
        conclude(&field.store, &pushes[0], responded(500), NOON).await,
        silent,
        "a failure is counted"
    );
    assert_eq!(conclude(&field.store, &pushes[1], received(), NOON).await, silent, "and forgotten");
    assert_eq!(conclude(&field.store, &pushes[2], responded(503), NOON).await, silent, "now it is shut");
    let opens = NOON + HOUR;
    assert_eq!(conclude(&replica, &pushes[3], received(), opens).await, told, "a push shows that it is open");
    assert!(!conclude(&field.store, &pushes[4], received(), opens).await.1, "another one is no news");
}

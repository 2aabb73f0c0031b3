//! Push apps.

use std::time::Duration;

use model::{DeviceId, Pfn, Timestamp};
use push::{ChannelState, Door, EndReason, FaultKind, TokenTrouble, Verdict};
use store::{AppCommand, ChannelCount, ClaimRequest, ClaimedPush, Error, Judged};

use crate::{
    database::Database,
    field::{Field, MINUTE, NOON, SECOND, app, claim_of, pfn, received, responded, result, uri},
};

pub(crate) async fn registered_apps_keep_their_conditions(database: Database) {
    let field = Field::new(database).await;
    field.store.command_app(&app(), AppCommand::Pause, NOON).await.unwrap();
    let other: Pfn = "App_2".parse().unwrap();
    field
        .store
        .register_apps(vec![("spare".parse().unwrap(), pfn()), (app(), other.clone())], NOON)
        .await
        .unwrap();
    let apps = field.store.push_apps().await.unwrap();
    let names: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
    assert_eq!(names, ["main", "spare"]);
    assert_eq!(apps[0].pfn, other, "the configuration's PFN");
    assert!(apps[0].condition.paused(), "an operator's pause outlives a restart");
    assert_eq!(apps[1].condition.door(NOON), Door::Probe, "nobody knows what happened meanwhile");
}

pub(crate) async fn an_app_is_paused_and_resumed(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    field.ask(device, NOON).await;
    let push = field.claim_one(NOON).await;
    let trouble = push::Exchange::NoToken(TokenTrouble::Credential { description: "invalid_client".into() });
    let judged = field.store.conclude(result(&push, trouble, NOON)).await.unwrap();
    let fault = judged.condition.unwrap().fault().unwrap().clone();
    assert_eq!(fault.description, "invalid_client");
    let app_now = field.store.push_app(&app()).await.unwrap();
    assert_eq!(app_now.condition.reason(NOON), Some(EndReason::CredentialFault));
    let paused = field.store.command_app(&app(), AppCommand::Pause, NOON).await.unwrap();
    assert_eq!(paused.condition.door(NOON), Door::Shut(model::Timestamp::MAX));
    let resumed = field.store.command_app(&app(), AppCommand::Resume, NOON).await.unwrap();
    assert_eq!(resumed.condition.door(NOON), Door::Probe);
    assert_eq!(resumed.condition.reason(NOON + MINUTE), None, "the fault is lifted as well");
}

pub(crate) async fn an_unknown_app_is_not_found(database: Database) {
    let field = Field::new(database).await;
    let name = "nobody".parse().unwrap();
    assert_eq!(field.store.push_app(&name).await.unwrap_err(), Error::NotFound);
    assert_eq!(field.store.command_app(&name, AppCommand::Pause, NOON).await.unwrap_err(), Error::NotFound);
}

pub(crate) async fn channels_are_counted_by_app_and_state(database: Database) {
    let field = Field::new(database).await;
    field.live_device("one").await;
    field.live_device("two").await;
    field.device("three").await;
    let mut counts = field.store.channel_counts().await.unwrap();
    counts.sort_by(|a, b| a.state.cmp(&b.state));
    let count = |state: &str, count| ChannelCount { app: "main".into(), state: state.into(), count };
    assert_eq!(counts, [count("live", 2), count("unset", 1)]);
}

/// A live device with a wake, and its push under way.
async fn pushed(field: &Field, name: &str) -> (DeviceId, ClaimedPush) {
    let device = field.live_device(name).await;
    field.ask(device, NOON).await;
    (device, field.claim_one(NOON).await)
}

async fn answered(field: &Field, push: &ClaimedPush, status: u16, now: Timestamp) -> Judged {
    field.store.conclude(result(push, responded(status), now)).await.unwrap()
}

pub(crate) async fn many_deaths_are_held_as_suspect(database: Database) {
    let field = Field::new(database).await;
    let mut pushes = Vec::new();
    for n in 0..21 {
        pushes.push(pushed(&field, &format!("device-{n:02}")).await);
    }
    let (late, pushes) = pushes.split_last().unwrap();
    for (n, (device, push)) in pushes.iter().enumerate() {
        let judged = answered(&field, push, 410, NOON + SECOND).await;
        let (verdict, state) = match n {
            19 => (Verdict::ChannelSuspect, ChannelState::Live),
            _ => (Verdict::ChannelDead, ChannelState::Dead),
        };
        assert_eq!((judged.verdict, field.channel(*device).await.state()), (verdict, state), "the {n}th");
    }
    for (device, push) in pushes {
        assert_eq!(field.channel(*device).await.state(), ChannelState::Live, "the deaths are doubted");
        let record = field.store.pushes(&push.wakes[0]).await.unwrap().remove(0);
        assert_eq!(record.verdict.as_deref(), Some("channel_suspect"));
    }
    let condition = field.store.push_app(&app()).await.unwrap().condition;
    assert_eq!(condition.fault().map(|fault| fault.kind), Some(FaultKind::MassDeath));
    assert_eq!(condition.door(NOON + SECOND), Door::Shut(NOON + SECOND + MINUTE));
    let (device, push) = late;
    assert_eq!(answered(&field, push, 404, NOON + SECOND * 2).await.verdict, Verdict::ChannelSuspect);
    assert_eq!(field.channel(*device).await.state(), ChannelState::Live);
    assert_eq!(field.claim(NOON + MINUTE * 2).await.len(), 10, "they are due as soon as the app is open");
}

pub(crate) async fn suspects_die_or_live_when_an_operator_resumes(database: Database) {
    let field = Field::new(database).await;
    let mut pushes = Vec::new();
    for n in 0..20 {
        pushes.push(pushed(&field, &format!("device-{n:02}")).await);
    }
    for (_, push) in &pushes {
        answered(&field, push, 410, NOON + SECOND).await;
    }
    let resumed = field.store.command_app(&app(), AppCommand::Resume, NOON + MINUTE).await.unwrap();
    assert_eq!((resumed.condition.door(NOON + MINUTE), resumed.condition.fault()), (Door::Probe, None));
    let again = field.claim(NOON + MINUTE * 2).await;
    let (lives, dies) = (&again[0], &again[1]);
    field.store.conclude(result(lives, received(), NOON + MINUTE * 2)).await.unwrap();
    assert_eq!(answered(&field, dies, 410, NOON + MINUTE * 2).await.verdict, Verdict::ChannelDead);
    assert_eq!(field.channel(lives.device).await.state(), ChannelState::Live);
    assert_eq!(field.channel(dies.device).await.state(), ChannelState::Dead);
}

pub(crate) async fn a_new_channel_is_not_touched_by_a_doubt(database: Database) {
    let field = Field::new(database).await;
    let mut pushes = Vec::new();
    for n in 0..20 {
        pushes.push(pushed(&field, &format!("device-{n:02}")).await);
    }
    let (first, _) = pushes[0];
    for (n, (_, push)) in pushes.iter().enumerate() {
        answered(&field, push, 410, NOON + SECOND).await;
        if n == 0 {
            field.go_live(first, "newer", NOON + SECOND * 2).await;
        }
    }
    let channel = field.channel(first).await;
    assert_eq!((channel.state(), channel.generation()), (ChannelState::Live, 2));
    assert_eq!(channel.uri().unwrap().expose(), uri("newer"));
}

/// The answer to its first push comes after that push's lease ran out and a second one was called dead as well.
pub(crate) async fn a_channel_that_died_twice_lives_again_when_that_is_doubted(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let wake = field.ask(device, NOON).await.wake;
    let lost = ClaimRequest { lease: Duration::ZERO, ..claim_of(&field.store, 1, NOON) };
    let first = field.store.claim(lost).await.unwrap().remove(0);
    field.store.expire_leases(NOON).await.unwrap();
    let second = field.claim_one(NOON + MINUTE).await;
    let now = NOON + MINUTE + SECOND;
    for push in [&second, &first] {
        assert_eq!(answered(&field, push, 410, now).await.verdict, Verdict::ChannelDead);
    }
    for n in 0..18 {
        let (_, push) = pushed(&field, &format!("device-{n:02}")).await;
        answered(&field, &push, 410, now).await;
    }
    let records = field.store.pushes(&wake).await.unwrap();
    let verdicts: Vec<_> = records.iter().filter_map(|record| record.verdict.as_deref()).collect();
    assert_eq!(verdicts, ["channel_suspect"; 2]);
    assert_eq!(field.channel(device).await.state(), ChannelState::Live);
    field.go_live(device, "one", now).await;
    let channel = field.channel(device).await;
    assert_eq!(
        (channel.state(), channel.generation()),
        (ChannelState::Live, 1),
        "the device says the same URI"
    );
}

//! Push apps.

use model::Pfn;
use push::{Door, EndReason, TokenTrouble};
use store::{AppCommand, ChannelCount, Error};

use crate::{
    database::Database,
    field::{Field, MINUTE, NOON, app, pfn, result},
};

pub(crate) async fn registered_apps_keep_their_conditions(database: Database) {
    let field = Field::new(database).await;
    field.store.command_app(&app(), AppCommand::Pause).await.unwrap();
    let other: Pfn = "App_2".parse().unwrap();
    field.store.register_apps(vec![("spare".parse().unwrap(), pfn()), (app(), other.clone())]).await.unwrap();
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
    let paused = field.store.command_app(&app(), AppCommand::Pause).await.unwrap();
    assert_eq!(paused.condition.door(NOON), Door::Shut(model::Timestamp::MAX));
    let resumed = field.store.command_app(&app(), AppCommand::Resume).await.unwrap();
    assert_eq!(resumed.condition.door(NOON), Door::Probe);
    assert_eq!(resumed.condition.reason(NOON + MINUTE), None, "the fault is lifted as well");
}

pub(crate) async fn an_unknown_app_is_not_found(database: Database) {
    let field = Field::new(database).await;
    let name = "nobody".parse().unwrap();
    assert_eq!(field.store.push_app(&name).await.unwrap_err(), Error::NotFound);
    assert_eq!(field.store.command_app(&name, AppCommand::Pause).await.unwrap_err(), Error::NotFound);
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

//! One record that cannot be read stops nothing but its own device.

use std::{collections::HashMap, time::Duration};

use model::DeviceId;
use push::{ChannelState, EndReason, Outcome, Verdict};
use store::{AskWake, ClaimRequest, DeviceFilter, DeviceRef, PageRequest, Store, WakeFilter};

use crate::{
    database::Database,
    field::{DAY, Field, HOUR, MINUTE, NOON, SECOND, claim_of, ended, key, responded, result},
};

/// Longer than any name.
const LONG_NAME: &str = "replace('................', '.', '................')";

impl Field {
    /// Writes something into a column of what belongs to a device.
    async fn spoil(&self, table: &str, column: &str, value: &str, device: &str) {
        let of = if table == "devices" { "id" } else { "device_id" };
        let whose = format!("{of} = (SELECT id FROM devices WHERE name = '{device}')");
        self.database.execute(&format!("UPDATE {table} SET {column} = {value} WHERE {whose}")).await;
    }

    /// Live devices with a wake each.
    async fn waiting<const N: usize>(&self, names: [&str; N]) -> [DeviceId; N] {
        let mut devices = Vec::new();
        for name in names {
            let device = self.live_device(name).await;
            self.ask(device, NOON).await;
            devices.push(device);
        }
        devices.try_into().unwrap()
    }
}

/// A claim whose lease is over at once.
fn lost(store: &Store) -> ClaimRequest {
    ClaimRequest { lease: Duration::ZERO, ..claim_of(store, 10, NOON) }
}

pub(crate) async fn what_cannot_be_read_stops_nothing_else(database: Database) {
    let field = Field::new(database).await;
    let tables = [("bad-channel", "channels"), ("bad-summons", "summonses")];
    let devices = field.waiting(["bad-channel", "bad-summons", "good"]).await;
    assert_eq!(field.store.claim(lost(&field.store)).await.unwrap().len(), devices.len());
    for (name, table) in tables {
        field.spoil(table, "rules", "'nonsense'", name).await;
    }
    let lost = field.store.expire_leases(NOON).await.unwrap();
    assert_eq!(lost.iter().map(|lost| lost.device_name.as_str()).collect::<Vec<_>>(), ["good"]);
    let under_way = field.database.count("summonses WHERE push_id IS NOT NULL").await;
    assert_eq!(under_way, 0, "they are not found again in each round");
    field.store.beat(NOON).await.unwrap();
    assert_eq!(field.store.resume_windows(NOON + MINUTE).await.unwrap(), MINUTE);
    assert_eq!(field.claim(NOON + MINUTE).await.len(), 1);
    let ended = field.store.end_due_wakes(NOON + HOUR).await.unwrap();
    let reasons: HashMap<_, _> =
        ended.iter().map(|wake| (wake.device_name.as_str(), wake.wake.end().unwrap().outcome)).collect();
    for (name, _) in tables {
        assert_eq!(reasons[name], Outcome::Unanswered(EndReason::NotPushed), "{name}");
    }
    assert_eq!(ended.len(), devices.len());
    assert_eq!(field.database.count("summonses").await, 0);
}

pub(crate) async fn a_claim_goes_past_a_name_that_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    let [bad, good] = field.waiting(["bad", "good"]).await;
    field.spoil("devices", "name", LONG_NAME, "bad").await;
    let claimed: Vec<_> = field.claim(NOON).await.into_iter().map(|push| push.device).collect();
    assert_eq!(claimed, [good]);
    assert_eq!(field.database.count("pushes").await, 1, "no push was meant for the other one");
    assert!(field.claim(NOON + SECOND).await.is_empty(), "it is not looked at again at once");
    field.database.execute("UPDATE devices SET name = 'bad' WHERE name LIKE '..%'").await;
    assert_eq!(field.claim_one(NOON + MINUTE).await.device, bad);
}

pub(crate) async fn leases_run_out_whatever_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    field.waiting(["bad", "good", "bad-alone", "good-alone"]).await;
    field.store.claim(lost(&field.store)).await.unwrap();
    field.spoil("wakes", "device_name", LONG_NAME, "bad-alone").await;
    for name in ["bad-alone", "good-alone"] {
        let alone = DeviceRef::Name(name.parse().unwrap());
        let _ended = field.store.delete_device(&alone, None, NOON).await.unwrap().unwrap();
    }
    field.spoil("devices", "name", LONG_NAME, "bad").await;
    let told = field.store.expire_leases(NOON).await.unwrap();
    let mut told: Vec<_> = told.iter().map(|push| push.device_name.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["good", "good-alone"]);
    assert_eq!(field.database.count("pushes WHERE finished_at IS NULL").await, 0, "all of them are over");
    assert_eq!(field.database.count("summonses WHERE push_id IS NOT NULL").await, 0);
}

pub(crate) async fn sessions_end_whatever_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    let columns = ["outcomes", "outstanding", "alerts", "trace", "links"];
    for column in columns {
        field.open_session(field.device(column).await, NOON).await;
        field.spoil("sessions", column, "'nonsense'", column).await;
    }
    let (good, _) = field.open_session(field.device("good").await, NOON).await;
    let over = field.store.end_silent_sessions(NOON + HOUR).await.unwrap();
    assert_eq!(over.iter().map(|session| session.key).collect::<Vec<_>>(), [good]);
    assert_eq!(field.database.count("sessions WHERE ended_at IS NULL").await, 0);
    for column in columns {
        let name = column.parse().unwrap();
        let device = field.store.visitor(&name).await.unwrap().device.id;
        field.open_session(device, NOON + HOUR).await;
        field.spoil("sessions", column, "'nonsense'", column).await;
        let visitor = field.store.visitor(&name).await.unwrap();
        assert_eq!(visitor.device_session.is_none(), ["trace", "links"].contains(&column), "{column}");
        let next = ended(field.start(device, NOON + HOUR + MINUTE).await);
        let superseded = field.store.commit_session(next).await.unwrap().superseded;
        assert!(superseded.is_empty(), "{column}: nobody can tell what it was");
        let shown = field.store.last_sessions(device, 9).await.unwrap();
        assert!(!shown.is_empty(), "{column}: what can be read is shown");
    }
    assert_eq!(field.database.count("sessions WHERE ended_at IS NULL").await, 0);
}

pub(crate) async fn wakes_end_whatever_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    for (name, column) in [("overdue", "trace"), ("answered", "labels"), ("gone", "parent")] {
        let device = field.device(name).await;
        let keyed = AskWake { idempotency: Some(key(name, "a")), ..field.wake(device, NOON) };
        let bad = field.store.ask(keyed).await.unwrap().unwrap().wake.wake.id();
        field.spoil("wakes", column, "'nonsense'", name).await;
        let good = field.ask(device, NOON).await.wake.wake.id();
        let known = field.store.wakes_of([bad, good]).await.unwrap();
        assert_eq!(known.iter().map(|it| it.wake.id()).collect::<Vec<_>>(), [good], "{name}");
        let over = match name {
            "overdue" => field.store.end_due_wakes(NOON + HOUR).await.unwrap(),
            "answered" => field.open_session(device, NOON + MINUTE).await.1.answered,
            _ => {
                let gone = DeviceRef::Id(device);
                field.store.delete_device(&gone, None, NOON + MINUTE).await.unwrap().unwrap()
            }
        };
        assert_eq!(over.iter().map(|it| it.wake.id()).collect::<Vec<_>>(), [good], "{name}");
        assert_eq!(field.database.count("wakes WHERE state = 'live'").await, 0, "{name}");
        assert_eq!(field.database.count("summonses").await, 0, "{name}");
        assert_eq!(field.database.count("idempotency_keys WHERE expires_at IS NULL").await, 0, "{name}");
    }
    assert!(field.store.end_due_wakes(NOON + DAY).await.unwrap().is_empty());
}

pub(crate) async fn channels_expire_whatever_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    let [_, waiting, good] = field.waiting(["bad", "waiting", "good"]).await;
    field.spoil("channels", "rules", "'nonsense'", "bad").await;
    field.spoil("summonses", "rules", "'nonsense'", "waiting").await;
    field.store.expire_channels(NOON + DAY * 30).await.unwrap();
    for device in [waiting, good] {
        assert_eq!(field.channel(device).await.state(), ChannelState::Stale);
    }
    assert_eq!(
        field.store.expire_channels(NOON + DAY * 30).await.unwrap(),
        0,
        "it is not found in each round"
    );
}

pub(crate) async fn deaths_are_doubted_whatever_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    let mut pushes = Vec::new();
    for n in 0..20 {
        field.ask(field.live_device(&format!("device-{n:02}")).await, NOON).await;
        pushes.push(field.claim_one(NOON).await);
    }
    let (last, dead) = pushes.split_last().unwrap();
    for push in dead {
        field.store.conclude(result(push, responded(410), NOON + SECOND)).await.unwrap();
    }
    field.spoil("channels", "rules", "'nonsense'", "device-00").await;
    field.spoil("summonses", "rules", "'nonsense'", "device-01").await;
    let judged = field.store.conclude(result(last, responded(410), NOON + SECOND)).await.unwrap();
    assert_eq!(judged.verdict, Verdict::ChannelSuspect);
    let verdicts = field.database.texts("pushes", "verdict").await;
    let count = |wanted: &str| verdicts.iter().filter(|verdict| *verdict == wanted).count();
    assert_eq!((count("channel_dead"), count("channel_suspect")), (2, 18));
    for (n, push) in pushes.iter().enumerate().skip(1) {
        let state = if n == 1 { ChannelState::Dead } else { ChannelState::Live };
        assert_eq!(field.channel(push.device).await.state(), state, "device-{n:02}");
    }
}

pub(crate) async fn lists_leave_out_what_cannot_be_read(database: Database) {
    let field = Field::new(database).await;
    field.waiting(["a", "b", "c"]).await;
    field.spoil("channels", "rules", "'nonsense'", "b").await;
    field.spoil("wakes", "labels", "'nonsense'", "b").await;
    let everyone = DeviceFilter::default();
    let mut page = PageRequest { size: 1, after: None };
    let mut listed = Vec::new();
    for _ in 0..3 {
        let found = field.store.devices(&everyone, &page).await.unwrap();
        listed.extend(found.items.into_iter().map(|record| record.device.name.to_string()));
        page.after = found.next;
    }
    assert_eq!((listed, page.after), (vec!["a".to_owned(), "c".to_owned()], None));
    let all = PageRequest { size: 10, after: None };
    let wakes = field.store.wakes(&WakeFilter::default(), &all).await.unwrap().items;
    assert_eq!(wakes.iter().map(|it| it.device_name.as_str()).collect::<Vec<_>>(), ["c", "a"]);
}

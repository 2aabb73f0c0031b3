//! How much work is done for what waits: none. Counted in rows and pages, not in time.

use std::fmt::Write;

use model::PushAppName;
use store::Plan;

use crate::{
    database::Database,
    field::{Field, NOON, app, claim_of},
};

/// Summonses that are due, while their push app may not push.
const WAITING: u32 = 100_000;

/// Each question that is asked every second or after each push, and the index that answers it.
const ANSWERED_BY: [(&str, &str); 13] = [
    ("due summonses", "summonses_due"),
    ("the next due summons", "summonses_due"),
    ("the last answers about an app's channels", "pushes_about_channels"),
    ("lost leases", "summonses_in_flight"),
    ("pushes that were left alone", "pushes_left_alone"),
    ("deadlines that passed", "wakes_live"),
    ("silent sessions", "sessions_open"),
    ("channels that outlived themselves", "channels_live"),
    ("replies to forget", "sessions_with_reply"),
    ("idempotency keys to forget", "idempotency_keys_expiring"),
    ("sessions to forget", "sessions_ended"),
    ("wakes to forget", "wakes_ended"),
    ("pushes to forget", "pushes_claimed"),
];

pub(crate) async fn what_waits_for_one_app_costs_the_others_nothing(database: Database) {
    let field = Field::new(database).await;
    let device = field.live_device("one").await;
    let asked = field.ask(device, NOON).await;
    seed(&field.database).await;
    let gated: PushAppName = "gated".parse().unwrap();
    for (whose, most) in [(app(), 60), (gated, 64 * 12)] {
        let plans = field.store.plans(&whose, NOON).await.unwrap();
        let questions: Vec<_> = plans.iter().map(|plan| plan.question).collect();
        assert_eq!(questions, ANSWERED_BY.map(|(question, _)| question));
        for (plan, (_, index)) in plans.iter().zip(ANSWERED_BY) {
            check(plan, index, most);
        }
    }
    let claimed = field.store.claim(claim_of(&field.store, 64, NOON)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].wakes[0].wake.id(), asked.wake.wake.id());
}

/// The index answers, in its order, and no row is read that is not asked for; PostgreSQL also says how many pages it took.
fn check(plan: &Plan, index: &str, most_pages: u64) {
    let text = plan.steps.join("\n");
    assert!(text.contains(index), "{}: {text}", plan.question);
    for work in ["SCAN ", "Seq Scan", "TEMP B-TREE", "Sort", "Rows Removed"] {
        assert!(!text.contains(work), "{}: {text}", plan.question);
    }
    let buffers = plan.steps.iter().find_map(|step| step.trim().strip_prefix("Buffers: shared "));
    let counts = buffers.into_iter().flat_map(str::split_whitespace).filter_map(|it| it.split_once('='));
    let read = counts.filter(|(what, _)| ["hit", "read"].contains(what));
    let pages: u64 = read.map(|(_, count)| count.parse::<u64>().unwrap()).sum();
    assert!(pages <= most_pages, "{}: {pages} pages\n{text}", plan.question);
}

/// A large fleet: what is not about summonses is smaller on SQLite, which plans without looking at sizes.
async fn seed(database: &Database) {
    let postgres = database.url.starts_with("postgres");
    let others = if postgres { 30_000 } else { 1_000 };
    let id = |kind: u8| {
        if postgres {
            format!("('{kind}' || lpad(to_hex(n), 31, '0'))::uuid")
        } else {
            format!("CAST(printf('{kind}%015d', n) AS BLOB)")
        }
    };
    let text = "'{}'";
    let rows = |count: u32| {
        if postgres {
            format!("generate_series(1, {count}) AS n")
        } else {
            format!(
                "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s)"
            )
        }
    };
    let noon = NOON.as_micros();
    let hour = 3_600_000_000_i64;
    let device = id(1);
    let blob = if postgres { "'\\x00'::bytea" } else { "x'00'" };
    let mut sql = String::from("BEGIN;");
    let mut insert = |table: &str, columns: &str, values: String, count: u32| {
        write!(sql, "INSERT INTO {table} ({columns}) SELECT {values} FROM {};", rows(count)).unwrap();
    };
    insert(
        "devices",
        "id, name, provider_id, push_app, labels, created_at, revision",
        format!("{device}, 'seeded ' || n, 'Reveille', 'gated', {text}, 0, 0"),
        WAITING,
    );
    insert(
        "summonses",
        "id, device_id, push_app, priority, next_at, rules",
        format!("{}, {device}, 'gated', n % 2, {noon} - n, {text}", id(2)),
        WAITING,
    );
    insert(
        "wakes",
        "id, device_id, device_name, caller, reason, labels, priority, asked_at, deadline, state, ended_at, trace",
        format!(
            "{}, {device}, 'seeded ' || n, 'console', '', {text}, 1, {noon} - n, {noon} + {hour} + n, \
             CASE WHEN n % 2 = 0 THEN 'live' ELSE 'answered' END, \
             CASE WHEN n % 2 = 0 THEN NULL ELSE {noon} - n END, ''",
            id(3)
        ),
        others,
    );
    insert(
        "channels",
        "device_id, push_app, state, generation, expires_at, rules, revision",
        format!("{device}, 'gated', 'live', 1, {noon} + {hour} + n, {text}, 0"),
        others,
    );
    insert(
        "sessions",
        "id, device_id, scope, session_id, started_at, heard_at, ended_at, messages, alerts, trace, state, revision",
        format!(
            "{}, {device}, 'device', '1', {noon} - n, {noon} - n, \
             CASE WHEN n % 50 = 0 THEN NULL ELSE {noon} - n END, 1, '[]', '', {blob}, 0",
            id(4)
        ),
        others,
    );
    insert(
        "pushes",
        "id, summons_id, device_id, push_app, generation, attempt, ttl_seconds, claimed_at, finished_at, verdict, trace",
        format!(
            "{}, {}, {device}, 'gated', 1, 1, 60, {noon} - n, {noon} - n, \
             CASE WHEN n * 2 <= {others} THEN 'observed' ELSE 'sent' END, ''",
            id(5),
            id(2)
        ),
        others,
    );
    insert(
        "idempotency_keys",
        "caller, key, wake_id, request_hash, expires_at",
        format!("'console', 'seeded ' || n, {}, {blob}, {noon} + {hour} + n", id(3)),
        others,
    );
    sql.push_str("COMMIT;");
    database.execute(&sql).await;
    if postgres {
        database.execute("ANALYZE").await;
    }
}

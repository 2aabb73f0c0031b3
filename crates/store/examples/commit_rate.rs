//! How many wakes and session messages a second one process commits. SQLite in a temporary directory, or the empty database
//! whose URL is given: `cargo run --example commit_rate -- postgres://…`

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use model::{DeviceId, Labels, Priority, Timestamp, TraceContext};
use push::{Origin, Settings};
use store::{
    AskWake, DeviceInfo, DeviceRef, Key, NewDevice, Retention, SessionCommit, SessionScope, SessionStart,
    Store, schema_up,
};

const DEVICES: usize = 2_000;
const WAKES: usize = 20_000;
/// Callers that wait for their commits at the same time.
const CALLERS: usize = 512;
const NOON: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const TRACE: TraceContext = TraceContext { trace_id: [1; 16], span_id: [1; 8], flags: 0 };

#[tokio::main]
async fn main() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let file = format!("sqlite://{}", home.path().join("reveille.db").display());
    let url = std::env::args().nth(1).unwrap_or(file);
    schema_up(&url).await.expect("the schema");
    let key = Key::random().expect("a key");
    let store = Store::open(&url, key, Settings::default(), Retention::default()).await.expect("a store");

    let devices: Vec<DeviceId> = (0..DEVICES).map(|_| store.new_id()).collect();
    let creations = devices.iter().map(|&id| {
        let new = device(id);
        async { store.create_device(new, NOON).await.map(|_| ()) }
    });
    measure("devices created", creations).await;
    let asks = (0..WAKES).map(|n| {
        let ask = wake(&store, devices[n % DEVICES]);
        async { store.ask(ask).await.map(|_| ()) }
    });
    measure("wakes asked for", asks).await;
    let starts: Vec<_> = devices.iter().map(|&device| message(&store, device)).collect();
    let answers = starts.iter().map(|start| async { store.commit_session(start.clone()).await.map(|_| ()) });
    measure("sessions started, each answering ten wakes", answers).await;
    for revision in 0..3 {
        let next = starts.iter().cloned().map(|start| {
            let start = SessionCommit { start: SessionStart::GoesOn { revision }, ..start };
            async { store.commit_session(start).await.map(|_| ()) }
        });
        measure("session messages", next).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
async fn measure<F: Future<Output = Result<(), store::Error>>>(what: &str, work: impl Iterator<Item = F>) {
    let start = Instant::now();
    let done =
        stream::iter(work).buffer_unordered(CALLERS).map(|result| result.expect("a commit")).count().await;
    println!("{:>8}/s  {what}", per_second(done, start.elapsed()));
}

fn per_second(count: usize, span: Duration) -> u128 {
    count as u128 * 1_000_000 / span.as_micros().max(1)
}

fn device(id: DeviceId) -> NewDevice {
    NewDevice {
        id,
        name: format!("urn:uuid:{id}").parse().expect("a name"),
        provider_id: "Reveille".parse().expect("a provider id"),
        push_app: "main".parse().expect("a push app's name"),
        labels: Labels::default(),
        external_id: None,
        credential: None,
        certificate: None,
    }
}

fn wake(store: &Store, device: DeviceId) -> AskWake {
    AskWake {
        id: store.new_id(),
        summons: store.new_id(),
        device: DeviceRef::Id(device),
        timeout: Duration::from_hours(1),
        priority: Priority::Bulk,
        reason: "a measurement".into(),
        caller: "commit_rate".into(),
        labels: Labels::default(),
        idempotency: None,
        satisfied_by_open_session: false,
        trace: TRACE,
        parent: None,
        now: NOON,
    }
}

fn message(store: &Store, device: DeviceId) -> SessionCommit {
    SessionCommit {
        device,
        key: store.new_id(),
        scope: SessionScope::Device,
        session_id: "1".into(),
        start: SessionStart::Starts { newest: None },
        messages: 1,
        state: vec![0; 2_000],
        ending: None,
        mode: None,
        platform: None,
        alerts: Vec::new(),
        outcomes: Vec::new(),
        outstanding: Vec::new(),
        ignored: 0,
        eventful: false,
        origin: Origin::Unknown,
        channel: None,
        info: DeviceInfo::default(),
        detail_read: false,
        unenrolled: false,
        trace: TRACE,
        now: NOON,
    }
}

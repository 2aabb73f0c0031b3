#![doc = include_str!("../README.md")]

use std::{ops::RangeInclusive, sync::Arc, time::SystemTime};

use model::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use tokio::sync::watch;
use uuid::Uuid;

mod app;
mod batch;
mod census;
mod commit;
mod configured;
mod credential;
mod device;
mod dispatch;
mod engine;
mod entity;
mod error;
mod event;
mod page;
mod plan;
mod record;
mod schema;
mod seal;
mod session;
mod upkeep;
mod wake;

pub use app::{AppCommand, ChannelCount, PushAppRecord};
pub use batch::Batch;
pub use census::{Census, DueCount};
pub use credential::{Credential, InvalidCredential};
pub use device::{
    Changed, Device, DeviceFilter, DeviceInfo, DeviceRecord, DeviceRef, DeviceUpdate, ImportAction,
    ImportDevice, ImportMode, ImportRefused, Imported, LastRefusal, NewDevice, Refusal, Unenrolled,
};
pub use dispatch::{ClaimRequest, ClaimedPush, Judged, PushRecord, PushResult};
pub use error::Error;
pub use event::{Event, EventKind};
pub use page::{Page, PageRequest};
pub use plan::Plan;
pub use record::StoredChannel;
pub use schema::{KeyState, OpenError, SchemaStatus, inspect, schema_down, schema_status, schema_up};
pub use seal::{Key, KeyError};
pub use session::{
    RecordedAlert, RecordedOutcome, SessionCommit, SessionCommitted, SessionRecord, SessionScope,
    SessionStart, StoredSession, Visitor,
};
pub use upkeep::{LostPush, Retention};
pub use wake::{AskWake, Asked, Cancelled, Expectation, Idempotency, Refused, WakeFilter, WakeRecord};

use batch::Observer;
use commit::{Committer, Operation, Tools};
use configured::Configured;
use engine::Engine;

/// Connections that read at the same time.
const READERS: u32 = 4;

/// Everything that is remembered. Cheap to clone: all clones share one committer and one pool.
#[derive(Clone)]
pub struct Store {
    committer: Committer,
    readers: DatabaseConnection,
    tools: Arc<Tools>,
    key: Key,
    changed: watch::Receiver<u64>,
}

impl Store {
    /// Opens a database whose schema is up to date, and checks that `key` is the one it was sealed with.
    pub async fn open(
        url: &str,
        key: Key,
        rules: push::Settings,
        retention: Retention,
    ) -> Result<Self, OpenError> {
        let engine = Engine::open(url, READERS).await?;
        let (sealer, backend, observer) = (seal::Sealer::new(&key), engine.backend(), Observer::default());
        let tools = Tools { sealer, rules, retention, backend, observer, apps: Configured::default() };
        schema::check(&engine.writer).await?;
        schema::check_key(&engine.writer, &tools.sealer).await?;
        let tools = Arc::new(tools);
        let (raise, changed) = watch::channel(0);
        let committer = Committer::start(engine.writer, tools.clone(), raise);
        Ok(Self { committer, readers: engine.readers, tools, key, changed })
    }

    /// The engine, by its name in OpenTelemetry's conventions for databases (`db.system.name`).
    pub fn system(&self) -> &'static str {
        match self.tools.backend {
            DbBackend::Postgres => "postgresql",
            _ => "sqlite",
        }
    }

    /// The rules that the store applies.
    pub fn rules(&self) -> &push::Settings {
        &self.tools.rules
    }

    /// Raised after each commit of this process.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// The time by which records are written.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edges' clock: everything below takes `now` as an argument"
    )]
    pub fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }

    /// A new id: random, and sorted by the time it was made.
    #[expect(
        clippy::disallowed_methods,
        reason = "ids are made at the edges; everything below takes them as arguments"
    )]
    pub fn new_id<T: From<Uuid>>(&self) -> T {
        Uuid::now_v7().into()
    }

    /// From now on `observe` is told of each transaction of this process, right after it: it must not wait. Whoever came
    /// first stays.
    pub fn on_batch(&self, observe: impl Fn(Batch) + Send + Sync + 'static) {
        self.tools.observer.set(observe);
    }

    /// How many units of work wait for the next transaction.
    pub fn queued(&self) -> usize {
        self.committer.queued()
    }

    /// Whether so many units wait that callers will soon be refused.
    pub fn is_crowded(&self) -> bool {
        self.committer.is_crowded()
    }

    /// A key for `purpose`, derived from the store's.
    pub fn derive_key(&self, purpose: &str) -> [u8; 32] {
        self.key.derive(purpose)
    }

    /// Writes and reads, to see whether the database works.
    pub async fn probe(&self) -> Result<(), Error> {
        self.readers.execute_unprepared("SELECT 1").await?;
        self.write_probe(self.now()).await
    }

    /// How many changes of the schema are missing: somebody may have taken one back.
    pub async fn schema_lacks(&self) -> Result<usize, Error> {
        Ok(schema::status(&self.readers).await?.pending.len())
    }

    /// Whether the key still opens what this database was sealed with.
    pub async fn key_fits(&self) -> Result<bool, Error> {
        schema::key_fits(&self.readers, &self.tools.sealer).await
    }

    /// Events after `seq`, in order. Numbers are consecutive and the newest event is always kept, so if the first one is
    /// not `seq + 1`, those between are forgotten, and the first one is the oldest that is left.
    pub async fn events_after(&self, seq: i64, limit: u64) -> Result<Vec<Event>, Error> {
        event::after(&self.readers, seq, limit).await
    }

    /// The oldest and the newest event that are kept; none before the first.
    pub async fn event_range(&self) -> Result<Option<RangeInclusive<i64>>, Error> {
        event::range(&self.readers).await
    }

    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    pub(crate) fn tools(&self) -> &Tools {
        &self.tools
    }

    pub(crate) async fn submit<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.committer.submit(operation).await
    }

    pub(crate) async fn submit_in_turn<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.committer.submit_in_turn(operation).await
    }
}

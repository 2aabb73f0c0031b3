//! Group commit: whatever queued while the last transaction committed goes into the next one (DESIGN §6).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use model::{DeviceId, Timestamp};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, Statement, TransactionTrait,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    Batch, Error, Retention,
    batch::Observer,
    configured::Configured,
    engine::for_writing,
    entity::device,
    event::{self, NewEvent},
    seal::Sealer,
};

/// Units in one transaction.
const BATCH: usize = 256;
/// Units of a batch that fail until each of the rest goes alone.
const BAD_UNITS: usize = 4;
/// Units that may wait; more are refused.
const QUEUE: usize = 4_096;
/// How long a refused caller should wait.
const BUSY: Duration = Duration::from_millis(250);

/// One unit of work: all of it happens, or nothing. It may be run twice (when a neighbour fails), so it keeps no state.
pub(crate) trait Operation: Send + Sync + 'static {
    type Output: Send;

    /// The device whose row it locks before anything else. Devices that it finds later, it locks with `SKIP LOCKED`: its
    /// batch may hold shared rows by then, and waiting could be crosswise.
    fn device(&self) -> Option<DeviceId>;

    /// The row that many devices share, if it may wait for one: one at most, and after its own device.
    fn shared(&self) -> Option<Shared<'_>> {
        None
    }

    /// Whether it takes rows that neither a device nor a shared row stands for; past those that somebody else holds. Whoever
    /// waits for such a row must not have to wait for what else the batch waits for: it is the batch's last.
    fn is_last(&self) -> bool {
        false
    }

    fn run(&self, scope: &Scope<'_>) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// Whether what it did is worth waking others for.
    fn is_news(_output: &Self::Output) -> bool {
        true
    }
}

/// A row that operations about many devices wait for, in the order in which they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shared<'a> {
    /// The push app of this name.
    App(&'a str),
    /// One of those that are there once.
    Turn(&'static str),
}

/// What an operation works with.
pub(crate) struct Scope<'a> {
    pub(crate) tx: &'a DatabaseTransaction,
    pub(crate) tools: &'a Tools,
    events: &'a Mutex<Vec<NewEvent>>,
}

/// What every operation needs besides its transaction.
pub(crate) struct Tools {
    pub(crate) sealer: Sealer,
    pub(crate) rules: push::Settings,
    pub(crate) retention: Retention,
    pub(crate) backend: DbBackend,
    pub(crate) observer: Observer,
    pub(crate) apps: Configured,
}

/// Hands operations to the one task that writes.
#[derive(Clone)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Box<dyn Unit>>,
}

impl Committer {
    /// Starts the task; it ends when the last committer is dropped. `changed` is raised after each commit.
    pub(crate) fn start(writer: DatabaseConnection, tools: Arc<Tools>, changed: watch::Sender<u64>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(write(waiting, writer, tools, changed));
        Self { queue }
    }

    /// How many units wait.
    pub(crate) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Whether more than half of the places for those that wait are taken.
    pub(crate) fn is_crowded(&self) -> bool {
        self.queued() * 2 > self.queue.max_capacity()
    }

    /// Runs `operation`, and returns after its transaction was committed.
    pub(crate) async fn submit<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        let (unit, answer) = job(operation);
        self.queue.try_send(unit).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => Error::Busy(BUSY),
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// As [`Self::submit`], but waits for room in the queue. For callers that bound what they have under way: while one
    /// waits, nobody else finds room.
    pub(crate) async fn submit_in_turn<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        let (unit, answer) = job(operation);
        self.queue.send(unit).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Scope<'_> {
    /// An event of a wake: numbered when everything else of the transaction is done, so that readers see no gaps.
    pub(crate) fn event(&self, event: NewEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// The database's clock, which all replicas share: for leases only.
    pub(crate) async fn db_now(&self) -> Result<Timestamp, Error> {
        let sql = match self.tools.backend {
            DbBackend::Postgres => {
                "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS now"
            }
            _ => "SELECT CAST((julianday('now') - 2440587.5) * 86400000000.0 AS BIGINT) AS now",
        };
        let row = self.tx.query_one_raw(Statement::from_string(self.tools.backend, sql)).await?;
        let now = row.ok_or(Error::NotFound)?.try_get::<i64>("", "now")?;
        Ok(Timestamp::from_micros(now))
    }
}

/// An operation without its type.
trait Unit: Send {
    fn device(&self) -> Option<DeviceId>;
    fn shared(&self) -> Option<Shared<'_>>;
    fn is_last(&self) -> bool;
    fn queued_at(&self) -> Instant;
    fn run<'a>(&'a mut self, scope: &'a Scope<'a>) -> BoxFuture<'a, Result<(), Error>>;
    fn is_news(&self) -> bool;
    fn deliver(self: Box<Self>, committed: Result<(), Error>);
}

struct Job<O: Operation> {
    operation: O,
    queued_at: Instant,
    output: Option<O::Output>,
    reply: oneshot::Sender<Result<O::Output, Error>>,
}

/// What becomes of a job.
type Answer<T> = oneshot::Receiver<Result<T, Error>>;

/// A job for the queue.
fn job<O: Operation>(operation: O) -> (Box<dyn Unit>, Answer<O::Output>) {
    let (reply, answer) = oneshot::channel();
    (Box::new(Job { operation, queued_at: Instant::now(), output: None, reply }), answer)
}

impl<O: Operation> Unit for Job<O> {
    fn device(&self) -> Option<DeviceId> {
        self.operation.device()
    }

    fn shared(&self) -> Option<Shared<'_>> {
        self.operation.shared()
    }

    fn is_last(&self) -> bool {
        self.operation.is_last()
    }

    fn queued_at(&self) -> Instant {
        self.queued_at
    }

    fn run<'a>(&'a mut self, scope: &'a Scope<'a>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.output = Some(self.operation.run(scope).await?);
            Ok(())
        })
    }

    fn is_news(&self) -> bool {
        self.output.as_ref().is_some_and(O::is_news)
    }

    fn deliver(self: Box<Self>, committed: Result<(), Error>) {
        let Self { output, reply, .. } = *self;
        let result = committed.and_then(|()| output.ok_or_else(stopped));
        // A caller that went away does not want to know.
        let _ = reply.send(result);
    }
}

async fn write(
    mut waiting: mpsc::Receiver<Box<dyn Unit>>,
    writer: DatabaseConnection,
    tools: Arc<Tools>,
    changed: watch::Sender<u64>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        batch.sort_by(|one, other| place(&**one).cmp(&place(&**other)));
        if settle(&mut batch, &writer, &tools).await {
            changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// Where a unit stands in its batch. The devices of all of them are locked by then, so they may come in any order: in that
/// of the rows that they share, which is the same on every replica.
fn place(unit: &dyn Unit) -> impl Ord {
    (unit.is_last(), unit.shared(), unit.device().is_none(), unit.device())
}

/// Why nothing was committed.
enum Failure {
    /// The unit at this place failed, and all was rolled back.
    Unit(usize, Error),
    /// The database could not begin, or failed while it committed. Then nobody knows whether it did, so nothing is repeated.
    Database(Error),
}

/// Commits a batch and tells every caller. One bad unit must not fail its neighbours: it is told, and the others try
/// again; if there are many such, each goes alone. Says whether anything was committed that others should know.
async fn settle(batch: &mut Vec<Box<dyn Unit>>, writer: &DatabaseConnection, tools: &Tools) -> bool {
    for _ in 0..BAD_UNITS {
        match commit(batch, writer, tools).await {
            Ok(()) => return deliver(batch, &Ok(())),
            Err(Failure::Database(error)) => return deliver(batch, &Err(error)),
            Err(Failure::Unit(place, error)) => batch.remove(place).deliver(Err(error)),
        }
        if batch.is_empty() {
            return false;
        }
    }
    let (mut news, mut down) = (false, None);
    for mut unit in batch.drain(..) {
        let result = match &down {
            Some(error) => Err(Error::clone(error)),
            None => match commit(std::slice::from_mut(&mut unit), writer, tools).await {
                Ok(()) => Ok(()),
                Err(Failure::Unit(_, error)) => Err(error),
                Err(Failure::Database(error)) => Err(down.insert(error).clone()),
            },
        };
        news |= result.is_ok() && unit.is_news();
        unit.deliver(result);
    }
    news
}

fn deliver(batch: &mut Vec<Box<dyn Unit>>, result: &Result<(), Error>) -> bool {
    let news = result.is_ok() && batch.iter().any(|unit| unit.is_news());
    batch.drain(..).for_each(|unit| unit.deliver(result.clone()));
    news
}

/// Tries a batch in one transaction, and tells the observer how that went.
async fn commit(
    batch: &mut [Box<dyn Unit>],
    writer: &DatabaseConnection,
    tools: &Tools,
) -> Result<(), Failure> {
    let began = Instant::now();
    let oldest = batch.iter().map(|unit| unit.queued_at()).min().unwrap_or(began);
    let result = transact(batch, writer, tools).await;
    tools.observer.tell(Batch {
        units: batch.len(),
        waited: began.duration_since(oldest),
        took: began.elapsed(),
        committed: result.is_ok(),
    });
    result
}

async fn transact(
    batch: &mut [Box<dyn Unit>],
    writer: &DatabaseConnection,
    tools: &Tools,
) -> Result<(), Failure> {
    let tx = writer.begin_with_options(for_writing()).await.map_err(|e| Failure::Database(e.into()))?;
    if let Err(failure) = run(batch, &tx, tools).await {
        // The failure says more than that of a rollback, which a lost connection has done already.
        let _ = tx.rollback().await;
        return Err(failure);
    }
    tx.commit().await.map_err(|e| Failure::Database(e.into()))
}

async fn run(batch: &mut [Box<dyn Unit>], tx: &DatabaseTransaction, tools: &Tools) -> Result<(), Failure> {
    // A unit that is alone locks its device itself.
    if batch.len() > 1 {
        let devices = batch.iter().filter_map(|unit| unit.device()).map(DeviceId::uuid).collect();
        lock_devices(devices, tx).await.map_err(Failure::Database)?;
    }
    let events = Mutex::default();
    for (place, unit) in batch.iter_mut().enumerate() {
        let scope = Scope { tx, tools, events: &events };
        unit.run(&scope).await.map_err(|error| Failure::Unit(place, error))?;
    }
    let events = events.into_inner().unwrap_or_else(PoisonError::into_inner);
    event::number(events, tx).await.map_err(Failure::Database)
}

/// Locks the devices of a batch, in one order, before its units lock anything else: replicas may wait for each other, but
/// not crosswise.
async fn lock_devices(ids: BTreeSet<Uuid>, tx: &DatabaseTransaction) -> Result<(), Error> {
    if !ids.is_empty() {
        let lock = device::Entity::find().select_only().column(device::Column::Id).lock_exclusive();
        let lock = lock.filter(device::Column::Id.is_in(ids)).order_by_asc(device::Column::Id);
        lock.into_tuple::<Uuid>().all(tx).await?;
    }
    Ok(())
}

fn stopped() -> Error {
    Error::Unavailable { after: BUSY, reason: "the store is closing".into() }
}

//! What readiness is made of.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dispatcher::Pulse;
use model::PushAppName;
use serde::Serialize;
use store::{Error, PushAppRecord, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer until it counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);
/// A database that committed something so recently is slow, not out of reach: other replicas would fare no better.
const SLOW: Duration = Duration::from_secs(10);
/// A loop begins a round each second, and waits for the database at most for as long as that waits for a lock.
const LAG: Duration = Duration::from_secs(30);

/// Looks how the service fares. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Checks {
    store: Store,
    apps: Arc<[PushAppName]>,
    pulse: Pulse,
    commits: Commits,
    known: Arc<Mutex<Known>>,
    draining: CancellationToken,
}

/// When a transaction was last committed. Cheap to clone: all clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits(Arc<Mutex<Option<Instant>>>);

/// What was found last, for when the database takes too long to answer.
struct Known {
    schema: Check,
    key: Check,
    apps: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) status: Status,
    /// What is wrong, in words; empty if nothing is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
}

/// How it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Ok,
    /// Somebody should look, but another replica would fare no better: nobody is unready for it.
    Degraded,
    Failed,
}

impl Checks {
    /// The checks of a service with these push apps, which is about to stop once `draining` is cancelled.
    pub(crate) fn new(
        store: Store,
        apps: Arc<[PushAppName]>,
        (pulse, commits): (Pulse, Commits),
        draining: CancellationToken,
    ) -> Self {
        // Both were looked at when the store was opened.
        let known = Known { schema: Check::ok("schema"), key: Check::ok("key"), apps: Vec::new() };
        Self { store, apps, pulse, commits, known: Arc::new(Mutex::new(known)), draining }
    }

    /// Looks at everything, each for two seconds at most.
    pub(crate) async fn run(&self) -> Vec<Check> {
        let (database, schema, key, apps) =
            tokio::join!(self.database(), self.schema(), self.key(), self.apps());
        let mut checks = vec![self.going(), database, schema, key, self.dispatcher()];
        for check in &checks {
            telemetry::metrics().check(&check.name, check.status != Status::Failed);
        }
        checks.extend(apps);
        checks
    }

    /// What the health service tells.
    pub(crate) fn health(&self) -> grpc::Health {
        let checks = self.clone();
        grpc::Health::new(move || {
            let checks = checks.clone();
            async move { fitness(&checks.run().await) }
        })
    }

    fn going(&self) -> Check {
        let stopping = self.draining.is_cancelled().then(|| "the service is about to stop".to_owned());
        Check::failed_if("draining", stopping)
    }

    async fn database(&self) -> Check {
        database(patiently(self.store.probe()).await, self.commits.last())
    }

    async fn schema(&self) -> Check {
        let trouble = match patiently(self.store.schema_lacks()).await {
            None => return self.known().schema.clone(),
            Some(Ok(0)) => None,
            Some(Ok(count)) => Some(format!("it lacks {count} change(s): run `reveille migrate up`")),
            Some(Err(error)) => Some(error.to_string()),
        };
        let check = Check::failed_if("schema", trouble);
        self.known().schema = check.clone();
        check
    }

    async fn key(&self) -> Check {
        let trouble = match patiently(self.store.key_fits()).await {
            None => return self.known().key.clone(),
            Some(Ok(true)) => None,
            Some(Ok(false)) => Some("store.key does not open what the database was sealed with".to_owned()),
            Some(Err(error)) => Some(error.to_string()),
        };
        let check = Check::failed_if("key", trouble);
        self.known().key = check.clone();
        check
    }

    fn dispatcher(&self) -> Check {
        let slow = self.pulse.lags().into_iter().filter(|(_, lag)| *lag > LAG);
        let slow: Vec<_> =
            slow.map(|(name, lag)| format!("{name} stands still for {} s", lag.as_secs())).collect();
        Check::failed_if("dispatcher", (!slow.is_empty()).then(|| slow.join(", ")))
    }

    /// Apps that are held back make nobody unready: wakes wait.
    async fn apps(&self) -> Vec<Check> {
        let found = match patiently(self.store.push_apps()).await {
            None => return self.known().apps.clone(),
            // That the database does not work is told above.
            Some(Err(_)) => return Vec::new(),
            Some(Ok(found)) => found,
        };
        let of = |name: &PushAppName| self.app(name, found.iter().find(|app| app.name == *name));
        let checks: Vec<_> = self.apps.iter().map(of).collect();
        self.known().apps.clone_from(&checks);
        checks
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn app(&self, name: &PushAppName, known: Option<&PushAppRecord>) -> Check {
        let name = format!("push app {name}");
        let Some(app) = known else {
            return Check::new(&name, Status::Degraded, "the dispatcher has not begun with it".into());
        };
        let Some(reason) = app.condition.reason(self.store.now()) else { return Check::ok(&name) };
        let mut detail = reason.name().to_owned();
        if let Some(fault) = app.condition.fault().filter(|fault| !fault.description.is_empty()) {
            // Writing to a string cannot fail.
            let _ = write!(detail, " ({})", fault.description);
        }
        Check::new(&name, Status::Degraded, detail)
    }
}

impl Check {
    fn new(name: &str, status: Status, detail: String) -> Self {
        Self { name: name.to_owned(), status, detail }
    }

    fn ok(name: &str) -> Self {
        Self::new(name, Status::Ok, String::new())
    }

    fn failed_if(name: &str, trouble: Option<String>) -> Self {
        trouble.map_or_else(|| Self::ok(name), |trouble| Self::new(name, Status::Failed, trouble))
    }
}

impl Commits {
    /// Something was committed just now.
    pub(crate) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn last(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}

/// Whether the service can do its work.
pub(crate) fn are_ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Failed)
}

/// What each gRPC service can rely on. Draining is told to the health service by other means.
fn fitness(checks: &[Check]) -> grpc::Fitness {
    let failed = checks.iter().filter(|check| check.status == Status::Failed && check.name != "draining");
    let trouble: Vec<_> = failed.clone().map(|check| format!("{}: {}", check.name, check.detail)).collect();
    grpc::Fitness {
        store: !failed.clone().any(|check| check.name != "dispatcher"),
        dispatcher: !failed.clone().any(|check| check.name == "dispatcher"),
        trouble: trouble.join("; "),
    }
}

/// What the probe of a database says that last committed something so long ago; none: never yet.
fn database(probed: Option<Result<(), Error>>, committed: Option<Duration>) -> Check {
    let goes_on = committed.is_some_and(|ago| ago < SLOW);
    let (status, detail) = match probed {
        Some(Ok(())) => return Check::ok("database"),
        Some(Err(error @ Error::Busy(_))) if goes_on => (Status::Degraded, error.to_string()),
        Some(Err(error)) => (Status::Failed, error.to_string()),
        None if goes_on => {
            (Status::Degraded, format!("it is slow: what is asked of it takes more than {PATIENCE:?}"))
        }
        None => (Status::Failed, format!("it does not answer within {PATIENCE:?}")),
    };
    Check::new("database", status, detail)
}

/// None: it takes too long.
async fn patiently<T>(looking: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, looking).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_still_commits_is_slow_and_one_that_does_not_has_failed() {
        let check = |probed, committed: Option<u64>, expect| {
            let found = database(probed, committed.map(Duration::from_secs));
            assert_eq!(found.status, expect, "{found:?}, {committed:?}");
        };
        let gone = || Error::Unavailable { after: Duration::ZERO, reason: "gone".into() };
        check(Some(Ok(())), None, Status::Ok);
        let busy = || Error::Busy(Duration::ZERO);
        check(Some(Err(busy())), Some(3), Status::Degraded);
        check(Some(Err(busy())), Some(10), Status::Failed);
        check(Some(Err(busy())), None, Status::Failed);
        check(Some(Err(gone())), Some(0), Status::Failed);
        check(None, Some(3), Status::Degraded);
        check(None, Some(10), Status::Failed);
        check(None, None, Status::Failed);
    }

    #[test]
    fn services_rely_on_what_they_need() {
        let check = |name: &str, status, expect: (bool, bool)| {
            let found = fitness(&[Check::ok("schema"), Check::new(name, status, "why".into())]);
            assert_eq!((found.store, found.dispatcher), expect, "{name}");
            assert_eq!(found.trouble.is_empty(), expect == (true, true), "{name}");
        };
        check("database", Status::Failed, (false, true));
        check("database", Status::Degraded, (true, true));
        check("key", Status::Failed, (false, true));
        check("dispatcher", Status::Failed, (true, false));
        check("push app main", Status::Degraded, (true, true));
        check("draining", Status::Failed, (true, true));
    }
}

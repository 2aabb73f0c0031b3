//! `grpc.health.v1`, telling the truth.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use reveille_api::v1::{
    device_service_server::SERVICE_NAME as DEVICES, push_app_service_server::SERVICE_NAME as PUSH_APPS,
    wake_service_server::SERVICE_NAME as WAKES,
};
use store::{Error, Store};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

/// How long a check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks how the process fares, each time anew.
#[derive(Clone)]
pub struct Health(Arc<dyn Fn() -> BoxFuture<'static, Fitness> + Send + Sync>);

/// What a process is fit for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitness {
    /// It can read and store: without that no service is of use.
    pub store: bool,
    /// Its loops push what is asked for.
    pub dispatcher: bool,
    /// What is wrong, in words for operators; empty if nothing is.
    pub trouble: String,
}

impl Health {
    /// Looks by calling `look`.
    pub fn new<F>(look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Fitness> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(look())))
    }

    /// Looks at the database only.
    pub(crate) fn of(store: Store) -> Self {
        Self::new(move || {
            let store = store.clone();
            async move { Fitness::of(&store.probe().await) }
        })
    }

    async fn look(&self) -> Fitness {
        let looked = tokio::time::timeout(PATIENCE, (self.0)()).await;
        looked.unwrap_or_else(|_| Fitness::unfit("the database does not answer in time".into()))
    }
}

impl Fitness {
    fn of(probed: &Result<(), Error>) -> Self {
        match probed {
            // A full queue is load, not illness: the database does what it can.
            Ok(()) | Err(Error::Busy(_)) => Self { store: true, dispatcher: true, trouble: String::new() },
            Err(error) => Self::unfit(error.to_string()),
        }
    }

    fn unfit(trouble: String) -> Self {
        Self { store: false, dispatcher: false, trouble }
    }

    /// Each service and whether it serves; the empty name is the whole process. Wakes are of no use without the loops;
    /// devices and push apps can be looked after all the same.
    fn services(&self) -> [(&'static str, bool); 4] {
        let all = self.store && self.dispatcher;
        [("", all), (WAKES, all), (DEVICES, self.store), (PUSH_APPS, self.store)]
    }
}

/// Before the first check nothing is known to work.
pub(crate) async fn begin(reporter: &HealthReporter) {
    report(reporter, &Fitness::unfit(String::new())).await;
}

/// Keeps the health up to date until the process drains, then turns everything off.
pub(crate) async fn watch(
    mut reporter: HealthReporter,
    health: Health,
    every: Duration,
    draining: CancellationToken,
    shutdown: CancellationToken,
) {
    tokio::select! {
        biased;
        () = draining.cancelled() => {}
        () = shutdown.cancelled() => {}
        () = keep(&reporter, &health, every) => {}
    }
    let off = Fitness::unfit(String::new());
    report(&reporter, &off).await;
    shutdown.cancelled().await;
    // Ends the streams of those who watch the health; the server waits for open streams.
    for (service, _) in off.services() {
        reporter.clear_service_status(service).await;
    }
}

async fn keep(reporter: &HealthReporter, health: &Health, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        ticks.tick().await;
        let fitness = health.look().await;
        // Those who watch are told of every report, so only of changes.
        if before.replace(fitness.services()) != Some(fitness.services()) {
            log(&fitness);
            report(reporter, &fitness).await;
        }
    }
}

fn log(fitness: &Fitness) {
    let Fitness { store, dispatcher, trouble } = fitness;
    match (store, dispatcher) {
        (true, true) => tracing::info!("the database works: serving"),
        (true, false) => tracing::error!(%trouble, "the dispatcher stands still: no wakes are served"),
        (false, _) => tracing::error!(%trouble, "the database does not work: not serving"),
    }
}

async fn report(reporter: &HealthReporter, fitness: &Fitness) {
    for (service, serves) in fitness.services() {
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status(service, status).await;
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Health")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_that_works_serves() {
        let unavailable = Error::Unavailable { after: Duration::ZERO, reason: "gone".into() };
        let check = |probed, expect| assert_eq!(Fitness::of(&probed).store, expect, "{probed:?}");
        check(Ok(()), true);
        check(Err(Error::Busy(Duration::ZERO)), true);
        check(Err(unavailable), false);
        check(Err(Error::Corrupt("the key check".into())), false);
    }

    #[test]
    fn without_the_loops_devices_can_still_be_looked_after() {
        let fitness = Fitness { store: true, dispatcher: false, trouble: "upkeep".into() };
        let serves: Vec<_> = fitness.services().into_iter().filter(|(_, serves)| *serves).collect();
        assert_eq!(serves, [(DEVICES, true), (PUSH_APPS, true)]);
    }
}

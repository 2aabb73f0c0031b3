//! `grpc.health.v1`, telling the truth.

use std::time::Duration;

use reveille_api::v1::{
    device_service_server::SERVICE_NAME as DEVICES, push_app_service_server::SERVICE_NAME as PUSH_APPS,
    wake_service_server::SERVICE_NAME as WAKES,
};
use store::{Error, Store};
use tokio::time::error::Elapsed;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The services whose health is told; the empty name is the whole process.
const SERVICES: [&str; 4] = ["", WAKES, DEVICES, PUSH_APPS];

/// How long a database that works may take for a probe.
const PATIENCE: Duration = Duration::from_secs(5);

/// Before the first check nothing is known to work.
pub(crate) async fn begin(reporter: &HealthReporter) {
    report(reporter, ServingStatus::NotServing).await;
}

/// Keeps the health up to date until the process drains, then turns everything off.
pub(crate) async fn watch(
    mut reporter: HealthReporter,
    store: Store,
    every: Duration,
    draining: CancellationToken,
    shutdown: CancellationToken,
) {
    tokio::select! {
        biased;
        () = draining.cancelled() => {}
        () = shutdown.cancelled() => {}
        () = keep(&reporter, &store, every) => {}
    }
    report(&reporter, ServingStatus::NotServing).await;
    shutdown.cancelled().await;
    // Ends the streams of those who watch the health; the server waits for open streams.
    for service in SERVICES {
        reporter.clear_service_status(service).await;
    }
}

async fn keep(reporter: &HealthReporter, store: &Store, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        ticks.tick().await;
        let probed = tokio::time::timeout(PATIENCE, store.probe()).await;
        let status = status(&probed);
        // Those who watch are told of every report, so only of changes.
        if before.replace(status) != Some(status) {
            log(&probed);
            report(reporter, status).await;
        }
    }
}

/// A full queue is load, not illness: the database does what it can.
fn status(probed: &Result<Result<(), Error>, Elapsed>) -> ServingStatus {
    match probed {
        Ok(Ok(()) | Err(Error::Busy(_))) => ServingStatus::Serving,
        Ok(Err(_)) | Err(_) => ServingStatus::NotServing,
    }
}

fn log(probed: &Result<Result<(), Error>, Elapsed>) {
    match probed {
        Ok(Ok(()) | Err(Error::Busy(_))) => tracing::info!("the database works: serving"),
        Ok(Err(error)) => tracing::error!(%error, "the database does not work: not serving"),
        Err(_) => tracing::error!("the database does not answer in time: not serving"),
    }
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use super::*;

    #[tokio::test]
    async fn only_a_database_that_works_serves() {
        let late = tokio::time::timeout(Duration::ZERO, future::pending()).await;
        let unavailable = Error::Unavailable { after: Duration::ZERO, reason: "gone".into() };
        let check = |probed, expect| assert_eq!(status(&probed), expect, "{probed:?}");
        check(Ok(Ok(())), ServingStatus::Serving);
        check(Ok(Err(Error::Busy(Duration::ZERO))), ServingStatus::Serving);
        check(Ok(Err(unavailable)), ServingStatus::NotServing);
        check(Ok(Err(Error::Corrupt("the key check".into()))), ServingStatus::NotServing);
        check(late, ServingStatus::NotServing);
    }
}

//! `grpc.health.v1`, telling the truth.

use std::time::Duration;

use reveille_api::v1::{
    device_service_server::SERVICE_NAME as DEVICES, push_app_service_server::SERVICE_NAME as PUSH_APPS,
    wake_service_server::SERVICE_NAME as WAKES,
};
use store::Store;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The services whose health is told; the empty name is the whole process.
const SERVICES: [&str; 4] = ["", WAKES, DEVICES, PUSH_APPS];

/// Before the first check nothing is known to work.
pub(crate) async fn begin(reporter: &HealthReporter) {
    report(reporter, ServingStatus::NotServing).await;
}

/// Keeps the health up to date. Ends when the process drains, with everything turned off.
pub(crate) async fn watch(
    reporter: HealthReporter,
    store: Store,
    every: Duration,
    draining: CancellationToken,
) {
    let mut ticks = tokio::time::interval(every);
    let mut before = None;
    loop {
        tokio::select! {
            biased;
            () = draining.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let status = check(&store, every).await;
        if before != Some(status) {
            tracing::info!(%status, "health");
        }
        before = Some(status);
        report(&reporter, status).await;
    }
    report(&reporter, ServingStatus::NotServing).await;
}

async fn check(store: &Store, patience: Duration) -> ServingStatus {
    match tokio::time::timeout(patience, store.probe()).await {
        Ok(Ok(())) => ServingStatus::Serving,
        Ok(Err(error)) => {
            tracing::error!(%error, "the database does not work");
            ServingStatus::NotServing
        }
        Err(_) => ServingStatus::NotServing,
    }
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

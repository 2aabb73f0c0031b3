//! The admin listener: is the process alive, is it ready?

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use store::Store;
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer until it counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Admin {
    store: Store,
    draining: CancellationToken,
}

/// `/livez`: the process answers. `/readyz`: it can do its work, and is not about to stop.
pub(crate) fn router(store: Store, draining: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(Admin { store, draining })
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let Admin { store, draining } = admin;
    if draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    match tokio::time::timeout(PATIENCE, store.probe()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n".to_owned()),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the database does not answer\n".to_owned()),
    }
}

//! The admin listener: is the process alive, is it ready?

use std::{collections::BTreeSet, fmt::Write, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use model::PushAppName;
use store::{PushAppRecord, Store};
use tokio_util::sync::CancellationToken;

/// How long the database may take to answer until it counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Admin {
    store: Store,
    apps: Arc<BTreeSet<PushAppName>>,
    draining: CancellationToken,
}

/// `/livez`: the process answers. `/readyz`: it can do its work, and is not about to stop; a line for each of the `apps`
/// that is held back. That makes nobody unready: wakes wait, and another replica would fare no better.
pub(crate) fn router(store: Store, apps: BTreeSet<PushAppName>, draining: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(Admin { store, apps: Arc::new(apps), draining })
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    let Admin { store, apps, draining } = admin;
    if draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n".to_owned());
    }
    let looking = async {
        store.probe().await?;
        store.push_apps().await
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(Ok(found)) => {
            let ours = found.iter().filter(|app| apps.contains(&app.name));
            let held_back: String = ours.filter_map(|app| held_back(app, &store)).collect();
            (StatusCode::OK, format!("ready\n{held_back}"))
        }
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the database does not answer\n".to_owned()),
    }
}

/// What holds the app back, in a line.
fn held_back(app: &PushAppRecord, store: &Store) -> Option<String> {
    let reason = app.condition.reason(store.now())?;
    let mut line = format!("push app {}: {}", app.name, reason.name());
    if let Some(fault) = app.condition.fault().filter(|fault| !fault.description.is_empty()) {
        // Writing to a string cannot fail.
        let _ = write!(line, " ({})", fault.description);
    }
    line.push('\n');
    Some(line)
}

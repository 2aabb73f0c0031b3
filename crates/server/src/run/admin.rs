//! The admin listener: is the process alive, is it ready, what did it do?

use std::fmt::Write;

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::{
    checks::{Check, Checks, Status, are_ready},
    gauges::Gauges,
};

#[derive(Clone)]
struct Admin {
    checks: Checks,
    gauges: Gauges,
}

/// How `/readyz` looks in JSON.
#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Check>,
}

/// `/livez`: the process answers. `/readyz`: it can do its work, and is not about to stop; a line for each thing that is
/// not as it should be, or with `?verbose` for everything that was looked at. `/metrics`: for Prometheus.
pub(crate) fn router(checks: Checks, gauges: Gauges) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Admin { checks, gauges })
}

async fn ready(State(admin): State<Admin>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let checks = admin.checks.run().await;
    let ready = are_ready(&checks);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if wants_json(&headers) {
        return (status, axum::Json(Report { ready, checks })).into_response();
    }
    let verbose = query.is_some_and(|query| query.split('&').any(is_verbose));
    (status, text(ready, &checks, verbose)).into_response()
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    admin.gauges.refresh();
    ([(header::CONTENT_TYPE, telemetry::METRICS_MEDIA_TYPE)], telemetry::metrics().render())
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json")
}

fn is_verbose(parameter: &str) -> bool {
    parameter == "verbose" || parameter.starts_with("verbose=")
}

fn text(ready: bool, checks: &[Check], verbose: bool) -> String {
    let mut text = String::from(if ready { "ready\n" } else { "not ready\n" });
    for Check { name, status, detail } in checks {
        let line = match status {
            Status::Ok if verbose => format!("{name}: ok"),
            Status::Ok => continue,
            Status::Degraded | Status::Failed => format!("{name}: {detail}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_what_is_wrong_or_for_everything() {
        let check =
            |name: &str, status, detail: &str| Check { name: name.into(), status, detail: detail.into() };
        let checks = [
            check("database", Status::Ok, ""),
            check("schema", Status::Failed, "it lacks 1 change(s)"),
            check("push app main", Status::Degraded, "app_blocked"),
        ];
        let short = "not ready\nschema: it lacks 1 change(s)\npush app main: app_blocked\n";
        assert_eq!(text(are_ready(&checks), &checks, false), short);
        let long = text(true, &checks[..1], true);
        assert_eq!(long, "ready\ndatabase: ok\n");
    }
}

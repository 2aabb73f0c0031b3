//! The server span of a call (OpenTelemetry's conventions for RPC), in the trace of the caller.

use http::Request;
use tonic::Code;
use tracing::{Span, field};

use super::code;

/// What the conventions call a method that is none.
const OTHER: &str = "_OTHER";

/// The span of a call to `method`, if that is known. Probes and tools (health, reflection) have none.
pub(crate) fn of<B>(request: &Request<B>, method: Option<&str>) -> Span {
    let Some(name) = name(request.uri().path(), method) else { return Span::none() };
    let span = tracing::info_span!(
        "rpc",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = field::Empty,
        "error.type" = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = name,
        rpc.response.status_code = field::Empty,
    );
    if let Some(caller) = telemetry::from_headers(request.headers()) {
        telemetry::set_parent(&span, &caller);
    }
    span
}

/// Notes how the call ended.
pub(crate) fn ended(span: &Span, code: Code) {
    span.record("rpc.response.status_code", code::name(code));
    if code::is_our_fault(code) {
        span.record("error.type", code::name(code));
        span.record("otel.status_code", "ERROR");
    }
}

fn name<'a>(path: &str, method: Option<&'a str>) -> Option<&'a str> {
    let is_of_tools = ["/grpc.health.", "/grpc.reflection."].iter().any(|tool| path.starts_with(tool));
    (!is_of_tools).then(|| method.unwrap_or(OTHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_named_by_known_methods_and_probes_have_none() {
        let known = Some("reveille.v1.WakeService/Wake");
        let check = |path: &str, method, expect| assert_eq!(name(path, method), expect, "{path}");
        check("/reveille.v1.WakeService/Wake", known, known);
        check("/reveille.v1.WakeService/Sleep", None, Some(OTHER));
        check("/grpc.health.v1.Health/Check", Some("grpc.health.v1.Health/Check"), None);
        check("/grpc.health.v1.Health/Made-up", None, None);
        check("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", None, None);
    }
}

//! A server span for each call (OpenTelemetry's conventions for RPC), in the trace of the caller.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tonic::{Code, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};

use crate::meter::name;

/// Puts a span around each call, but for those of probes and tools (health, reflection). It ends with the call's last
/// byte: streams are inside too.
#[derive(Clone, Debug)]
pub(crate) struct TraceLayer(Arc<BTreeSet<Arc<str>>>);

/// A service with a span around each call.
#[derive(Clone, Debug)]
pub(crate) struct Traced<S> {
    inner: S,
    methods: Arc<BTreeSet<Arc<str>>>,
}

impl TraceLayer {
    /// Names spans by these methods; whatever else is called, its callers do not name spans here.
    pub(crate) fn new(methods: Arc<BTreeSet<Arc<str>>>) -> Self {
        Self(methods)
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { inner, methods: self.0.clone() }
    }
}

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<Body>, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = span(&request, &self.methods);
        let answer = self.inner.call(request).instrument(span.clone());
        Box::pin(async move { Ok(watch(answer.await?, span)) })
    }
}

/// What the conventions call a method that is none.
const OTHER: &str = "_OTHER";

/// The method of a call; none, if it is not to be traced.
fn method<'a>(path: &str, methods: &'a BTreeSet<Arc<str>>) -> Option<&'a str> {
    let path = path.trim_start_matches('/');
    if path.starts_with("grpc.health.") || path.starts_with("grpc.reflection.") {
        return None;
    }
    Some(methods.get(path).map_or(OTHER, |method| method))
}

fn span<B>(request: &Request<B>, methods: &BTreeSet<Arc<str>>) -> Span {
    let Some(method) = method(request.uri().path(), methods) else { return Span::none() };
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = field::Empty,
        "error.type" = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = field::Empty,
    );
    if let Some(caller) = telemetry::from_headers(request.headers()) {
        telemetry::set_parent(&span, &caller);
    }
    span
}

/// Notes how the call ends: an error without messages is told in the headers, everything else in the trailers.
fn watch(response: Response<Body>, span: Span) -> Response<Body> {
    note(&span, response.headers());
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                note(&span, trailers);
            }
            frame
        }))
    })
}

fn note(span: &Span, headers: &HeaderMap) {
    let Some(status) = headers.get("grpc-status") else { return };
    let code = Code::from_bytes(status.as_bytes());
    span.record("rpc.response.status_code", name(code));
    if is_our_fault(code) {
        span.record("error.type", name(code));
        span.record("otel.status_code", "ERROR");
    }
}

/// By the conventions, a caller's mistake is no error of the server.
fn is_our_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_named_by_known_methods_and_probes_have_none() {
        let known = "reveille.v1.WakeService/Wake";
        let methods = [known, "grpc.health.v1.Health/Check"].map(Arc::from).into();
        let check = |path: &str, expect| assert_eq!(method(path, &methods), expect, "{path}");
        check("/reveille.v1.WakeService/Wake", Some(known));
        check("/reveille.v1.WakeService/Sleep", Some(OTHER));
        check("/grpc.health.v1.Health/Check", None);
        check("/grpc.health.v1.Health/Made-up", None);
        check("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", None);
    }
}

//! A server span for each call (OpenTelemetry's conventions for RPC), in the trace of the caller.

use http::{Request, Response};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field, instrument::Instrumented};

/// Puts a span around each call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceLayer;

/// A service with a span around each call.
#[derive(Clone, Debug)]
pub(crate) struct Traced<S>(S);

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced(inner)
    }
}

impl<S, B, R> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = span(&request);
        self.0.call(request).instrument(span)
    }
}

fn span<B>(request: &Request<B>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    let span = tracing::info_span!(
        "rpc",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = field::Empty,
    );
    if let Some(caller) = telemetry::from_headers(request.headers()) {
        telemetry::set_parent(&span, &caller);
    }
    span
}

/// Notes how the call that is being handled ended.
pub(crate) fn ended<T>(result: &Result<T, tonic::Status>) {
    let code = result.as_ref().map_or_else(tonic::Status::code, |_| tonic::Code::Ok);
    Span::current().record("rpc.grpc.status_code", i32::from(code));
}

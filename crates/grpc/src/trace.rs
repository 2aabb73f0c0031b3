//! A server span for each call (OpenTelemetry's conventions for RPC), in the trace of the caller.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tonic::{Code, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span, field};

/// Puts a span around each call. It ends with the call's last byte: streams are inside too.
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

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<Body>, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = span(&request);
        let answer = self.0.call(request).instrument(span.clone());
        Box::pin(async move { Ok(watch(answer.await?, span)) })
    }
}

fn span<B>(request: &Request<B>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    let span = tracing::info_span!(
        "rpc",
        otel.name = path,
        otel.kind = "server",
        otel.status_code = field::Empty,
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
    span.record("rpc.grpc.status_code", i32::from(code));
    if is_our_fault(code) {
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

//! What is told of each call: a span, its status code and its time.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use crate::status;

mod code;
mod methods;
mod span;

pub(crate) use methods::Methods;

/// Puts a span around each call, and counts it. A call ends with its last byte: streams are inside too.
#[derive(Clone, Debug)]
pub(crate) struct CallLayer(Arc<Methods>);

/// A service whose calls are told.
#[derive(Clone, Debug)]
pub(crate) struct Told<S> {
    inner: S,
    methods: Arc<Methods>,
}

/// In metrics, what is not one of the methods.
const OTHER: &str = "other";

impl CallLayer {
    /// Tells these methods apart.
    pub(crate) fn new(methods: Methods) -> Self {
        Self(Arc::new(methods))
    }
}

impl<S> Layer<S> for CallLayer {
    type Service = Told<S>;

    fn layer(&self, inner: S) -> Told<S> {
        Told { inner, methods: self.0.clone() }
    }
}

impl<S, B> Service<Request<B>> for Told<S>
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
        let method = self.methods.at(request.uri().path());
        let span = span::of(&request, method.map(|method| &**method));
        let method = method.cloned().unwrap_or_else(|| OTHER.into());
        // Whoever goes away before the end has cancelled it.
        let mut call = Call { method, code: Code::Cancelled, began: Instant::now(), span };
        let answer = self.inner.call(request).instrument(call.span.clone());
        Box::pin(async move {
            let response = in_our_words(answer.await?);
            call.note(response.headers());
            Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    if let Some(trailers) = frame.trailers_ref() {
                        call.note(trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

/// What tonic refuses by itself is refused as everything else is.
fn in_our_words(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(refused) if refused.code() == Code::OutOfRange => status::in_our_words(refused).into_http(),
        _ => response,
    }
}

/// A call that is under way; told and counted when it is dropped.
struct Call {
    method: Arc<str>,
    code: Code,
    began: Instant,
    span: Span,
}

impl Call {
    /// An error without messages is told in the headers, everything else in the trailers.
    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Code::from_bytes(status.as_bytes());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        span::ended(&self.span, self.code);
        telemetry::metrics().called(&self.method, code::name(self.code), self.began.elapsed());
    }
}

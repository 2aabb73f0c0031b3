//! Counts each call, with its status code and its time.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio::time::Instant;
use tonic::{Code, body::Body};
use tower::{Layer, Service};

/// Counts the calls of a server.
#[derive(Clone, Debug)]
pub(crate) struct MeterLayer(Arc<BTreeSet<Arc<str>>>);

/// A service whose calls are counted.
#[derive(Clone, Debug)]
pub(crate) struct Metered<S> {
    inner: S,
    methods: Arc<BTreeSet<Arc<str>>>,
}

/// What is not a method of the contract, or of the health service.
const OTHER: &str = "other";

impl MeterLayer {
    /// Tells the methods of these contracts apart; whatever else is called is one method: callers could make up as many
    /// as they like.
    pub(crate) fn new(contracts: &[&[u8]]) -> Result<Self, prost::DecodeError> {
        let mut methods = BTreeSet::new();
        for contract in contracts {
            for file in FileDescriptorSet::decode(*contract)?.file {
                let package = file.package();
                for service in &file.service {
                    for method in &service.method {
                        let path = format!("{package}.{}/{}", service.name(), method.name());
                        methods.insert(path.into());
                    }
                }
            }
        }
        Ok(Self(Arc::new(methods)))
    }

    /// The methods that it tells apart.
    pub(crate) fn methods(&self) -> Arc<BTreeSet<Arc<str>>> {
        self.0.clone()
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, methods: self.0.clone() }
    }
}

impl<S, B> Service<Request<B>> for Metered<S>
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
        let path = request.uri().path().trim_start_matches('/');
        let method = self.methods.get(path).cloned().unwrap_or_else(|| OTHER.into());
        // Whoever goes away before the end has cancelled it.
        let mut call = Call { method, code: Code::Cancelled, began: Instant::now() };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
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

/// A call that is under way; counted when it is dropped.
struct Call {
    method: Arc<str>,
    code: Code,
    began: Instant,
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
        telemetry::metrics().called(&self.method, name(self.code), self.began.elapsed());
    }
}

/// The code as gRPC's documents write it.
pub(crate) fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_methods_of_the_contract_and_of_health() {
        let contracts = [reveille_api::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
        let MeterLayer(methods) = MeterLayer::new(&contracts).unwrap();
        for method in ["reveille.v1.WakeService/Wake", "grpc.health.v1.Health/Check"] {
            assert!(methods.contains(method), "{method} is not in {methods:?}");
        }
        assert!(!methods.contains("reveille.v1.WakeService/Sleep"));
    }
}

//! An OTLP receiver that keeps what it gets: over gRPC and as protobuf over HTTP, on one port, with TLS if that is wanted.

use std::{
    fmt::Write,
    io::Read,
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request as HttpRequest, State},
    response::{IntoResponse, Response as HttpResponse},
    routing::post,
};
use flate2::read::GzDecoder;
use http::HeaderMap;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;
use tokio::{net::TcpListener, sync::watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    service::Routes,
    transport::{Identity, Server, ServerTlsConfig},
};

use super::span::Seen;
use crate::NEVER;

/// The receiver. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    kept: Arc<Kept>,
}

struct Kept {
    spans: Mutex<Vec<Seen>>,
    /// Headers of the last request.
    headers: Mutex<HeaderMap>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// Receives until the test ends.
    pub(crate) async fn start(identity: Option<Identity>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if identity.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let kept =
            Arc::new(Kept { spans: Mutex::default(), headers: Mutex::default(), count: watch::channel(0).0 });
        let receiver = Self { url, kept };
        let grpc = TraceServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
        let grpc = Routes::new(grpc).prepare().into_axum_router();
        let routes = grpc.route("/v1/traces", post(receive).with_state(receiver.clone()));
        let mut server = Server::builder().accept_http1(true);
        if let Some(identity) = identity {
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        tokio::spawn(
            server.add_routes(Routes::from(routes)).serve_with_incoming(TcpListenerStream::new(listener)),
        );
        receiver
    }

    fn keep(&self, headers: HeaderMap, request: ExportTraceServiceRequest) {
        let mut spans = self.kept.spans.lock().unwrap();
        *self.kept.headers.lock().unwrap() = headers;
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default().attributes;
            let of_scopes = of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            spans.extend(of_scopes.map(|span| Seen { span, resource: resource.clone() }));
        }
        self.kept.count.send_replace(spans.len());
    }

    /// Everything so far.
    pub(crate) fn spans(&self) -> Vec<Seen> {
        self.kept.spans.lock().unwrap().clone()
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.kept.headers.lock().unwrap().get(name)?.to_str().ok().map(str::to_owned)
    }

    /// The spans of a trace, once they are as wanted.
    pub(crate) async fn until(&self, trace: &str, wanted: impl Fn(&Trace) -> bool) -> Trace {
        let mut count = self.kept.count.subscribe();
        let looking = async {
            loop {
                count.mark_unchanged();
                let trace = self.trace(trace);
                if wanted(&trace) {
                    return trace;
                }
                count.changed().await.unwrap();
            }
        };
        if let Ok(trace) = tokio::time::timeout(NEVER, looking).await {
            return trace;
        }
        panic!("the trace never came to be as wanted:\n{}", self.trace(trace).tree())
    }

    /// The trace, once it has this shape.
    pub(crate) async fn shape(&self, trace: &str, expect: &str) -> Trace {
        self.until(trace, |found| found.tree().trim() == expect.trim()).await
    }

    fn trace(&self, id: &str) -> Trace {
        Trace(self.spans().into_iter().filter(|seen| seen.trace_id() == id).collect())
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        self.keep(headers, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn receive(State(receiver): State<Receiver>, request: HttpRequest<Body>) -> HttpResponse {
    let (head, body) = request.into_parts();
    let sent = to_bytes(body, usize::MAX).await.unwrap();
    let mut bytes = Vec::new();
    match head.headers.get("content-encoding") {
        Some(encoding) if encoding == "gzip" => {
            GzDecoder::new(&sent[..]).read_to_end(&mut bytes).unwrap();
        }
        _ => bytes.extend(&sent),
    }
    receiver.keep(head.headers, ExportTraceServiceRequest::decode(&bytes[..]).unwrap());
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([("content-type", "application/x-protobuf")], answer).into_response()
}

/// The spans of one trace.
pub(crate) struct Trace(pub(crate) Vec<Seen>);

impl Trace {
    /// The only span of that name.
    pub(crate) fn only(&self, name: &str) -> &Seen {
        let [one] = self.all(name)[..] else { panic!("not one {name}:\n{}", self.tree()) };
        one
    }

    /// The spans of that name, in the order of their beginnings.
    pub(crate) fn all(&self, name: &str) -> Vec<&Seen> {
        let mut named: Vec<_> = self.0.iter().filter(|seen| seen.span.name == name).collect();
        named.sort_by_key(|seen| seen.span.start_time_unix_nano);
        named
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|seen| seen.span.name == name)
    }

    /// A span a line, below its parent, in the order of their beginnings. Whose parent is not here is a root.
    pub(crate) fn tree(&self) -> String {
        let is_here = |id: &[u8]| self.0.iter().any(|seen| seen.span.span_id == id);
        let roots = self.0.iter().filter(|seen| !is_here(&seen.span.parent_span_id)).map(|seen| &seen.span);
        let mut text = String::new();
        self.write(roots.collect(), 0, &mut text);
        text
    }

    fn write(&self, mut spans: Vec<&Span>, depth: usize, text: &mut String) {
        spans.sort_by_key(|span| (span.start_time_unix_nano, span.name.clone()));
        for span in spans {
            let kind = match span.kind() {
                SpanKind::Server => "server",
                SpanKind::Client => "client",
                _ => "internal",
            };
            writeln!(text, "{:1$}{2} {kind}", "", 2 * depth, span.name).unwrap();
            let children = self.0.iter().map(|seen| &seen.span);
            let children = children.filter(|child| child.parent_span_id == span.span_id);
            self.write(children.collect(), depth + 1, text);
        }
    }
}

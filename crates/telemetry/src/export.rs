//! The way of spans out of the process.

use http::{Uri, uri::Scheme};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig, WithTonicConfig,
    tonic_types::transport::ClientTlsConfig,
};
use opentelemetry_sdk::{Resource, trace::SdkTracer};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// The instrumentation scope of all spans.
pub(crate) const SCOPE: &str = "reveille";

/// Exports to `collector` over gRPC. A collector that is away is no error here: spans wait, then are dropped.
pub(crate) fn exporter(collector: &Uri) -> Result<SpanExporter, ExporterBuildError> {
    let builder = SpanExporter::builder().with_tonic().with_endpoint(collector.to_string());
    if collector.scheme() == Some(&Scheme::HTTPS) {
        builder.with_tls_config(ClientTlsConfig::new().with_native_roots()).build()
    } else {
        builder.build()
    }
}

/// Who exports.
pub(crate) fn resource(instance: &str) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let instance = KeyValue::new("service.instance.id", instance.to_owned());
    Resource::builder().with_service_name("reveille").with_attributes([version, instance]).build()
}

/// Turns the spans of `tracing` into spans of OpenTelemetry.
pub(crate) fn layer<S>(tracer: SdkTracer) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_ours))
}

/// The exporter's own connection must not make spans: exporting those would make more of them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    const PLUMBING: [&str; 7] = ["h2", "hyper", "hyper_util", "opentelemetry", "tonic", "tower", "rustls"];
    let root = metadata.target().split("::").next().unwrap_or_default();
    !PLUMBING.contains(&root) && !root.starts_with("opentelemetry")
}

//! The way of spans out of the process.

use http::uri::Scheme;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
    tonic_types::transport::{Certificate, ClientTlsConfig, Identity},
};
use opentelemetry_sdk::{Resource, trace::SdkTracer};
use reqwest::redirect;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::{
    StartError,
    variables::{Collector, Protocol},
};

/// The instrumentation scope of all spans.
pub(crate) const SCOPE: &str = "reveille";

/// Exports to `collector`. A collector that is away is no error here: spans wait, then are dropped.
pub(crate) fn exporter(collector: Collector) -> Result<SpanExporter, StartError> {
    let url = collector.url.to_string();
    let built = match collector.protocol {
        Protocol::Grpc => {
            let builder = SpanExporter::builder().with_tonic().with_endpoint(url);
            if collector.url.scheme() == Some(&Scheme::HTTPS) {
                builder.with_tls_config(tls(collector)).build()
            } else {
                builder.build()
            }
        }
        Protocol::Http => {
            let client = client(collector).map_err(|error| StartError::Exporter(error.to_string()))?;
            SpanExporter::builder().with_http().with_endpoint(url).with_http_client(client).build()
        }
    };
    built.map_err(|error| StartError::Exporter(error.to_string()))
}

fn tls(collector: Collector) -> ClientTlsConfig {
    let tls = match collector.authorities {
        Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match collector.identity {
        Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
        None => tls,
    }
}

/// Headers may be secrets: they follow no redirect.
fn client(collector: Collector) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder().redirect(redirect::Policy::none());
    if let Some(pem) = collector.authorities {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    if let Some((mut pem, key)) = collector.identity {
        pem.extend(key);
        builder = builder.identity(reqwest::Identity::from_pem(&pem)?);
    }
    builder.build()
}

/// Who exports. The environment may name the service otherwise.
pub(crate) fn resource(instance: &str, is_named: bool) -> Resource {
    let mut builder = Resource::builder();
    if !is_named {
        builder = builder.with_service_name("reveille");
    }
    if !instance.is_empty() {
        builder = builder.with_attribute(KeyValue::new("service.instance.id", instance.to_owned()));
    }
    builder.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build()
}

/// Turns the spans of `tracing` into spans of OpenTelemetry, whatever is logged.
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

/// Spans are those of the crates that speak to somebody. What is under them would be told to every collector, and the
/// exporter's own connection must not make spans: exporting those would make more of them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    const OURS: [&str; 5] = ["dispatcher", "gateway", "grpc", "reveille", "wns"];
    let root = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && *metadata.level() <= Level::INFO && OURS.contains(&root)
}

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
use uuid::Uuid;

use crate::{
    Settings, StartError,
    variables::{Collector, Named, Protocol},
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
        Some(identity) => tls.identity(Identity::from_pem(identity.certificate, identity.key)),
        None => tls,
    }
}

/// Headers may be secrets: they follow no redirect.
fn client(collector: Collector) -> Result<reqwest::Client, reqwest::Error> {
    let mut builder = reqwest::Client::builder().redirect(redirect::Policy::none());
    if let Some(pem) = collector.authorities {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
    }
    if let Some(identity) = collector.identity {
        let pem = [identity.certificate, identity.key].join(&b'\n');
        builder = builder.identity(reqwest::Identity::from_pem(&pem)?);
    }
    builder.build()
}

/// Who exports: what the environment says, and the rest by default. Replicas that nobody names are told apart all the same.
pub(crate) fn resource(settings: &Settings, named: Named) -> Resource {
    let mut builder = Resource::builder();
    if !named.service {
        builder = builder.with_service_name("reveille");
    }
    let instance = match settings.instance.as_str() {
        "" if named.instance => None,
        "" => Some(drawn()),
        instance => Some(instance.to_owned()),
    };
    if let Some(instance) = instance {
        builder = builder.with_attribute(KeyValue::new("service.instance.id", instance));
    }
    builder.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build()
}

/// Another one for each process.
#[expect(clippy::disallowed_methods, reason = "the edge where a process begins")]
fn drawn() -> String {
    Uuid::now_v7().to_string()
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

//! The way to the collector: its protocols, TLS, headers, and a collector that is away.

use rcgen::CertifiedKey;
use tonic::transport::Identity;

use super::{
    receiver::Receiver,
    site::{Site, TRACE},
};
use crate::{NAME, NEVER, now};

const HEADER: &str = "planted-header-value";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_protocol_goes_with_tls_and_headers() {
    // The receiver may be the first of this process to use TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let identity = Identity::from_pem(cert.pem(), signing_key.serialize_pem());
    for protocol in ["grpc", "http/protobuf"] {
        let site = Site::with(Receiver::start(Some(identity.clone())).await).await;
        site.place.write("ca.pem", &cert.pem());
        let mut command = site.command();
        command
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem")
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-planted={HEADER}"))
            .env("OTEL_SERVICE_NAME", "waker")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
        let _service = site.start(command);
        site.live(NAME).await;
        let sessions = site.sessions().await;
        assert_eq!(sessions[0].process_says("service.name"), "waker", "{protocol}");
        assert_eq!(sessions[0].process_says("deployment.environment.name"), "test", "{protocol}");
        assert_ne!(sessions[0].process_says("service.instance.id"), "", "{protocol}");
        assert_eq!(site.receiver.header("x-planted").as_deref(), Some(HEADER), "{protocol}");
        let encoding = if protocol == "grpc" { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(site.receiver.header(encoding).as_deref(), Some("gzip"), "{protocol}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sampler_of_the_environment_counts() {
    let site = Site::new().await;
    let mut command = site.command();
    command.env("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let mut service = site.start(command);
    let mut device = site.live(NAME).await;
    site.wake(NAME).await;
    site.come_when_pushed(&mut device).await;
    site.receiver.until(TRACE, |trace| trace.has("session")).await;
    assert_eq!(service.terminate(), Some(0));
    let others = site.receiver.spans().into_iter().filter(|seen| seen.trace_id() != TRACE);
    assert_eq!(others.count(), 0, "only the caller's trace is recorded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_nothing_but_a_counter() {
    let site = Site::new().await;
    let mut command = site.command();
    // Nobody listens there.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let mut service = site.start(command);
    let mut device = site.live(NAME).await;
    let id = site.wake(NAME).await;
    site.come_when_pushed(&mut device).await;
    assert_eq!(site.place.wake(&id)["state"], "answered");
    service.says("the collector does not take spans");
    let dropped = || -> Option<f64> {
        let metrics = site.place.get("/metrics")?;
        let line = metrics.lines().find(|line| line.starts_with("reveille_telemetry_spans_dropped_total"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let deadline = now() + NEVER;
    while !dropped().is_some_and(|count| count > 0.0) {
        assert!(now() < deadline, "no span was counted");
        tokio::task::yield_now().await;
    }
    assert_eq!(service.terminate(), Some(0), "it ends well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_the_environment_is_named_before_a_port_opens() {
    let site = Site::new().await;
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "nowhere.pem"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "reveille.toml"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer planted"),
        ("REVEILLE__TELEMETRY__LOG_FILTER", "info,gateway=loud"),
    ] {
        for arguments in [&["serve"][..], &["config", "check"]] {
            let output = site.command_of(arguments).env(name, value).output().unwrap();
            assert_eq!(output.status.code(), Some(64), "{name} {}", crate::text(&output));
            assert!(crate::text(&output).contains(name), "{name} is not named in {}", crate::text(&output));
        }
    }
}

use std::io::Write;

use super::*;

fn plan(settings: &Settings, variables: &[(&str, &str)]) -> Result<Plan, StartError> {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Plan::of(settings, Variables(&variables))
}

fn configured(endpoint: &str) -> Settings {
    Settings { otlp_endpoint: Some(endpoint.to_owned()), ..Settings::default() }
}

#[test]
fn chooses_the_collector() {
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const HTTP: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    for (setting, variables, expect) in [
        ("", &[][..], None),
        ("", &[(ALL, "")], None),
        ("", &[(ALL, "http://a:4317")], Some("http://a:4317/")),
        ("https://b:4317", &[(ALL, "http://a:4317")], Some("https://b:4317/")),
        ("", &[(ALL, "http://a:4317"), (TRACES, "http://c:4317")], Some("http://c:4317/")),
        ("", &[(ALL, "http://a:4318/otlp/"), HTTP], Some("http://a:4318/otlp/v1/traces")),
        ("http://b:4318", &[HTTP], Some("http://b:4318/v1/traces")),
        ("", &[(TRACES, "http://c:4318/here"), HTTP], Some("http://c:4318/here")),
        ("http://b:4317", &[("OTEL_SDK_DISABLED", "true")], None),
        ("http://b:4317", &[("OTEL_TRACES_EXPORTER", "none")], None),
    ] {
        let collector = plan(&configured(setting), variables).unwrap().collector;
        let url = collector.map(|collector| collector.url.to_string());
        assert_eq!(url.as_deref(), expect, "{setting} {variables:?}");
    }
}

#[test]
fn refuses_what_is_not_an_endpoint() {
    for bad in ["collector:4317", "localhost", "ftp://a", "http://", "http://user:pw@a:4317", "http://a b"] {
        let error = plan(&configured(bad), &[]).unwrap_err();
        assert!(matches!(&error, StartError::Endpoint(name) if name == "telemetry.otlp_endpoint"), "{bad}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}

#[test]
fn the_setting_decides_what_is_sampled_and_then_the_environment() {
    for (ratio, variables, expect) in [
        (None, &[][..], "ParentBased(AlwaysOn)"),
        (Some(0.5), &[("OTEL_TRACES_SAMPLER", "always_off")], "ParentBased(TraceIdRatioBased(0.5))"),
        (None, &[("OTEL_TRACES_SAMPLER", "always_off")], "AlwaysOff"),
        (None, &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], "ParentBased(AlwaysOff)"),
        (
            None,
            &[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")],
            "ParentBased(TraceIdRatioBased(0.25))",
        ),
        (None, &[("OTEL_TRACES_SAMPLER", "traceidratio")], "TraceIdRatioBased(1.0)"),
    ] {
        let settings = Settings { sample_ratio: ratio, ..Settings::default() };
        let sampler = plan(&settings, variables).unwrap().sampler;
        assert_eq!(format!("{sampler:?}"), expect, "{ratio:?} {variables:?}");
    }
}

#[test]
fn refuses_what_is_not_a_share() {
    for bad in [-0.1, 1.1, f64::NAN] {
        let settings = Settings { sample_ratio: Some(bad), ..Settings::default() };
        assert!(matches!(plan(&settings, &[]), Err(StartError::SampleRatio(_))), "{bad}");
    }
}

#[test]
fn a_variable_that_is_wrong_is_named() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1s"),
    ] {
        let error = plan(&configured("http://a:4317"), &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    let sampler = ("OTEL_TRACES_SAMPLER", "traceidratio");
    let error = plan(&Settings::default(), &[sampler, ("OTEL_TRACES_SAMPLER_ARG", "2")]).unwrap_err();
    assert!(error.to_string().contains("OTEL_TRACES_SAMPLER_ARG"), "{error}");
}

#[test]
fn a_certificate_needs_its_key() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"pem").unwrap();
    let path = file.path().to_str().unwrap();
    let settings = configured("https://a:4317");
    for (name, missing) in [("CLIENT_CERTIFICATE", "CLIENT_KEY"), ("CLIENT_KEY", "CLIENT_CERTIFICATE")] {
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        let error = plan(&settings, &[(&name, path)]).unwrap_err().to_string();
        assert!(error.contains(missing), "{error}");
    }
}

#[test]
fn the_environment_may_name_the_service() {
    for (variables, expect) in [
        (&[][..], false),
        (&[("OTEL_SERVICE_NAME", "waker")], true),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team=a, service.name=waker")], true),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team=a")], false),
    ] {
        assert_eq!(plan(&Settings::default(), variables).unwrap().is_named, expect, "{variables:?}");
    }
}

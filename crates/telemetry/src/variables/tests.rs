use std::io::Write;

use tempfile::NamedTempFile;

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
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "brotli"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer planted"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,authorization: planted"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=planted%0A"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1s"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
    ] {
        let error = plan(&configured("https://a:4317"), &[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains("planted"), "{error}");
    }
    let sampler = ("OTEL_TRACES_SAMPLER", "traceidratio");
    let error = plan(&Settings::default(), &[sampler, ("OTEL_TRACES_SAMPLER_ARG", "2")]).unwrap_err();
    assert!(error.to_string().contains("OTEL_TRACES_SAMPLER_ARG"), "{error}");
}

#[test]
fn what_the_exporter_reads_itself_is_let_through() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "None"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer abc=, x-tenant=a%20b,"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
    ] {
        let plan = plan(&configured("http://a:4317"), &[(name, value)]);
        assert!(plan.is_ok(), "{name}={value}: {plan:?}");
    }
}

/// A file with this in it.
fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A certificate and its key.
fn pair() -> (NamedTempFile, NamedTempFile) {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (file(&pair.cert.pem()), file(&pair.signing_key.serialize_pem()))
}

#[test]
fn a_certificate_needs_its_key() {
    let (certificate, key) = pair();
    let settings = configured("https://a:4317");
    for (name, file, missing) in
        [("CLIENT_CERTIFICATE", &certificate, "CLIENT_KEY"), ("CLIENT_KEY", &key, "CLIENT_CERTIFICATE")]
    {
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        let error = plan(&settings, &[(&name, file.path().to_str().unwrap())]).unwrap_err().to_string();
        assert!(error.contains(missing), "{error}");
    }
}

#[test]
fn files_hold_what_they_are_for() {
    let (certificate, key) = pair();
    let other = file("-----BEGIN NOTHING-----");
    let settings = configured("https://a:4317");
    for (name, wrong) in [
        ("CERTIFICATE", &other),
        ("CERTIFICATE", &key),
        ("CLIENT_CERTIFICATE", &other),
        ("CLIENT_CERTIFICATE", &key),
        ("CLIENT_KEY", &other),
        ("CLIENT_KEY", &certificate),
    ] {
        let wrong = wrong.path().to_str().unwrap();
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        let error = plan(&settings, &[(&name, wrong)]).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains(wrong), "{error}");
    }
}

#[test]
fn certificates_are_not_left_out_in_the_clear() {
    let (certificate, _) = pair();
    let variable = ("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate.path().to_str().unwrap());
    assert!(plan(&configured("https://a:4317"), &[variable]).is_ok());
    let error = plan(&configured("http://a:4317"), &[variable]).unwrap_err().to_string();
    assert!(error.contains(variable.0) && error.contains("Write https"), "{error}");
}

#[test]
fn the_environment_may_name_who_exports() {
    for (variables, service, instance) in [
        (&[][..], false, false),
        (&[("OTEL_SERVICE_NAME", "waker")], true, false),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team=a, service.name=waker")], true, false),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team=a,service.instance.id=7")], false, true),
        (&[("OTEL_RESOURCE_ATTRIBUTES", "team=a")], false, false),
    ] {
        let named = plan(&Settings::default(), variables).unwrap().named;
        assert_eq!(named, Named { service, instance }, "{variables:?}");
    }
}

//! What can be set.

use http::{Uri, uri::Scheme};

use crate::StartError;

/// How telemetry is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where spans go: the `http` or `https` URL of an OTLP collector that speaks gRPC. If there is none here,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` counts; without either, nothing is exported.
    pub otlp_endpoint: Option<String>,
    /// The share of traces that are recorded, 0 to 1. A trace that somebody else began keeps its own decision.
    pub sample_ratio: f64,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged and traced, as directives of `tracing`: `info`, or `info,gateway=debug`.
    pub filter: String,
    /// What tells this process from the other replicas (`service.instance.id`).
    pub instance: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, with colours on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sample_ratio: 1.0,
            log_format: LogFormat::Human,
            filter: "info".into(),
            instance: String::new(),
        }
    }
}

impl Settings {
    /// The collector to use, given what the environment says.
    pub(crate) fn collector(&self, environment: Option<String>) -> Result<Option<Uri>, StartError> {
        let configured = self.otlp_endpoint.clone().filter(|url| !url.is_empty());
        let Some(text) = configured.or(environment).filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let url: Uri = text.parse().map_err(|_| StartError::Endpoint)?;
        let known = url.scheme().is_some_and(|s| [Scheme::HTTP, Scheme::HTTPS].contains(s));
        // User info would be a secret in every error that names the endpoint.
        let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if known && plain { Ok(Some(url)) } else { Err(StartError::Endpoint) }
    }

    pub(crate) fn ratio(&self) -> Result<f64, StartError> {
        let ratio = self.sample_ratio;
        if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err(StartError::SampleRatio(ratio)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_collector() {
        let check = |configured: Option<&str>, environment: Option<&str>, expect: Option<&str>| {
            let settings = Settings { otlp_endpoint: configured.map(Into::into), ..Settings::default() };
            let found = settings.collector(environment.map(Into::into)).unwrap();
            assert_eq!(found.map(|url| url.to_string()).as_deref(), expect);
        };
        check(None, None, None);
        check(Some(""), Some(""), None);
        check(None, Some("http://collector:4317"), Some("http://collector:4317/"));
        check(Some(""), Some("http://collector:4317"), Some("http://collector:4317/"));
        check(Some("https://a:4317"), Some("http://b:4317"), Some("https://a:4317/"));
    }

    #[test]
    fn refuses_what_is_not_an_endpoint() {
        for bad in
            ["collector:4317", "localhost", "ftp://a", "http://", "http://user:pw@a:4317", "http://a b"]
        {
            let settings = Settings { otlp_endpoint: Some(bad.into()), ..Settings::default() };
            let error = settings.collector(None).unwrap_err();
            assert!(matches!(error, StartError::Endpoint), "{bad}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_share() {
        for bad in [-0.1, 1.1, f64::NAN] {
            let settings = Settings { sample_ratio: bad, ..Settings::default() };
            assert!(matches!(settings.ratio(), Err(StartError::SampleRatio(_))), "{bad}");
        }
    }
}

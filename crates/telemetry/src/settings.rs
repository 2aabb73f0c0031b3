//! What can be set.

use std::collections::BTreeMap;

use tracing_subscriber::EnvFilter;

use crate::{
    StartError,
    variables::{Plan, Variables},
};

/// How telemetry is set up. What is not set here may be said by OpenTelemetry's standard variables: `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*` and `OTEL_EXPORTER_OTLP_*`; `docs/traces.md` lists them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where spans go: the `http` or `https` URL of an OTLP collector. If there is none here,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` counts; without either, nothing is exported.
    pub otlp_endpoint: Option<String>,
    /// The share of traces that are recorded, 0 to 1. A trace that somebody else began keeps its own decision. If there is
    /// none here, `OTEL_TRACES_SAMPLER` counts; without either, every trace is recorded.
    pub sample_ratio: Option<f64>,
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, as directives of `tracing`: `info`, or `info,gateway=debug`. Spans are no part of it.
    pub filter: String,
    /// What tells this process from the other replicas (`service.instance.id`). If it is empty, `OTEL_RESOURCE_ATTRIBUTES`
    /// counts; without either, an id is drawn at each start.
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
            sample_ratio: None,
            log_format: LogFormat::Human,
            filter: "info".into(),
            instance: String::new(),
        }
    }
}

impl Settings {
    /// Whether the filter is one: what is wrong with it otherwise.
    pub fn check_filter(&self) -> Result<(), String> {
        self.log_filter().map(drop).map_err(|error| error.to_string())
    }

    /// What is wrong with the rest of the settings, or with the standard variables of this environment.
    pub fn check(&self, environment: &BTreeMap<String, String>) -> Result<(), StartError> {
        Plan::of(self, Variables(environment)).map(drop)
    }

    pub(crate) fn log_filter(&self) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
        EnvFilter::builder().parse(&self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_filter_is_found_before_the_start() {
        let check = |filter: &str| Settings { filter: filter.into(), ..Settings::default() }.check_filter();
        assert_eq!(check("info,gateway=debug"), Ok(()));
        assert!(check("info,gateway=loud").is_err());
    }
}

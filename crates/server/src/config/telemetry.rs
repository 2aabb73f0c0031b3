//! `[telemetry]`: logs and traces.

use telemetry::{LogFormat, Settings, StartError};
use url::Url;

use super::{section::Section, value::quoted};

pub(super) fn read(section: &mut Section<'_, '_>) -> Settings {
    let default = Settings::default();
    let settings = Settings {
        otlp_endpoint: otlp_endpoint(section),
        sample_ratio: section.option("sample_ratio"),
        log_format: section.choice("log_format", &[("human", LogFormat::Human), ("json", LogFormat::Json)]),
        filter: section.text("log_filter", &default.filter),
        instance: section.text("instance", &default.instance),
    };
    if let Err(why) = settings.check_filter() {
        section.mistake(
            "log_filter",
            format!("cannot be understood ({why}): write \"info\" or \"info,gateway=debug\""),
        );
    }
    match settings.check(section.environment()) {
        Ok(()) => {}
        Err(StartError::SampleRatio(ratio)) => {
            section.mistake("sample_ratio", format!("is {ratio}: write a share from 0.0 to 1.0"));
        }
        Err(other) => section.mistake_of_all(format!("cannot be used: {other}")),
    }
    settings
}

/// What is no endpoint is not quoted: it may hold a password.
fn otlp_endpoint(section: &mut Section<'_, '_>) -> Option<String> {
    let text = section.hidden_text("otlp_endpoint").unwrap_or_default();
    if text.is_empty() {
        section.record("otlp_endpoint", quoted(""));
        return None;
    }
    let url = Url::parse(&text).ok().filter(|url| {
        ["http", "https"].contains(&url.scheme()) && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        let example = "write the URL of an OTLP collector, such as \"http://127.0.0.1:4317\"";
        section.mistake("otlp_endpoint", format!("is no http or https URL without a user: {example}"));
        return None;
    }
    section.record("otlp_endpoint", quoted(&text));
    Some(text)
}

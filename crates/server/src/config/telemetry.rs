//! `[telemetry]`: logs and traces.

use telemetry::{LogFormat, Settings};
use url::Url;

use super::{section::Section, value::quoted};

pub(super) fn read(section: &mut Section<'_, '_>) -> Settings {
    let default = Settings::default();
    let settings = Settings {
        otlp_endpoint: otlp_endpoint(section),
        sample_ratio: section.value("sample_ratio", default.sample_ratio),
        log_format: section.choice(
            "log_format",
            &[("human", LogFormat::Human), ("json", LogFormat::Json)],
            &[],
        ),
        filter: section.text("log_filter", &default.filter),
        instance: section.text("instance", &default.instance),
    };
    if !(0.0..=1.0).contains(&settings.sample_ratio) {
        section
            .mistake("sample_ratio", format!("is {}: write a share from 0.0 to 1.0", settings.sample_ratio));
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
        let example =
            "write the URL of an OTLP collector that speaks gRPC, such as \"http://127.0.0.1:4317\"";
        section.mistake("otlp_endpoint", format!("is no http or https URL without a user: {example}"));
        return None;
    }
    section.record("otlp_endpoint", quoted(&text));
    Some(text)
}

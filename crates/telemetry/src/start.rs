//! Starting and stopping.

use std::{env, io::IsTerminal};

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_sdk::{error::OTelSdkError, trace::SdkTracerProvider};
use thiserror::Error;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{Settings, context, export, ids, log};

/// Telemetry that is running. Keep it until the end of the process and shut it down then: what was not exported yet
/// is lost otherwise.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Why telemetry could not be started. All but the last are mistakes of the configuration.
#[derive(Debug, Error)]
pub enum StartError {
    /// The OTLP endpoint cannot be used. Not quoted, since it may hold a password.
    #[error("the OTLP endpoint is not an http or https URL of a host, without user info")]
    Endpoint,
    /// The share of traces is not a share.
    #[error("the sample ratio {0} is not between 0 and 1")]
    SampleRatio(f64),
    /// The filter cannot be understood.
    #[error("the log filter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter does not work with the endpoint, or with what `OTEL_EXPORTER_OTLP_*` say.
    #[error("the OTLP exporter cannot be set up: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// There is one already in this process.
    #[error("telemetry was started before in this process")]
    Started,
}

/// The last spans could not be exported.
#[derive(Debug, Error)]
pub enum ShutdownError {
    /// The exporter did not finish in time, or could not be stopped.
    #[error("the last spans were not exported: {0}")]
    Export(#[from] OTelSdkError),
    /// The flush broke off.
    #[error("the flush of the last spans broke off")]
    Broken,
}

impl Telemetry {
    /// Sets up logs and traces of this process. Must be called within a tokio runtime, once.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let filter = EnvFilter::builder().parse(&settings.filter)?;
        let ratio = settings.ratio()?;
        let collector = settings.collector(env::var("OTEL_EXPORTER_OTLP_ENDPOINT").ok())?;
        let exporter = collector.as_ref().map(export::exporter).transpose()?;
        let exporting = exporter.is_some();
        let builder = match exporter {
            Some(exporter) => ids::provider(ratio).with_batch_exporter(exporter),
            None => ids::silent_provider(),
        };
        let provider = builder.with_resource(export::resource(&settings.instance)).build();
        tracing_subscriber::registry()
            .with(filter)
            .with(export::layer(provider.tracer(export::SCOPE)))
            .with(log::layer(
                settings.log_format,
                log::Colour::of(std::io::stderr().is_terminal()),
                std::io::stderr,
            ))
            .try_init()
            .map_err(|_| StartError::Started)?;
        if exporting {
            global::set_tracer_provider(provider.clone());
            context::decide_roots(ratio);
        }
        Ok(Self { provider })
    }

    /// Exports what is left, for at most five seconds. Call it last; nothing is exported afterwards. A collector that
    /// does not answer is in the log, as at any other time, and no error here.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        // The SDK blocks its thread while the exporter works on this runtime.
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        flushed.map_err(|_| ShutdownError::Broken)?.map_err(ShutdownError::Export)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn starts_once_and_stops() {
        let settings = Settings { filter: "off".into(), ..Settings::default() };
        let telemetry = Telemetry::start(&settings).unwrap();
        assert!(matches!(Telemetry::start(&settings), Err(StartError::Started)));
        telemetry.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_wrong_filter_is_refused() {
        let settings = Settings { filter: "info,gateway=loud".into(), ..Settings::default() };
        assert!(matches!(Telemetry::start(&settings), Err(StartError::Filter(_))));
    }
}

//! Starting and stopping.

use std::{env, io::IsTerminal, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use thiserror::Error;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    Settings, context, export, finished, log,
    queue::Queue,
    variables::{Plan, Variables},
};

/// How long the last spans may take.
const FLUSH: Duration = Duration::from_secs(5);

/// Telemetry that is running. Keep it until the end of the process and shut it down then: what was not exported yet
/// is lost otherwise.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
    /// None if nothing is exported.
    queue: Option<Queue>,
}

/// Why telemetry could not be started. All but the last are mistakes of the configuration.
#[derive(Debug, Error)]
pub enum StartError {
    /// The OTLP endpoint cannot be used: of this setting or variable. Not quoted, since it may hold a password.
    #[error("{0} is not an http or https URL of a host, without user info")]
    Endpoint(String),
    /// The share of traces is not a share.
    #[error("the sample ratio {0} is not between 0 and 1")]
    SampleRatio(f64),
    /// A standard variable is wrong, for this reason.
    #[error("{0} {1}")]
    Variable(String, String),
    /// The filter cannot be understood.
    #[error("the log filter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The exporter does not work with the endpoint, or with what `OTEL_EXPORTER_OTLP_*` say.
    #[error("the OTLP exporter cannot be set up: {0}")]
    Exporter(String),
    /// There is one already in this process.
    #[error("telemetry was started before in this process")]
    Started,
}

/// The last spans were not exported in time.
#[derive(Debug, Error)]
#[error("the collector did not take the last spans within {} s", FLUSH.as_secs())]
pub struct ShutdownError;

impl Telemetry {
    /// Sets up logs and traces of this process. Must be called within a tokio runtime, once.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let filter = settings.log_filter()?;
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let Plan { collector, sampler, limits, named } =
            Plan::of(settings, Variables(&env::vars_os().filter_map(unicode).collect()))?;
        let resource = export::resource(settings, named);
        let queue = collector.map(|collector| {
            let mut exporter = export::exporter(collector)?;
            opentelemetry_sdk::trace::SpanExporter::set_resource(&mut exporter, &resource);
            Ok::<_, StartError>(Queue::start(exporter, limits))
        });
        let queue = queue.transpose()?;
        let builder = SdkTracerProvider::builder().with_resource(resource);
        let provider = match &queue {
            Some(queue) => builder.with_sampler(sampler.clone()).with_span_processor(queue.clone()).build(),
            // Spans have ids all the same, for the log.
            None => builder.with_sampler(Sampler::AlwaysOff).build(),
        };
        let lines = log::layer(
            settings.log_format,
            log::Colour::of(std::io::stderr().is_terminal()),
            filter,
            std::io::stderr,
        );
        tracing_subscriber::registry()
            .with(export::layer(provider.tracer(export::SCOPE)))
            .with(lines)
            .try_init()
            .map_err(|_| StartError::Started)?;
        if let Some(queue) = &queue {
            finished::export_to(queue.clone());
            context::decide_roots(sampler);
        }
        Ok(Self { provider, queue })
    }

    /// Exports what is left, for at most five seconds. Call it last; nothing is exported afterwards. A collector that
    /// does not take it is in the log, as at any other time, and no error here unless it does not answer at all.
    pub async fn shutdown(self) -> Result<(), ShutdownError> {
        let Some(queue) = self.queue else { return Ok(()) };
        let flushed = tokio::time::timeout(FLUSH, queue.finish()).await;
        // The queue is empty, or given up: what this says of it is known.
        let _ = self.provider.shutdown();
        flushed.map_err(|_| ShutdownError)
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

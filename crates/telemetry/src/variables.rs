//! The standard variables (OpenTelemetry's environment variable specification), and what they and our settings come to.

use std::{collections::BTreeMap, fs, str::FromStr, time::Duration};

use http::{Uri, uri::Scheme};
use opentelemetry_sdk::trace::Sampler;

use crate::{Settings, StartError, queue::Limits};

/// The environment. A variable that is empty is as good as none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variables<'a>(pub(crate) &'a BTreeMap<String, String>);

/// What telemetry is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where spans go; none: nowhere.
    pub(crate) collector: Option<Collector>,
    /// Which traces are recorded.
    pub(crate) sampler: Sampler,
    /// How many spans wait, and how long.
    pub(crate) limits: Limits,
    /// Whether the environment names the service.
    pub(crate) is_named: bool,
}

/// A collector and the way there. Headers and timeouts are read by the exporter itself.
pub(crate) struct Collector {
    pub(crate) url: Uri,
    pub(crate) protocol: Protocol,
    /// Certificates (PEM) that the collector's must come from; none: those of the system.
    pub(crate) authorities: Option<Vec<u8>>,
    /// Our own certificate and its key (PEM).
    pub(crate) identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// How spans are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP as protobuf over HTTP.
    Http,
}

/// Where spans are posted, below the URL that is for all signals.
const TRACES_PATH: &str = "/v1/traces";

impl Plan {
    pub(crate) fn of(settings: &Settings, variables: Variables<'_>) -> Result<Self, StartError> {
        let attributes = variables.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        Ok(Self {
            collector: variables.collector(settings)?,
            sampler: variables.sampler(settings.sample_ratio)?,
            limits: variables.limits()?,
            is_named: variables.get("OTEL_SERVICE_NAME").is_some()
                || attributes.split(',').any(|pair| pair.trim_start().starts_with("service.name=")),
        })
    }
}

impl<'a> Variables<'a> {
    fn get(self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A variable of the exporter: the one for traces before the one for all signals.
    fn of_exporter(self, name: &str) -> Option<(String, &'a str)> {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn collector(self, settings: &Settings) -> Result<Option<Collector>, StartError> {
        let off = self.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || self.get("OTEL_TRACES_EXPORTER") == Some("none");
        let configured = settings.otlp_endpoint.as_deref().filter(|url| !url.is_empty());
        let of_setting = configured.map(|url| ("telemetry.otlp_endpoint".to_owned(), url));
        let Some((name, text)) = of_setting.or_else(|| self.of_exporter("ENDPOINT")).filter(|_| !off) else {
            return Ok(None);
        };
        let protocol = self.protocol()?;
        let for_traces = name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let url = endpoint(text).ok_or_else(|| StartError::Endpoint(name.clone()))?;
        let url = match protocol {
            Protocol::Http if !for_traces => below(&url, TRACES_PATH).ok_or(StartError::Endpoint(name))?,
            Protocol::Http | Protocol::Grpc => url,
        };
        let authorities = self.file("CERTIFICATE")?;
        let identity = match (self.file("CLIENT_CERTIFICATE")?, self.file("CLIENT_KEY")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(alone("CLIENT_CERTIFICATE", "CLIENT_KEY")),
            (None, Some(_)) => return Err(alone("CLIENT_KEY", "CLIENT_CERTIFICATE")),
        };
        Ok(Some(Collector { url, protocol, authorities, identity }))
    }

    fn protocol(self) -> Result<Protocol, StartError> {
        match self.of_exporter("PROTOCOL") {
            None | Some((_, "grpc")) => Ok(Protocol::Grpc),
            Some((_, "http/protobuf")) => Ok(Protocol::Http),
            Some((name, other)) => {
                Err(StartError::Variable(name, format!("is {other:?}: write grpc or http/protobuf")))
            }
        }
    }

    fn file(self, name: &str) -> Result<Option<Vec<u8>>, StartError> {
        let Some((name, path)) = self.of_exporter(name) else { return Ok(None) };
        let read = fs::read(path);
        read.map(Some).map_err(|error| StartError::Variable(name, format!("cannot be read: {path}: {error}")))
    }

    /// The setting goes before the environment. By default everything is recorded, but for the traces of callers who
    /// decided otherwise.
    fn sampler(self, ratio: Option<f64>) -> Result<Sampler, StartError> {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        if let Some(ratio) = ratio {
            let ratio = share(ratio).ok_or(StartError::SampleRatio(ratio))?;
            return Ok(following(Sampler::TraceIdRatioBased(ratio)));
        }
        Ok(match self.get(NAME) {
            None | Some("parentbased_always_on") => following(Sampler::AlwaysOn),
            Some("parentbased_always_off") => following(Sampler::AlwaysOff),
            Some("parentbased_traceidratio") => following(Sampler::TraceIdRatioBased(self.sampled_share()?)),
            Some("always_on") => Sampler::AlwaysOn,
            Some("always_off") => Sampler::AlwaysOff,
            Some("traceidratio") => Sampler::TraceIdRatioBased(self.sampled_share()?),
            Some(other) => {
                let says = format!(
                    "is {other:?}: write always_on, always_off, traceidratio, or one of these with parentbased_ before it"
                );
                return Err(StartError::Variable(NAME.into(), says));
            }
        })
    }

    fn sampled_share(self) -> Result<f64, StartError> {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(NAME) else { return Ok(1.0) };
        let says =
            || StartError::Variable(NAME.into(), format!("is {text:?}: write a share from 0.0 to 1.0"));
        text.parse().ok().and_then(share).ok_or_else(says)
    }

    fn limits(self) -> Result<Limits, StartError> {
        let default = Limits::default();
        let batch = self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default.batch)?;
        let delay = self.number("OTEL_BSP_SCHEDULE_DELAY", default.delay.as_millis())?;
        Ok(Limits {
            waiting: self.number("OTEL_BSP_MAX_QUEUE_SIZE", default.waiting)?.max(batch),
            batch,
            delay: Duration::from_millis(u64::try_from(delay).unwrap_or(u64::MAX)),
        })
    }

    fn number<T: FromStr + PartialEq + From<u8>>(self, name: &str, default: T) -> Result<T, StartError> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| *number != T::from(0));
        number
            .ok_or_else(|| StartError::Variable(name.into(), format!("is {text:?}: write a number above 0")))
    }
}

/// A trace that somebody else began keeps its decision.
fn following(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

fn share(ratio: f64) -> Option<f64> {
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

/// User info would be a secret in every error that names the endpoint.
fn endpoint(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let known = url.scheme().is_some_and(|scheme| [Scheme::HTTP, Scheme::HTTPS].contains(scheme));
    let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    (known && plain).then_some(url)
}

fn below(url: &Uri, path: &str) -> Option<Uri> {
    let mut parts = url.clone().into_parts();
    let path = format!("{}{path}", url.path().trim_end_matches('/'));
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn alone(given: &str, missing: &str) -> StartError {
    let says = format!("is set, and OTEL_EXPORTER_OTLP_{missing} is not: both are needed");
    StartError::Variable(format!("OTEL_EXPORTER_OTLP_{given}"), says)
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector")
            .field("url", &self.url)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

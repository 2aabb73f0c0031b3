//! The standard variables (OpenTelemetry's environment variable specification), and what they and our settings come to.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use opentelemetry_sdk::trace::Sampler;

use crate::{Settings, StartError, queue::Limits};

mod collector;

pub(crate) use collector::{Collector, Protocol};

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
    /// What the environment says of who exports.
    pub(crate) named: Named,
}

/// Who is named by the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) service: bool,
    /// This instance of the service.
    pub(crate) instance: bool,
}

impl Plan {
    pub(crate) fn of(settings: &Settings, variables: Variables<'_>) -> Result<Self, StartError> {
        Ok(Self {
            collector: Collector::of(settings, variables)?,
            sampler: variables.sampler(settings.sample_ratio)?,
            limits: variables.limits()?,
            named: variables.named(),
        })
    }
}

impl<'a> Variables<'a> {
    fn get(self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn named(self) -> Named {
        let attributes = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let names = |key: &str| {
            let mut pairs = attributes.split(',').filter_map(|pair| pair.split_once('='));
            pairs.any(|(name, _)| name.trim() == key)
        };
        Named {
            service: self.get("OTEL_SERVICE_NAME").is_some() || names("service.name"),
            instance: names("service.instance.id"),
        }
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
        Ok(Limits {
            waiting: self.number("OTEL_BSP_MAX_QUEUE_SIZE", default.waiting)?.max(batch),
            batch,
            delay: self.milliseconds("OTEL_BSP_SCHEDULE_DELAY", default.delay)?,
            export: self.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", default.export)?,
        })
    }

    fn milliseconds(self, name: &str, default: Duration) -> Result<Duration, StartError> {
        self.get(name).map_or(Ok(default), |text| above_zero(name, text).map(Duration::from_millis))
    }

    fn number<T: FromStr + PartialEq + From<u8>>(self, name: &str, default: T) -> Result<T, StartError> {
        self.get(name).map_or(Ok(default), |text| above_zero(name, text))
    }
}

fn above_zero<T: FromStr + PartialEq + From<u8>>(name: &str, text: &str) -> Result<T, StartError> {
    let number = text.parse().ok().filter(|number| *number != T::from(0));
    number.ok_or_else(|| StartError::Variable(name.into(), format!("is {text:?}: write a number above 0")))
}

/// A trace that somebody else began keeps its decision.
fn following(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

fn share(ratio: f64) -> Option<f64> {
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

#[cfg(test)]
mod tests;

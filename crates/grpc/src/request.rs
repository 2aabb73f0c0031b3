//! Reading requests: every field that is wrong is noted, and all are named at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    time::Duration,
};

use model::{Labels, Priority};
use reveille_api::v1::{self as api, device_ref::By};
use store::DeviceRef;
use tonic::Status;

use crate::status;

/// Who asks, until callers are known.
pub const ANONYMOUS: &str = "anonymous";

/// The shortest and the default time that a wake may live. The longest is [`push::MAX_DEADLINE`].
const SHORTEST: Duration = Duration::from_secs(1);
const DEFAULT: Duration = Duration::from_hours(1);
/// Bytes of a reason, a key and an external id.
const REASON: usize = 256;
const KEY: usize = 255;

/// What is wrong with a request so far.
#[derive(Default)]
pub(crate) struct Reader {
    violations: Vec<(String, String)>,
}

/// A field is wrong, and the reader knows.
pub(crate) struct Noted;

impl Reader {
    /// `value`, if nothing was wrong.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.violations.is_empty() => Ok(value),
            _ => Err(status::invalid(self.violations)),
        }
    }

    /// Whether anything is wrong so far.
    pub(crate) fn found_any(&self) -> bool {
        !self.violations.is_empty()
    }

    pub(crate) fn wrong(&mut self, field: &str, why: impl Into<String>) {
        self.violations.push((field.to_owned(), why.into()));
    }

    /// A value that is parsed from text.
    pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.wrong(field, error.to_string())).ok()
    }

    /// A device's name or id.
    pub(crate) fn device(&mut self, field: &str, device: Option<&api::DeviceRef>) -> Option<DeviceRef> {
        match device.and_then(|device| device.by.as_ref()) {
            Some(By::Name(name)) => self.parse(&format!("{field}.name"), name).map(DeviceRef::Name),
            Some(By::Id(id)) => self.parse(&format!("{field}.id"), id).map(DeviceRef::Id),
            None => {
                self.wrong(field, "name a device, by name or by id");
                None
            }
        }
    }

    pub(crate) fn labels(&mut self, field: &str, labels: BTreeMap<String, String>) -> Option<Labels> {
        Labels::new(labels).map_err(|error| self.wrong(field, error.to_string())).ok()
    }

    /// A text of at most so many bytes, without control characters.
    pub(crate) fn text(&mut self, field: &str, text: String, limit: usize) -> Option<String> {
        if text.len() > limit {
            self.wrong(field, format!("has {} bytes, {limit} is the limit", text.len()));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong(field, "must not hold control characters");
            return None;
        }
        Some(text)
    }

    /// The names of the states that a filter lets through; none if it lets all through. `name` has none for "any".
    pub(crate) fn any_of<S: TryFrom<i32>>(
        &mut self,
        field: &str,
        states: &[i32],
        name: impl Fn(S) -> Option<&'static str>,
    ) -> Vec<&'static str> {
        let mut names = BTreeSet::new();
        let (mut any, mut unknown) = (false, false);
        for &state in states {
            match S::try_from(state).map(&name) {
                Ok(Some(name)) => _ = names.insert(name),
                Ok(None) => any = true,
                Err(_) => unknown = true,
            }
        }
        if unknown {
            self.wrong(field, "holds a state that is unknown");
        }
        if any { Vec::new() } else { names.into_iter().collect() }
    }

    /// Bulk, if nothing is said.
    pub(crate) fn priority(&mut self, priority: i32) -> Option<Priority> {
        match api::WakePriority::try_from(priority) {
            Ok(api::WakePriority::Interactive) => Some(Priority::Interactive),
            Ok(api::WakePriority::Bulk | api::WakePriority::Unspecified) => Some(Priority::Bulk),
            Err(_) => {
                self.wrong("priority", "must be INTERACTIVE or BULK");
                None
            }
        }
    }

    pub(crate) fn reason(&mut self, text: String) -> Option<String> {
        self.text("reason", text, REASON)
    }

    /// An idempotency key; an empty one is none.
    pub(crate) fn key(&mut self, text: String) -> Option<String> {
        self.text("idempotency_key", text, KEY)
    }

    /// How long a wake may live.
    pub(crate) fn timeout(&mut self, timeout: Option<prost_types::Duration>) -> Option<Duration> {
        let Some(timeout) = timeout else { return Some(DEFAULT) };
        match Duration::try_from(timeout) {
            Ok(timeout) if (SHORTEST..=push::MAX_DEADLINE).contains(&timeout) => Some(timeout),
            _ => {
                self.wrong("timeout", "must be between 1 second and 30 days");
                None
            }
        }
    }
}

//! The push apps of this process's configuration.

use std::{collections::BTreeSet, sync::RwLock};

use ::push::{AppCondition, EndReason};
use model::{PushAppName, Timestamp};

/// Who is pushed for. Apps that were taken out of the configuration stay in the database, with devices that come from them.
#[derive(Debug, Default)]
pub(crate) struct Configured(RwLock<Option<BTreeSet<String>>>);

impl Configured {
    pub(crate) fn set<'a>(&self, apps: impl Iterator<Item = &'a PushAppName>) {
        let names = apps.map(ToString::to_string).collect();
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(names);
    }

    /// Before any were named, all are.
    pub(crate) fn has(&self, app: &str) -> bool {
        let apps = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        apps.as_ref().is_none_or(|apps| apps.contains(app))
    }

    /// Why nothing is pushed for an app, if anything holds it back: what nobody pushes for any more is no channel.
    pub(crate) fn reason(&self, app: &str, condition: &AppCondition, now: Timestamp) -> Option<EndReason> {
        if self.has(app) { condition.reason(now) } else { Some(EndReason::NoChannel) }
    }
}

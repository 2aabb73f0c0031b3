//! What an operator decides about the gateway.

use std::{collections::BTreeMap, time::Duration};

use model::{Pfn, PushAppName};
use thiserror::Error;

/// What an operator decides about the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where devices POST to.
    pub path: String,
    /// Sessions and credentials.
    pub sessions: dm::Settings,
    /// Bytes, depth and the like of a message.
    pub limits: syncml::Limits,
    /// The root of the `DMClient` nodes: `./Vendor/MSFT` or `./Device/Vendor/MSFT`.
    pub node_root: String,
    /// The PFN of each push app.
    pub apps: BTreeMap<PushAppName, Pfn>,
    /// How often `./DevDetail` is read.
    pub detail_every: Duration,
    /// Planned writes of the PFN in an hour, by all replicas together; 0 is no bound.
    pub pfn_writes_per_hour: u64,
    /// Messages that are worked on at a time; beyond it, devices that begin a session are sent away for a while.
    pub max_under_way: usize,
    /// The mean of the time for which they are sent away.
    pub overload_wait: Duration,
    /// How long a device may take to send one message.
    pub request_timeout: Duration,
}

/// Why settings cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSettings {
    /// The path is not one.
    #[error("gateway.path must begin with a slash and hold neither braces nor a query")]
    Path,
    /// The root of the nodes is not known.
    #[error("push.node_root must be ./Vendor/MSFT or ./Device/Vendor/MSFT")]
    NodeRoot,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: "/dm".into(),
            sessions: dm::Settings::default(),
            limits: syncml::Limits::default(),
            node_root: "./Vendor/MSFT".into(),
            apps: BTreeMap::new(),
            detail_every: Duration::from_hours(7 * 24),
            pfn_writes_per_hour: 0,
            max_under_way: 1_024,
            overload_wait: Duration::from_mins(2),
            request_timeout: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Every mistake that can be seen without trying.
    pub fn check(&self) -> Vec<InvalidSettings> {
        let path = self.path.starts_with('/') && !self.path.contains(['{', '}', '?', '#', ' ']);
        let root = ["./Vendor/MSFT", "./Device/Vendor/MSFT"].contains(&self.node_root.as_str());
        let mistakes = [(path, InvalidSettings::Path), (root, InvalidSettings::NodeRoot)];
        mistakes.into_iter().filter(|(fine, _)| !fine).map(|(_, mistake)| mistake).collect()
    }
}

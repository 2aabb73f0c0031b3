//! What an operator decides about the gateway.

use std::{collections::BTreeMap, time::Duration};

use http::HeaderName;
use ipnet::IpNet;
use model::{Pfn, PushAppName};
use thiserror::Error;

use crate::{CertificateName, GuessingLimits, Tls};

mod connections;

pub use connections::ConnectionLimits;

/// What an operator decides about the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where devices POST to.
    pub path: String,
    /// TLS at the gateway itself; None: something in front terminates it.
    pub tls: Option<Tls>,
    /// Whether a certificate that a device shows in the TLS handshake says who it is.
    pub client_certificates: bool,
    /// The header in which trusted proxies forward the certificate of a device; None: no certificate in a header counts.
    pub proxy_certificates: Option<HeaderName>,
    /// How a certificate names its device, besides by the fingerprint that is stored with it.
    pub certificate_name: CertificateName,
    /// The networks of the proxies in front of the gateway, whose headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Sessions and credentials.
    pub sessions: dm::Settings,
    /// How fast somebody may guess credentials.
    pub guessing: GuessingLimits,
    /// What connections may cost.
    pub connections: ConnectionLimits,
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
    /// Bytes of messages that are in memory at a time; beyond it, devices are sent away, too.
    pub max_buffered_bytes: usize,
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
    /// No message fits.
    #[error("gateway.max_buffered_bytes must not be less than gateway.max_message_bytes")]
    BufferedBytes,
    /// HTTP needs more for a request's head.
    #[error("gateway.max_header_bytes must be 8192 or more")]
    HeaderBytes,
}

/// What hyper needs for a request's head.
const LEAST_HEADER_BYTES: usize = 8_192;

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: "/dm".into(),
            tls: None,
            client_certificates: false,
            proxy_certificates: None,
            certificate_name: CertificateName::Off,
            trusted_proxies: Vec::new(),
            sessions: dm::Settings::default(),
            guessing: GuessingLimits::default(),
            connections: ConnectionLimits::default(),
            limits: syncml::Limits::default(),
            node_root: "./Vendor/MSFT".into(),
            apps: BTreeMap::new(),
            detail_every: Duration::from_hours(7 * 24),
            pfn_writes_per_hour: 0,
            max_under_way: 1_024,
            max_buffered_bytes: 256 << 20,
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
        let buffered = self.max_buffered_bytes >= self.limits.bytes;
        let header = self.connections.header_bytes >= LEAST_HEADER_BYTES;
        let mistakes = [
            (path, InvalidSettings::Path),
            (root, InvalidSettings::NodeRoot),
            (buffered, InvalidSettings::BufferedBytes),
            (header, InvalidSettings::HeaderBytes),
        ];
        mistakes.into_iter().filter(|(fine, _)| !fine).map(|(_, mistake)| mistake).collect()
    }
}

//! What connections may cost.

use std::time::Duration;

/// What connections may cost. Whoever reaches a limit loses its connection, or waits for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time. More wait in the kernel's queue. Each takes a file descriptor.
    pub open: usize,
    /// Connections at a time from one IPv4 address or one IPv6 /64; more are closed at once. Whole sites
    /// come from one address, so it must not be low. Trusted proxies have no such limit.
    pub open_per_address: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long it may take until the head of the first request is there.
    pub header_timeout: Duration,
    /// How long a connection may be without a request. A device that needs longer for its next message connects anew.
    pub idle_timeout: Duration,
    /// Bytes of a request's head: at least 8,192, and a certificate in a header takes some thousands.
    pub header_bytes: usize,
    /// Header fields of a request.
    pub headers: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            open: 8_192,
            open_per_address: 1_024,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            header_bytes: 32 << 10,
            headers: 64,
            streams: 16,
        }
    }
}

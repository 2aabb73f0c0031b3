//! Drives one device's sessions over HTTP.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use thiserror::Error;
use url::Url;

use super::{ChannelRequest, Device, Opening, ProtocolError, SessionReport, Step};
use crate::{
    edge::{self, now},
    http,
    wns::{Grant, NoChannel, Registration},
};

/// The largest reply that a device takes.
const LARGEST_REPLY: usize = 1024 * 1024;

/// How long a device waits for a reply.
const REPLY_TIMEOUT: Duration = Duration::from_mins(1);

/// `Push/Status` of a device that has no WNS to ask: no channel assigned (oma-dm.md §8.1).
const NOT_ASSIGNED: u8 = 4;

/// The HTTP of simulated devices: one for a whole fleet.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    gateway: Url,
    wns: Option<Url>,
    fleet: String,
}

/// How a message is sent again that got no reply: the same bytes (oma-dm.md §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How many times it is sent again; 0: never.
    pub retries: u32,
    /// The wait before the first of them; it doubles.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

/// A session that broke off.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The HTTP client could not be built.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// No reply came.
    #[error("no reply: {0}")]
    NoReply(String),
    /// The gateway answered something else than 200.
    #[error("the gateway answered {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The reply is larger than a device takes.
    #[error("the reply is larger than 1 MiB")]
    TooLarge,
    /// The reply makes no sense.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The emulated WNS is out of reach.
    #[error("the emulated WNS cannot be asked for a channel: {0}")]
    Wns(String),
}

impl Client {
    /// Devices that are managed at `gateway` and, if there is an emulated WNS, get their channels there.
    pub fn new(gateway: Url, wns: Option<Url>) -> Result<Self, SyncError> {
        Self::over(http::client(), gateway, wns)
    }

    /// The same for one device with a client certificate. Both are PEM: the certificate with its key, and the CA that
    /// the gateway's certificate is from.
    pub fn with_certificate(
        gateway: Url,
        wns: Option<Url>,
        identity: &[u8],
        ca: &[u8],
    ) -> Result<Self, SyncError> {
        Self::over(http::client_with_certificate(identity, ca), gateway, wns)
    }

    fn over(
        http: Result<reqwest::Client, reqwest::Error>,
        gateway: Url,
        wns: Option<Url>,
    ) -> Result<Self, SyncError> {
        let http = http.map_err(|error| SyncError::Setup(http::describe(error)))?;
        Ok(Self { http, gateway, wns, fleet: String::new() })
    }

    /// The same for devices whose pushes are told to this fleet.
    #[must_use]
    pub fn of_fleet(mut self, fleet: &str) -> Self {
        fleet.clone_into(&mut self.fleet);
        self
    }

    /// Holds one whole session of the device, as its schedule would start it. A message without a reply ends it.
    pub async fn sync(&self, device: &mut Device) -> Result<SessionReport, SyncError> {
        self.sync_as(device, Opening::Schedule, Backoff::NONE).await
    }

    /// Holds one whole session that is started for this reason.
    pub async fn sync_as(
        &self,
        device: &mut Device,
        opening: Opening,
        backoff: Backoff,
    ) -> Result<SessionReport, SyncError> {
        let held = self.hold(device, opening, backoff).await;
        if held.is_err() {
            device.fall_silent();
        }
        held
    }

    /// Sends one message and reads the reply, once.
    pub async fn exchange(
        &self,
        device: &Device,
        opening: Opening,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, SyncError> {
        let (query, agent) = device.http_manner();
        let mut url = self.gateway.clone();
        let query = url.query().map_or(query.to_owned(), |own| format!("{own}&{query}"));
        url.set_query(Some(&query));
        let mut post = self
            .http
            .post(url)
            .timeout(REPLY_TIMEOUT)
            .header("content-type", "application/vnd.syncml.dm+xml")
            .header(
                "accept",
                "application/vnd.syncml.dm+xml, application/vnd.syncml.dm+wbxml, application/octet-stream",
            )
            .header("accept-charset", "UTF-8")
            .header("user-agent", agent)
            .body(message);
        if let Some(origin) = device.origin_header(opening) {
            post = post.header("UserAgentOrigin", origin);
        }
        let response = post.send().await.map_err(no_reply)?;
        if response.status() == StatusCode::OK {
            return body(response).await;
        }
        let (status, retry_after) = (response.status().as_u16(), http::retry_after(&response));
        Err(SyncError::Status { status, retry_after })
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    async fn hold(
        &self,
        device: &mut Device,
        opening: Opening,
        backoff: Backoff,
    ) -> Result<SessionReport, SyncError> {
        let mut message = device.start(opening, now());
        loop {
            let reply = self.persist(device, opening, message, backoff).await?;
            let mut step = device.receive(&reply, now())?;
            while let Step::Register(request) = step {
                step = match self.register(device, &request).await? {
                    Some(next) => next,
                    None => return Err(ProtocolError::NoSession.into()),
                };
            }
            match step {
                Step::Send(next) => message = next,
                Step::Done(report) => {
                    if let Some(request) = &report.register {
                        self.register(device, request).await?;
                    }
                    return Ok(report);
                }
                Step::Register(_) => unreachable!("the loop above ends with another step"),
            }
        }
    }

    /// Sends the same bytes again while there is no reply.
    async fn persist(
        &self,
        device: &Device,
        opening: Opening,
        message: Vec<u8>,
        backoff: Backoff,
    ) -> Result<Vec<u8>, SyncError> {
        let mut wait = backoff.first;
        for _ in 0..backoff.retries {
            match self.exchange(device, opening, message.clone()).await {
                Err(error) if error.is_passing() => {
                    let asked = error.retry_after().unwrap_or_default();
                    let jitter = wait.mul_f64(edge::random());
                    tokio::time::sleep((wait / 2 + jitter / 2).max(asked).min(backoff.max)).await;
                    wait = (2 * wait).min(backoff.max);
                }
                outcome => return outcome,
            }
        }
        self.exchange(device, opening, message).await
    }

    async fn register(
        &self,
        device: &mut Device,
        request: &ChannelRequest,
    ) -> Result<Option<Step>, SyncError> {
        let outcome = match &self.wns {
            Some(wns) => self.ask_for_channel(wns, &device.identity().name, request).await?,
            None => Err(NOT_ASSIGNED),
        };
        let step = match outcome {
            Ok(uri) => device.channel_assigned(uri, now()),
            Err(push_status) => device.channel_failed(push_status, now()),
        };
        Ok(step?)
    }

    /// The URI, or the value of `Push/Status` that says why there is none.
    async fn ask_for_channel(
        &self,
        wns: &Url,
        device: &str,
        request: &ChannelRequest,
    ) -> Result<Result<String, u8>, SyncError> {
        let registration = Registration {
            pfn: request.pfn.clone(),
            device: device.to_owned(),
            fleet: self.fleet.clone(),
            renewal: request.renewal,
        };
        let url = wns.join("/emulator/channels").map_err(|error| SyncError::Wns(error.to_string()))?;
        let post = self.http.post(url).timeout(REPLY_TIMEOUT).json(&registration);
        let response = post.send().await.map_err(out_of_reach)?;
        match response.status() {
            StatusCode::OK => Ok(Ok(response.json::<Grant>().await.map_err(out_of_reach)?.uri)),
            StatusCode::UNPROCESSABLE_ENTITY => {
                Ok(Err(response.json::<NoChannel>().await.map_err(out_of_reach)?.push_status))
            }
            status => Err(SyncError::Wns(format!("it answered {status}"))),
        }
    }
}

impl Backoff {
    /// A message is sent once.
    pub const NONE: Self = Self { retries: 0, first: Duration::ZERO, max: Duration::ZERO };
}

impl SyncError {
    /// How long the gateway asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same message may do better later.
    fn is_passing(&self) -> bool {
        match self {
            Self::NoReply(_) => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, SyncError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(no_reply)? {
        if body.len() + chunk.len() > LARGEST_REPLY {
            return Err(SyncError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn no_reply(error: reqwest::Error) -> SyncError {
    SyncError::NoReply(http::describe(error))
}

fn out_of_reach(error: reqwest::Error) -> SyncError {
    SyncError::Wns(http::describe(error))
}

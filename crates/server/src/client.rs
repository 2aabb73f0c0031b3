//! The commands that talk to a service: a client of its gRPC interface for humans, and with `--json` for scripts.

use std::time::Duration;

use reveille_api::v1::{
    DeviceRef, device_ref::By, device_service_client::DeviceServiceClient,
    push_app_service_client::PushAppServiceClient, wake_service_client::WakeServiceClient,
};
use tonic::{
    Response,
    transport::{Channel, ClientTlsConfig, Endpoint},
};

use crate::{cli::Server, failure::Failure};

pub(crate) mod devices;
pub(crate) mod push_apps;
pub(crate) mod table;
pub(crate) mod wake;
pub(crate) mod wakes;

mod pushes;
mod status;
mod view;
mod watch;
mod words;

/// A service that answers.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    channel: Channel,
}

/// How long a service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);
/// The most rows of a page.
const PAGE: usize = 1_000;

impl Client {
    pub(crate) async fn connect(server: &Server) -> Result<Self, Failure> {
        Self::to(&server.url).await
    }

    pub(crate) async fn to(url: &str) -> Result<Self, Failure> {
        let bad = || {
            Failure::new(format!("`{url}` is no URL of a service: write one such as http://127.0.0.1:50051."))
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| bad())?;
        match endpoint.uri().scheme_str() {
            Some("http") => {}
            Some("https") => {
                let _ = rustls::crypto::ring::default_provider().install_default();
                endpoint =
                    endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots()).map_err(|_| bad())?;
            }
            _ => return Err(bad()),
        }
        let connected = endpoint.connect_timeout(CONNECT).timeout(CALL).connect().await;
        let channel = connected.map_err(|_| status::no_service(url))?;
        Ok(Self { url: url.to_owned(), channel })
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn wakes(&self) -> WakeServiceClient<Channel> {
        WakeServiceClient::new(self.channel.clone())
    }

    pub(crate) fn push_apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.channel.clone())
    }

    /// What was answered, or why not in words.
    pub(crate) fn answered<T>(&self, answer: Result<Response<T>, tonic::Status>) -> Result<T, Failure> {
        answer.map(Response::into_inner).map_err(|status| status::failure(&self.url, &status))
    }
}

/// The device of this name.
pub(crate) fn named(name: &str) -> DeviceRef {
    DeviceRef { by: Some(By::Name(name.to_owned())) }
}

/// What a well-behaved service always sends.
fn present<T>(part: Option<T>) -> Result<T, Failure> {
    part.ok_or_else(|| Failure::new("The service sent an incomplete answer. Is it of another version?"))
}

/// How many rows to ask for, if so many are still wanted.
fn page_size(wanted: usize) -> i32 {
    i32::try_from(wanted.min(PAGE)).unwrap_or(i32::MAX)
}

/// Says that a list goes on.
fn tell_of_more(next_page_token: &str) {
    if !next_page_token.is_empty() {
        eprintln!("There are more: ask with a higher --limit.");
    }
}

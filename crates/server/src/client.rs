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
use url::Url;

use crate::{cli::Server, failure::Failure};

pub(crate) mod devices;
pub(crate) mod push_apps;
pub(crate) mod wake;
pub(crate) mod wakes;
pub(crate) mod watch;
pub(crate) mod words;

mod again;
mod list;
mod pushes;
mod status;
mod view;

/// A service that answers.
#[derive(Clone)]
pub(crate) struct Client {
    url: String,
    jaeger: Option<Url>,
    channel: Channel,
}

/// How long a service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);

impl Client {
    pub(crate) async fn connect(server: &Server) -> Result<Self, Failure> {
        Ok(Self { jaeger: server.jaeger.clone(), ..Self::to(&server.url).await? })
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
        Ok(Self { url: url.to_owned(), jaeger: None, channel })
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

    /// Where a trace is seen: in Jaeger, if it is known where that is, or else its id. Empty if there is no trace.
    fn trace(&self, id: &str) -> String {
        match &self.jaeger {
            Some(jaeger) if !id.is_empty() => {
                format!("{}/trace/{id}", jaeger.as_str().trim_end_matches('/'))
            }
            _ => id.to_owned(),
        }
    }

    /// Whether it is known where traces are seen.
    fn shows_traces(&self) -> bool {
        self.jaeger.is_some()
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

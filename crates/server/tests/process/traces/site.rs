//! A service that exports its traces, the WNS that it pushes through, and who uses it.

use std::process::Command;

use reveille_api::v1::{
    DeviceRef, WakePriority, WakeRequest, WakeResponse, device_ref::By,
    push_app_service_client::PushAppServiceClient, wake_service_client::WakeServiceClient,
};
use simulator::{
    device::{Backoff, Client, Device, Opening},
    wns::{App, Delivery, Handle},
};
use tokio::sync::broadcast;
use tokio_util::sync::DropGuard;
use tonic::{Request, transport::Channel};

use super::{receiver::Receiver, span::Seen};
use crate::{NAME, NEVER, Place, Running, emulator};

/// The trace of a caller, and its span there.
pub(crate) const TRACE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const CALLER: &str = "cccccccccccccccc";

pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) wns: Handle,
    pub(crate) origin: String,
    pub(crate) receiver: Receiver,
    deliveries: tokio::sync::Mutex<broadcast::Receiver<Delivery>>,
    _stop: DropGuard,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(Receiver::start(None).await).await
    }

    /// A site whose spans go there.
    pub(crate) async fn with(receiver: Receiver) -> Self {
        let (wns, origin, stop) = emulator().await;
        let place = Place::new(&origin, &App::example());
        let deliveries = tokio::sync::Mutex::new(wns.deliveries());
        Self { place, wns, origin, receiver, deliveries, _stop: stop }
    }

    /// The service, with what every service of these tests is told.
    pub(crate) fn command(&self) -> Command {
        self.command_of(&["serve"])
    }

    pub(crate) fn command_of(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command(arguments);
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.receiver.url)
            .env("OTEL_BSP_SCHEDULE_DELAY", "20")
            .env("REVEILLE__PUSH__BACKOFF", "50ms");
        command
    }

    pub(crate) fn serve(&self) -> Running {
        self.start(self.command())
    }

    pub(crate) fn start(&self, command: Command) -> Running {
        let running = Running::start(command);
        self.place.wait_until_ready();
        running
    }

    /// A device whose channel is live. It has this name.
    pub(crate) async fn live(&self, name: &str) -> Device {
        assert_eq!(name, NAME, "the only device that is created");
        self.place.create_device();
        let mut device = self.place.device();
        self.come(&mut device, Opening::Schedule).await;
        device
    }

    pub(crate) fn client(&self) -> Client {
        self.place.client(&self.origin)
    }

    /// One session.
    pub(crate) async fn come(&self, device: &mut Device, opening: Opening) {
        self.client().sync_as(device, opening, Backoff::NONE).await.unwrap();
    }

    /// Waits for the next push that reaches the device.
    pub(crate) async fn pushed(&self) -> Delivery {
        let mut deliveries = self.deliveries.lock().await;
        tokio::time::timeout(NEVER, deliveries.recv()).await.expect("a push").unwrap()
    }

    pub(crate) async fn come_when_pushed(&self, device: &mut Device) {
        self.pushed().await;
        self.come(device, Opening::Push).await;
    }

    pub(crate) fn wakes(&self) -> WakeServiceClient<Channel> {
        WakeServiceClient::new(self.place.channel())
    }

    pub(crate) fn push_apps(&self) -> PushAppServiceClient<Channel> {
        PushAppServiceClient::new(self.place.channel())
    }

    /// Asks for a wake, in the caller's trace.
    pub(crate) async fn ask(&self, request: WakeRequest) -> WakeResponse {
        let mut request = Request::new(request);
        trace(&mut request, TRACE, CALLER);
        self.wakes().wake(request).await.unwrap().into_inner()
    }

    pub(crate) async fn wake(&self, name: &str) -> String {
        self.ask(wake_of(name)).await.wake.unwrap().id
    }

    /// What `wakes show --json` says.
    pub(crate) fn wake_shown(&self, id: &str) -> serde_json::Value {
        self.place.wake(id)
    }

    /// The spans of sessions, once there is one.
    pub(crate) async fn sessions(&self) -> Vec<Seen> {
        self.sessions_after(&[]).await
    }

    /// The spans of sessions besides `before`, once there is one.
    pub(crate) async fn sessions_after(&self, before: &[Seen]) -> Vec<Seen> {
        let found = || {
            let mut spans = self.receiver.spans();
            let known = |seen: &Seen| before.iter().any(|before| before.span.span_id == seen.span.span_id);
            spans.retain(|seen| seen.span.name == "session" && !known(seen));
            spans
        };
        self.receiver.until(TRACE, |_| !found().is_empty()).await;
        found()
    }
}

pub(crate) fn wake_of(name: &str) -> WakeRequest {
    WakeRequest {
        device: Some(DeviceRef { by: Some(By::Name(name.to_owned())) }),
        priority: WakePriority::Interactive.into(),
        reason: "a test".to_owned(),
        timeout: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..Default::default()
    }
}

/// Puts a request into the trace of its caller, who records it.
pub(crate) fn trace<T>(request: &mut Request<T>, trace: &str, span: &str) {
    let parent = format!("00-{trace}-{span}-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
}

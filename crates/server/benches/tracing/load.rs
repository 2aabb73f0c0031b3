//! Devices, the WNS that reaches them, and whoever wakes them.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use reveille_api::v1::{
    ChannelState, CreateDeviceRequest, Credential, DeviceRef, GetPushAppRequest, ListWakesRequest,
    WakePriority, WakeRequest, WakeState, credential::Secret, device_ref::By,
    device_service_client::DeviceServiceClient, push_app_service_client::PushAppServiceClient,
    wake_service_client::WakeServiceClient,
};
use simulator::{
    device::Identity,
    fleet::{Fleet, FleetSettings},
    wns::{EmulatedWns, Settings},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use url::Url;

use super::service::Service;

/// Devices, each of which is woken again once all wakes have ended.
const DEVICES: usize = 1_000;
/// Calls at the same time.
const CALLS: usize = 32;

/// An emulated WNS.
pub(crate) struct Load {
    origin: String,
    url: Url,
    stop: DropGuard,
}

/// Devices with live channels.
pub(crate) struct Enrolled {
    channel: Channel,
    names: Vec<String>,
    _stop: DropGuard,
}

impl Load {
    pub(crate) async fn prepare() -> Self {
        let emulator = EmulatedWns::bind(([127, 0, 0, 1], 0).into(), Settings::default());
        let emulator = emulator.await.expect("a port");
        let (origin, url, stop) = (emulator.origin(), emulator.url(), CancellationToken::new());
        tokio::spawn(emulator.serve(stop.clone()));
        Self { origin, url, stop: stop.drop_guard() }
    }

    pub(crate) fn origin(&self) -> String {
        self.origin.clone()
    }

    /// Creates the devices and lets them get their channels. No more than there are wakes.
    pub(crate) async fn enroll(self, service: &Service, wakes: usize) -> Enrolled {
        let channel = service.channel().await;
        let names: Vec<_> = (0..DEVICES.min(wakes)).map(|number| format!("DEVICE{number:08}")).collect();
        let create = |name: &String| {
            let secret = Some(Secret::Password("password".to_owned()));
            let credential = Some(Credential { user: "user".to_owned(), secret });
            let request = CreateDeviceRequest { name: name.clone(), credential, ..Default::default() };
            let mut devices = DeviceServiceClient::new(channel.clone());
            async move { devices.create_device(request).await.expect("a device") }
        };
        stream::iter(names.iter().map(create)).buffer_unordered(CALLS).collect::<Vec<_>>().await;
        let identities = names.iter().map(|name| Identity::new(name, "user", "password")).collect();
        let gateway = service.gateway().parse().expect("a URL");
        let fleet = Fleet::new(FleetSettings::new(gateway, Some(self.url), "Reveille", identities));
        let (fleet, stop) = (fleet.expect("a fleet"), CancellationToken::new());
        tokio::spawn(fleet.run(stop.clone()));
        until_live(&channel, names.len()).await;
        // Whoever drops the token of the fleet has no more use for WNS.
        let wns = self.stop.disarm();
        let both = stop.clone();
        tokio::spawn(async move {
            both.cancelled().await;
            wns.cancel();
        });
        Enrolled { channel, names, _stop: stop.drop_guard() }
    }
}

/// Waits until so many channels are live.
async fn until_live(channel: &Channel, count: usize) {
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    let mut apps = PushAppServiceClient::new(channel.clone());
    loop {
        looks.tick().await;
        let request = GetPushAppRequest { name: "main".to_owned() };
        let app = apps.get_push_app(request).await.expect("an app").into_inner().push_app.expect("an app");
        let live = app.channel_counts.iter().find(|counted| counted.state() == ChannelState::Live);
        if live.is_some_and(|counted| counted.count == i64::try_from(count).expect("a count")) {
            return;
        }
    }
}

impl Enrolled {
    /// Wakes the devices in turn, `wakes` times, and waits for all wakes to end.
    pub(crate) async fn wake(&self, wakes: usize) {
        let mut left = wakes;
        while left > 0 {
            let some = left.min(self.names.len());
            let calls = self.names[..some].iter().map(|name| self.ask(name));
            stream::iter(calls).buffer_unordered(CALLS).collect::<Vec<_>>().await;
            self.until_ended().await;
            left -= some;
        }
    }

    /// Waits until no wake is live. Whatever answered them: a device may come by itself.
    async fn until_ended(&self) {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        let mut wakes = WakeServiceClient::new(self.channel.clone());
        loop {
            looks.tick().await;
            let states = vec![WakeState::Live.into()];
            let request = ListWakesRequest { states, page_size: 1, ..Default::default() };
            if wakes.list_wakes(request).await.expect("wakes").into_inner().wakes.is_empty() {
                return;
            }
        }
    }

    async fn ask(&self, name: &str) {
        let request = WakeRequest {
            device: Some(DeviceRef { by: Some(By::Name(name.to_owned())) }),
            priority: WakePriority::Interactive.into(),
            reason: "a benchmark".to_owned(),
            ..Default::default()
        };
        WakeServiceClient::new(self.channel.clone()).wake(request).await.expect("a wake");
    }
}

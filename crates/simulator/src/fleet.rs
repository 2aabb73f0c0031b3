//! Many simulated devices against a gateway: they open sessions after enrollment, when a push comes, and by a schedule.

mod progress;
mod wakes;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    device::{Backoff, Client, Device, Identity, Opening, Profile, SessionReport, SyncError},
    edge,
};

pub use progress::{FleetEvent, FleetHandle, FleetStats};

/// What a fleet is set up with.
#[derive(Clone, Debug)]
pub struct FleetSettings {
    /// Where the devices are managed.
    pub gateway: Url,
    /// The emulated WNS where they get channels and whose pushes wake them; none: they have no channels.
    pub wns: Option<Url>,
    /// The name under which the emulated WNS tells of their pushes. One per fleet.
    pub name: String,
    /// The devices.
    pub devices: Vec<Identity>,
    /// What they are like.
    pub profile: Profile,
    /// How long after a session a device starts the next one by itself; `None`: never.
    pub poll: Option<Duration>,
    /// The first sessions are spread over this time.
    pub start_within: Duration,
    /// How many sessions are held at the same time.
    pub concurrency: usize,
    /// How messages without a reply are sent again. After a failed session a device rests for its longest wait.
    pub backoff: Backoff,
}

/// Simulated devices and their driver.
#[derive(Debug)]
pub struct Fleet {
    settings: FleetSettings,
    client: Client,
    handle: FleetHandle,
}

impl FleetSettings {
    /// Devices that were enrolled with `provider_id`, with defaults for the rest: no schedule, the first sessions
    /// within a second, 64 sessions at the same time.
    pub fn new(gateway: Url, wns: Option<Url>, provider_id: &str, devices: Vec<Identity>) -> Self {
        Self {
            gateway,
            wns,
            name: format!("{:016x}", edge::random::<u64>()),
            devices,
            profile: Profile::new(provider_id),
            poll: None,
            start_within: Duration::from_secs(1),
            concurrency: 64,
            backoff: Backoff { retries: 3, first: Duration::from_millis(500), max: Duration::from_secs(30) },
        }
    }
}

impl Fleet {
    /// A fleet that does nothing yet.
    pub fn new(settings: FleetSettings) -> Result<Self, SyncError> {
        let client = Client::new(settings.gateway.clone(), settings.wns.clone())?.of_fleet(&settings.name);
        Ok(Self { settings, client, handle: FleetHandle::default() })
    }

    /// What it does, for those who watch.
    pub fn handle(&self) -> FleetHandle {
        self.handle.clone()
    }

    /// Lives until `shutdown`. Sessions that are open then are given up, as by a reboot.
    pub async fn run(self, shutdown: CancellationToken) {
        let doorbells = wakes::Doorbells::new(self.settings.devices.iter().map(|identity| &identity.name));
        let tasks = TaskTracker::new();
        if let Some(wns) = &self.settings.wns {
            let listener =
                wakes::Listener::new(self.client.http().clone(), wns, &self.settings.name, doorbells.clone());
            let mut opened = listener.opened();
            tasks.spawn(shutdown.clone().run_until_cancelled_owned(listener.listen()));
            // A push that comes before the stream is open would be lost.
            drop(shutdown.run_until_cancelled(opened.wait_for(|opened| *opened)).await);
        }
        let crew = Arc::new(Crew {
            places: Semaphore::new(self.settings.concurrency.max(1)),
            settings: self.settings,
            client: self.client,
            handle: self.handle,
        });
        for identity in &crew.settings.devices {
            let doorbell = doorbells.of(&identity.name);
            let life = Arc::clone(&crew).live(identity.clone(), doorbell);
            tasks.spawn(shutdown.clone().run_until_cancelled_owned(life));
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// What the devices of a fleet share.
struct Crew {
    settings: FleetSettings,
    client: Client,
    handle: FleetHandle,
    places: Semaphore,
}

impl Crew {
    /// The life of one device.
    async fn live(self: Arc<Self>, identity: Identity, doorbell: Arc<Notify>) {
        let settings = &self.settings;
        let mut device = Device::new(identity, settings.profile.clone(), settings.gateway.as_str());
        tokio::time::sleep(settings.start_within.mul_f64(edge::random())).await;
        let mut opening = Opening::Schedule;
        loop {
            let rest = match self.hold(&mut device, opening).await {
                // A device tells at once that it has a channel now (oma-dm.md §9.1).
                Ok(report) if report.register.is_some() => Some(Duration::ZERO),
                Ok(_) => settings.poll,
                Err(error) => Some(error.retry_after().unwrap_or_default().max(settings.backoff.max)),
            };
            opening = wait(rest, &doorbell).await;
        }
    }

    async fn hold(&self, device: &mut Device, opening: Opening) -> Result<SessionReport, SyncError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let name = device.identity().name.clone();
        if opening == Opening::Push {
            self.handle.tell(FleetEvent::Woken { device: name.clone() });
        }
        let held = self.client.sync_as(device, opening, self.settings.backoff).await;
        self.handle.tell(match &held {
            Ok(report) => FleetEvent::Session { device: name, report: report.clone() },
            Err(error) => FleetEvent::Failed { device: name, error: error.to_string() },
        });
        held
    }
}

/// Waits for a push, or for the end of the rest; a push that came during a session starts the next one at once.
async fn wait(rest: Option<Duration>, doorbell: &Notify) -> Opening {
    let rested = async {
        match rest {
            Some(rest) => tokio::time::sleep(rest).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = doorbell.notified() => Opening::Push,
        () = rested => Opening::Schedule,
    }
}

#![doc = include_str!("../README.md")]

mod app;
mod bulk;
mod probe;
mod pulse;
mod report;
mod span;
mod upkeep;

use std::{sync::Arc, time::Duration};

use model::{Pfn, PushAppName};
use push::Overload;
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wns::WnsClient;

pub use pulse::Pulse;

use app::AppLoop;
use bulk::Bulk;

/// What an operator decides about the loops.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The push apps.
    pub apps: Vec<(PushAppName, Pfn)>,
    /// How long a claim lasts: longer than a push can take.
    pub lease: Duration,
    /// How often other replicas' work is looked for, and time's.
    pub poll: Duration,
    /// Sessions that bulk wakes may cause in a second, by this process; 0 is no bound.
    pub max_woken_sessions_per_second: u32,
    /// How long pushes that are under way may take when the process stops.
    pub drain: Duration,
}

/// The loops. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    store: Store,
    wns: Arc<WnsClient>,
    settings: Settings,
    pulse: Pulse,
    overload: Arc<Overload>,
    bulk: Bulk,
    /// Whether this process serves the gateway: then it gives the gateway's life sign.
    beside_gateway: bool,
}

impl Dispatcher {
    /// The loops over `store`, pushing through `wns`.
    pub fn new(store: Store, wns: Arc<WnsClient>, settings: Settings) -> Self {
        let pulse = Pulse::default();
        for (app, _) in &settings.apps {
            pulse.beat(&pulse::of_app(app));
        }
        pulse.beat(upkeep::LOOP);
        let overload = Arc::new(Overload::default());
        let bulk = Bulk::new(settings.max_woken_sessions_per_second, overload.clone(), store.now());
        Self { store, wns, settings, pulse, overload, bulk, beside_gateway: false }
    }

    /// This process also serves the gateway, which meets the devices: its life sign is given, and bulk goes slower whenever
    /// it raises `overload`.
    #[must_use]
    pub fn beside_gateway(self, overload: Arc<Overload>) -> Self {
        let bulk = Bulk::new(self.settings.max_woken_sessions_per_second, overload.clone(), self.store.now());
        Self { overload, bulk, beside_gateway: true, ..self }
    }

    /// Whether the loops still go round.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Runs until `shutdown`, then lets what is under way end.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), store::Error> {
        self.store.register_apps(self.settings.apps.clone(), self.store.now()).await?;
        let mut loops = JoinSet::new();
        for (name, pfn) in &self.settings.apps {
            let app = AppLoop::new(self.clone(), name.clone(), pfn.clone());
            loops.spawn(app.run(shutdown.clone()));
        }
        loops.spawn(upkeep::run(self.clone(), shutdown));
        while let Some(ended) = loops.join_next().await {
            // Half a dispatcher is none: whoever runs it must learn of it.
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        Ok(())
    }
}

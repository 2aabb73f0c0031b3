#![doc = include_str!("../README.md")]

mod address;
mod body;
mod bounded;
mod certificate;
mod certificate_header;
mod commands;
mod connection;
mod decide;
mod doorkeeper;
mod exchange;
mod guessing;
mod hints;
mod housekeep;
mod housekeeper;
mod http;
mod identity;
mod known;
mod listener;
mod observation;
mod overload;
mod places;
mod refusal;
mod report;
mod settings;
mod state;
mod strangers;
mod tally;
mod tls;
mod told;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicBool, AtomicUsize},
};

use push::Overload;
use store::Store;
use tokio_util::sync::CancellationToken;

pub use certificate::CertificateName;
pub use guessing::GuessingLimits;
pub use housekeeper::{Household, Housekeeper};
pub use settings::{ConnectionLimits, InvalidSettings, Settings};
pub use tls::{ClientAuth, Tls, TlsError};

use doorkeeper::Doorkeeper;
use places::Places;
use tally::Tallies;

/// The gateway: one endpoint for all devices. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    housekeeper: Housekeeper,
    nonces: dm::NonceKey,
    door: Doorkeeper,
    places: Places,
    /// What new connections are met with; None in the clear.
    tls: RwLock<Option<Tls>>,
    /// Messages that are worked on.
    under_way: AtomicUsize,
    /// Raised whenever there is too much to do.
    overload: Arc<Overload>,
    /// Bytes of messages and of replies in memory.
    buffered: Arc<AtomicUsize>,
    /// What is told once in a while.
    tallies: Tallies,
    /// Whether it was told that a proxy does not say for whom it speaks.
    untold: AtomicBool,
    draining: CancellationToken,
}

impl Gateway {
    /// A gateway over `store`. Once `draining` is cancelled, new messages are answered 503.
    pub fn new(store: Store, settings: Settings, draining: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            nonces: dm::NonceKey::new(&store.derive_key("session nonces")),
            housekeeper: Housekeeper::new(&settings.node_root),
            door: Doorkeeper::new(settings.guessing.clone()),
            places: Places::new(settings.connections.open, settings.connections.open_per_address),
            tls: RwLock::new(settings.tls.clone()),
            under_way: AtomicUsize::new(0),
            overload: Arc::default(),
            buffered: Arc::default(),
            tallies: Tallies::default(),
            untold: AtomicBool::new(false),
            store,
            settings,
            draining,
        }))
    }

    /// Takes another certificate, key and client CAs for the connections that come from now on; those that are open keep
    /// what they have. A gateway that speaks in the clear goes on to: whether there is TLS is decided once.
    pub fn reload_tls(&self, tls: Tls) {
        let mut current = self.0.tls.write().unwrap_or_else(PoisonError::into_inner);
        if current.is_some() {
            *current = Some(tls);
        }
    }

    /// Raised whenever there is too much to do: whoever calls devices should call fewer of them.
    pub fn overload(&self) -> Arc<Overload> {
        self.0.overload.clone()
    }

    fn tls(&self) -> Option<Tls> {
        self.0.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

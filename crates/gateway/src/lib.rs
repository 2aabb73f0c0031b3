#![doc = include_str!("../README.md")]

mod commands;
mod exchange;
mod http;
mod known;
mod observation;
mod refusal;
mod report;
mod settings;
mod state;

use std::sync::{Arc, atomic::AtomicUsize};

use axum::{Router, routing::post};
use store::Store;
use tokio_util::sync::CancellationToken;

pub use settings::{InvalidSettings, Settings};

use commands::Nodes;

/// The gateway: one endpoint for all devices. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    nodes: Nodes,
    nonces: dm::NonceKey,
    under_way: AtomicUsize,
    draining: CancellationToken,
}

impl Gateway {
    /// A gateway over `store`. Once `draining` is cancelled, new messages are answered 503.
    pub fn new(store: Store, settings: Settings, draining: CancellationToken) -> Self {
        let nonces = dm::NonceKey::new(&store.derive_key("session nonces"));
        let nodes = Nodes::new(&settings.node_root);
        Self(Arc::new(Inner { store, settings, nodes, nonces, under_way: AtomicUsize::new(0), draining }))
    }

    /// The HTTP surface.
    pub fn router(&self) -> Router {
        let path = self.0.settings.path.clone();
        Router::new().route(&path, post(http::post).get(http::explain)).with_state(self.clone())
    }
}

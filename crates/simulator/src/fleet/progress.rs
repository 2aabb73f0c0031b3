//! What a fleet tells about itself.

use std::sync::Arc;

use tokio::sync::{broadcast, watch};

use crate::device::{Ending, SessionReport};

/// How many events a slow watcher may lag behind before it misses some.
const EVENTS: usize = 4_096;

/// What happened in a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FleetEvent {
    /// A push woke a device; its session begins.
    Woken {
        /// The device.
        device: String,
    },
    /// A session ended.
    Session {
        /// The device.
        device: String,
        /// What it came to.
        report: SessionReport,
    },
    /// A session broke off.
    Failed {
        /// The device.
        device: String,
        /// Why.
        error: String,
    },
}

/// What a fleet did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetStats {
    /// Sessions that a push started.
    pub woken: u64,
    /// Sessions that were completed.
    pub completed: u64,
    /// Sessions that ended otherwise, the server's refusals among them.
    pub unfinished: u64,
    /// Sessions that broke off for lack of a sensible reply.
    pub failed: u64,
}

/// A view of a fleet while it lives. Clones are the same view.
#[derive(Clone, Debug)]
pub struct FleetHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stats: watch::Sender<FleetStats>,
    events: broadcast::Sender<FleetEvent>,
}

impl FleetHandle {
    /// What the fleet did so far.
    pub fn stats(&self) -> FleetStats {
        *self.0.stats.borrow()
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<FleetEvent> {
        self.0.events.subscribe()
    }

    /// Waits until the fleet has done enough.
    pub async fn until(&self, condition: impl FnMut(&FleetStats) -> bool) -> FleetStats {
        let mut stats = self.0.stats.subscribe();
        // The sender lives as long as `self`, so the wait cannot fail.
        let reached = stats.wait_for(condition).await.map(|stats| *stats);
        reached.unwrap_or_else(|_| self.stats())
    }

    pub(super) fn tell(&self, event: FleetEvent) {
        self.0.stats.send_modify(|stats| stats.count(&event));
        // Nobody watches: that is fine.
        let _ = self.0.events.send(event);
    }
}

impl Default for FleetHandle {
    fn default() -> Self {
        let shared = Shared { stats: watch::Sender::default(), events: broadcast::Sender::new(EVENTS) };
        Self(Arc::new(shared))
    }
}

impl FleetStats {
    fn count(&mut self, event: &FleetEvent) {
        let counter = match event {
            FleetEvent::Woken { .. } => &mut self.woken,
            FleetEvent::Session { report, .. } if report.ending == Ending::Completed => &mut self.completed,
            FleetEvent::Session { .. } => &mut self.unfinished,
            FleetEvent::Failed { .. } => &mut self.failed,
        };
        *counter += 1;
    }
}

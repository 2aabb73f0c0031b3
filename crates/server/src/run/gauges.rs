//! What is not counted as it happens, but looked at: the fleet, the push apps, the tokens, the queues.

use std::{sync::Arc, time::Duration};

use dispatcher::Pulse;
use model::{Priority, PushAppName};
use push::{AppCondition, FaultKind, TokenTrouble};
use store::{Census, Error, Store};
use telemetry::{AppState, ChannelsIn, TokenHealth, metrics};
use tokio_util::sync::CancellationToken;
use wns::WnsClient;

use super::checks::Checks;

/// Where there is something to look at. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gauges {
    pub(crate) store: Store,
    pub(crate) wns: Arc<WnsClient>,
    /// The push apps of the configuration.
    pub(crate) apps: Arc<[PushAppName]>,
    pub(crate) pulse: Pulse,
    /// How often the fleet is counted, by all replicas together.
    pub(crate) every: Duration,
}

impl Gauges {
    /// Looks at the fleet, the push apps and the health until `shutdown`.
    pub(crate) async fn keep(self, checks: Checks, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            // Whoever probes does so as well, but perhaps nobody does.
            checks.run().await;
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "the fleet could not be counted");
            }
        }
    }

    /// What this process knows without asking the database.
    pub(crate) fn refresh(&self) {
        metrics().store_queue(self.store.queued());
        for (name, lag) in self.pulse.lags() {
            metrics().dispatcher_lag(&name, lag);
        }
        for app in self.apps.iter() {
            metrics().token(app.as_str(), self.token(app));
        }
    }

    async fn look(&self) -> Result<(), Error> {
        let now = self.store.now();
        for app in self.store.push_apps().await?.iter().filter(|app| self.apps.contains(&app.name)) {
            let gate = app.condition.gate_until().map(|until| until.since(now)).unwrap_or_default();
            metrics().app_state(app.name.as_str(), state_of(&app.condition, gate), gate);
        }
        if let Some(census) = self.store.census(self.every, now).await? {
            self.tell(&census);
        }
        Ok(())
    }

    fn tell(&self, census: &Census) {
        let channel = |found: &'_ store::ChannelCount| (found.app.clone(), found.state.clone(), found.count);
        let channels: Vec<_> = census.channels.iter().map(channel).collect();
        metrics().channels(channels.iter().map(|(app, state, count)| ChannelsIn {
            app,
            state,
            count: *count,
        }));
        metrics().wakes_live(census.live_wakes);
        for app in self.apps.iter() {
            for priority in [Priority::Interactive, Priority::Bulk] {
                let mut found = census.due.iter();
                let found = found.find(|due| due.app == app.as_str() && due.priority == priority);
                let age = found.map(|due| self.store.now().since(due.since)).unwrap_or_default();
                metrics().due(app.as_str(), priority, found.map_or(0, |due| due.count), age);
            }
        }
    }

    fn token(&self, app: &PushAppName) -> TokenHealth {
        match self.wns.token_state(app) {
            Ok(wns::TokenState::Held(left)) => TokenHealth::Valid(left),
            Ok(wns::TokenState::Failed(TokenTrouble::Credential { .. })) => TokenHealth::Refused,
            Ok(wns::TokenState::Failed(TokenTrouble::Unavailable { .. })) => TokenHealth::Unavailable,
            Ok(wns::TokenState::None) | Err(_) => TokenHealth::None,
        }
    }
}

/// What holds an app back; of several things the one that lasts longest.
fn state_of(condition: &AppCondition, gate: Duration) -> AppState {
    let fault = condition.fault().map(|fault| match fault.kind {
        FaultKind::Credential => AppState::Credential,
        FaultKind::Mismatch => AppState::Mismatch,
        FaultKind::Malformed => AppState::Malformed,
        FaultKind::MassDeath => AppState::MassDeath,
    });
    match fault {
        _ if condition.blocked_at().is_some() => AppState::Blocked,
        _ if condition.paused() => AppState::Paused,
        Some(fault) => fault,
        None if !gate.is_zero() => AppState::Gated,
        None => AppState::Open,
    }
}

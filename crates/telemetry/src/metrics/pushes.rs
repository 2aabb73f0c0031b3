//! Pushes, and the push apps that they go by.

use std::time::Duration;

use super::{
    Metrics,
    catalogue::{Family, PLAIN},
};

pub(super) const PUSHES: Family = Family {
    name: "reveille_pushes_total",
    labels: &["push_app", "verdict"],
    help: "Pushes, by what WNS's answer meant; observed: not made, lease_expired: nobody knows.",
};
pub(super) const DURATION: Family = Family {
    name: "reveille_push_duration_seconds",
    labels: &["push_app"],
    help: "Time from a claimed push to its verdict: token and request.",
};
pub(super) const APP_STATE: Family = Family {
    name: "reveille_push_app_state",
    labels: &["push_app", "state"],
    help: "1 for the state that a push app is in, 0 for the others.",
};
pub(super) const APP_GATE: Family = Family {
    name: "reveille_push_app_gate_seconds",
    labels: &["push_app"],
    help: "Time until the push app's gate opens; 0 if it is not gated.",
};
pub(super) const LIMIT: Family = Family {
    name: "reveille_push_limit",
    labels: &["push_app"],
    help: "Pushes that may be under way at a time, by this process.",
};
pub(super) const RATE_LIMIT: Family = Family {
    name: "reveille_push_rate_limit",
    labels: &["push_app"],
    help: "Pushes that may begin in a second, by this process; 0: no bound.",
};
pub(super) const WOKEN_SESSIONS: Family = Family {
    name: "reveille_woken_sessions_rate_limit",
    labels: &[],
    help: "Sessions that bulk wakes may cause in a second, by this process; 0: no bound.",
};
pub(super) const UNDER_WAY: Family = Family {
    name: "reveille_pushes_under_way",
    labels: &["push_app"],
    help: "Pushes of this process without an answer yet.",
};
pub(super) const TOKEN_STATE: Family = Family {
    name: "reveille_wns_token_state",
    labels: &["push_app", "state"],
    help: "1 for how this process stands with the push app's token endpoint, 0 for the others.",
};
pub(super) const TOKEN_LIFE: Family = Family {
    name: "reveille_wns_token_expires_in_seconds",
    labels: &["push_app"],
    help: "Time for which the access token that is held is used; 0 if there is none.",
};

/// What holds a push app back, if anything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppState {
    /// It pushes.
    Open,
    /// WNS or its token endpoint throttled it, or too much failed.
    Gated,
    /// An operator paused it.
    Paused,
    /// WNS blocked it.
    Blocked,
    /// Its credentials are refused.
    Credential,
    /// Many channels are another app's.
    Mismatch,
    /// WNS finds its pushes malformed.
    Malformed,
    /// Too many of its channels died at once.
    MassDeath,
}

/// How a process stands with the token endpoint of a push app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenHealth {
    /// There was no need for a token yet.
    None,
    /// There is one, for so long.
    Valid(Duration),
    /// The endpoint is out of reach or throttling.
    Unavailable,
    /// The credentials are refused.
    Refused,
}

/// How fast a push app may push, and does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pacing {
    /// Pushes that may be under way at a time.
    pub limit: u32,
    /// Those that are.
    pub under_way: u32,
    /// Pushes that may begin in a second; 0 is no bound.
    pub rate: f64,
}

impl AppState {
    pub(super) const ALL: [Self; 8] = [
        Self::Open,
        Self::Gated,
        Self::Paused,
        Self::Blocked,
        Self::Credential,
        Self::Mismatch,
        Self::Malformed,
        Self::MassDeath,
    ];

    /// The name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Gated => "gated",
            Self::Paused => "paused",
            Self::Blocked => "blocked",
            Self::Credential => "credential",
            Self::Mismatch => "mismatch",
            Self::Malformed => "malformed",
            Self::MassDeath => "mass_death",
        }
    }
}

impl TokenHealth {
    const ALL: [Self; 4] = [Self::None, Self::Valid(Duration::ZERO), Self::Unavailable, Self::Refused];

    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Valid(_) => "valid",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
        }
    }
}

impl Metrics {
    /// A push ended with a verdict of this name, so long after its claim.
    pub fn pushed(&self, app: &str, verdict: &'static str, took: Duration) {
        self.push_unsent(app, verdict);
        self.push_duration.with_label_values(&[app]).observe(took.as_secs_f64());
    }

    /// A push was not made, or nobody knows: `observed`, `lease_expired`.
    pub fn push_unsent(&self, app: &str, verdict: &'static str) {
        self.pushes.with_label_values(&[app, verdict]).inc();
    }

    /// What a push app is held back by, and for how long.
    pub fn app_state(&self, app: &str, state: AppState, gate: Duration) {
        for other in AppState::ALL {
            self.app_state.with_label_values(&[app, other.name()]).set(f64::from(u8::from(other == state)));
        }
        self.app_gate.with_label_values(&[app]).set(gate.as_secs_f64());
    }

    /// How this process stands with a push app's token endpoint.
    pub fn token(&self, app: &str, health: TokenHealth) {
        for other in TokenHealth::ALL {
            let is = u8::from(other.name() == health.name());
            self.token_state.with_label_values(&[app, other.name()]).set(f64::from(is));
        }
        let left = if let TokenHealth::Valid(left) = health { left } else { Duration::ZERO };
        self.token_life.with_label_values(&[app]).set(left.as_secs_f64());
    }

    /// How many sessions bulk wakes may cause in a second; 0 is no bound.
    pub fn woken_sessions(&self, per_second: f64) {
        self.woken_sessions.with_label_values(PLAIN).set(per_second);
    }

    /// How fast a push app may push.
    pub fn pacing(&self, app: &str, pacing: Pacing) {
        self.push_limit.with_label_values(&[app]).set(pacing.limit.into());
        self.push_rate_limit.with_label_values(&[app]).set(pacing.rate);
        self.pushes_under_way.with_label_values(&[app]).set(pacing.under_way.into());
    }
}

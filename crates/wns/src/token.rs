//! Access tokens: one per push app, got once for all who wait for it (wns.md §1.3).

mod cache;
mod reply;
mod request;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use model::PushAppName;
use push::TokenTrouble;
use reqwest::{Client, header::HeaderValue};
use tokio::sync::watch;

use self::{
    cache::{Look, TokenCache},
    reply::Issued,
};
use crate::{
    AppCredentials, ClockSkew, Settings,
    transport::{self, describe},
};

/// How a push app stands with its token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// Nobody has asked for a token yet, or the last one was refused by WNS.
    None,
    /// There is a token that is used for so much longer.
    Held(Duration),
    /// The last attempt to get one failed.
    Failed(TokenTrouble),
}

/// An access token, ready to be sent. Compares by what it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(HeaderValue);

/// Where an app's tokens come from.
pub(crate) struct TokenSource(Arc<Source>);

struct Source {
    credentials: AppCredentials,
    http: Client,
    timeout: Duration,
    state: Mutex<State>,
}

struct State {
    cache: TokenCache,
    flight: Option<Flight>,
    skew: Option<ClockSkew>,
}

/// The one request that is under way, as those see it who wait for its end.
type Flight = watch::Receiver<Option<Result<Token, TokenTrouble>>>;

impl TokenSource {
    pub(crate) fn new(credentials: AppCredentials, http: Client, settings: &Settings) -> Self {
        let cache = TokenCache::new(settings.token_backoff, settings.token_backoff_max);
        let state = Mutex::new(State { cache, flight: None, skew: None });
        Self(Arc::new(Source { credentials, http, timeout: settings.token_timeout, state }))
    }

    /// The same app with other credentials. If they are those of the same client, the token that is held serves on until
    /// WNS refuses it or it ends: an early second one might end the first (wns.md §1.3). None if nothing differs.
    pub(crate) fn rotated(&self, credentials: AppCredentials, settings: &Settings) -> Option<Self> {
        let known = &self.0.credentials.auth;
        if known.same(&credentials.auth) {
            return None;
        }
        let next = Self::new(credentials, self.0.http.clone(), settings);
        if known.same_client(&next.0.credentials.auth) {
            next.0.state().cache = self.0.state().cache.with_another_secret();
        }
        Some(next)
    }

    /// The token; if there is none, the one that all who ask now will get, or their common failure.
    pub(crate) async fn token(&self) -> Result<Token, TokenTrouble> {
        let flight = {
            let mut state = self.0.state();
            match state.cache.look(now()) {
                Look::Use(token) => return Ok(token),
                Look::Failed(trouble) => return Err(trouble),
                Look::Renew => self.board(&mut state.flight),
            }
        };
        land(flight).await
    }

    /// WNS refused this token. Does nothing if another one has taken its place by now.
    pub(crate) fn invalidate(&self, token: &Token) {
        self.0.state().cache.invalidate(token);
    }

    /// By how much our clock and the token endpoint's differed when it answered last.
    pub(crate) fn skew(&self) -> Option<ClockSkew> {
        self.0.state().skew
    }

    pub(crate) fn state(&self) -> TokenState {
        self.0.state().cache.state(now())
    }

    /// The flight under way, or a new one. One whose task died without landing does not count.
    fn board(&self, flight: &mut Option<Flight>) -> Flight {
        match flight {
            Some(flight) if flight.has_changed().is_ok() => flight.clone(),
            _ => flight.insert(self.take_off()).clone(),
        }
    }

    /// Starts the request as a task of its own: whoever asked for it may go away without taking it along.
    fn take_off(&self) -> Flight {
        let (done, flight) = watch::channel(None);
        let source = Arc::clone(&self.0);
        tokio::spawn(async move {
            done.send_replace(Some(source.renew().await));
        });
        flight
    }
}

impl Source {
    async fn renew(&self) -> Result<Token, TokenTrouble> {
        let asked_at = now();
        let outcome = match tokio::time::timeout(self.timeout, self.request()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unavailable("the token endpoint did not answer in time")),
        };
        match &outcome {
            Ok(issued) => tracing::info!(app = %self.name(), lifetime = ?issued.lifetime, "got a WNS token"),
            Err(trouble) => tracing::warn!(app = %self.name(), ?trouble, "got no WNS token"),
        }
        let mut state = self.state();
        // With the same lock, so that nobody boards a flight whose token is refused by now.
        state.flight = None;
        state.cache.store(outcome, asked_at, now())
    }

    async fn request(&self) -> Result<Issued, TokenTrouble> {
        let request = request::request(&self.http, &self.credentials.auth);
        let mut response = request.send().await.map_err(|error| unavailable(&describe(error)))?;
        self.state().skew = transport::skew(&response);
        let status = response.status().as_u16();
        let retry_after = transport::retry_after(&response);
        let body = transport::body(&mut response, reply::LARGEST)
            .await
            .map_err(|error| unavailable(&describe(error)))?;
        reply::read(status, retry_after, body.as_deref(), &self.credentials.auth)
    }

    fn name(&self) -> &PushAppName {
        &self.credentials.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn land(mut flight: Flight) -> Result<Token, TokenTrouble> {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(unavailable("the token request got lost"))),
        Err(_) => Err(unavailable("the token request was given up")),
    }
}

/// The monotonic clock: `expires_in` is relative (wns.md §1.3).
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn unavailable(description: &str) -> TokenTrouble {
    TokenTrouble::Unavailable { retry_after: None, description: description.to_owned() }
}

impl Token {
    /// As the value of `Authorization`; `None` for a text that no header can hold.
    pub(crate) fn new(token: &str) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("app", self.0.name()).field("state", &self.state()).finish()
    }
}

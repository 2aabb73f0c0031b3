//! The client: token, POST, and once more after a 401.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use model::PushAppName;
use push::{ChannelUri, Exchange, PushRequest, TokenTrouble, WnsResponse};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use thiserror::Error;

use crate::{
    AppCredentials, ClockSkew, Settings, SetupError, TokenState, response,
    token::{Token, TokenSource},
    transport::{self, Transport},
};

/// Sends raw pushes through WNS. Share one: it holds the connections and the tokens.
#[derive(Debug)]
pub struct WnsClient {
    settings: Settings,
    transport: Transport,
    apps: RwLock<HashMap<PushAppName, Arc<TokenSource>>>,
}

/// No credentials of this push app are known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("push app `{0}` is not configured")]
pub struct UnknownApp(pub PushAppName);

impl WnsClient {
    /// A client for these push apps. Takes some 80 ms (it reads the system's root certificates) and sends nothing.
    pub fn new(
        settings: Settings,
        apps: impl IntoIterator<Item = AppCredentials>,
    ) -> Result<Self, SetupError> {
        let transport = Transport::new(&settings)?;
        let client = Self { settings, transport, apps: RwLock::default() };
        client.update_apps(apps);
        Ok(client)
    }

    /// Takes these credentials for their push apps; the apps whose credentials changed. An app that only got another secret
    /// keeps its token until that fails; failures of the old secret are forgotten. Other apps stay as they are.
    pub fn update_apps(&self, apps: impl IntoIterator<Item = AppCredentials>) -> Vec<PushAppName> {
        let mut sources = self.apps.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Vec::new();
        for credentials in apps {
            let name = credentials.name.clone();
            let source = match sources.remove(&name) {
                None => Arc::new(self.new_source(credentials)),
                Some(known) => known.rotated(credentials, &self.settings).map_or(known, |rotated| {
                    changed.push(name.clone());
                    Arc::new(rotated)
                }),
            };
            sources.insert(name, source);
        }
        changed
    }

    /// Sends one push with a token of the app. After a 401 it is sent once more with a new token (wns.md §1.3);
    /// everything else is for the caller to judge.
    pub async fn push(&self, app: &PushAppName, request: &PushRequest) -> Exchange {
        match self.attempt(app, request).await {
            Ok(response) => Exchange::Responded(response),
            Err(exchange) => exchange,
        }
    }

    /// Whether the app's credentials get a token, which one that is held proves.
    pub async fn check_credentials(&self, app: &PushAppName) -> Result<(), TokenTrouble> {
        self.source(app).map_err(|unknown| not_configured(&unknown))?.token().await.map(drop)
    }

    /// How the app stands with its token endpoint.
    pub fn token_state(&self, app: &PushAppName) -> Result<TokenState, UnknownApp> {
        self.source(app).map(|source| source.state())
    }

    /// By how much our clock and that of the app's token endpoint differed when it answered last; None if it has not
    /// answered, or did not tell the time.
    pub fn clock_skew(&self, app: &PushAppName) -> Result<Option<ClockSkew>, UnknownApp> {
        self.source(app).map(|source| source.skew())
    }

    async fn attempt(&self, app: &PushAppName, request: &PushRequest) -> Result<WnsResponse, Exchange> {
        // Once more before the token is attached: what is sealed in a store may be older than the settings.
        ChannelUri::parse(request.uri.expose(), &self.settings.extra_origins)
            .map_err(|invalid| Exchange::NotSent(invalid.to_string()))?;
        let source = self.source(app).map_err(|unknown| Exchange::NoToken(not_configured(&unknown)))?;
        let token = source.token().await.map_err(Exchange::NoToken)?;
        let response = self.post(request, &token).await?;
        if response.status != 401 {
            return Ok(response);
        }
        // The credentials may have been replaced while the push was under way.
        let source = self.source(app).map_err(|unknown| Exchange::NoToken(not_configured(&unknown)))?;
        source.invalidate(&token);
        let token = source.token().await.map_err(Exchange::NoToken)?;
        self.post(request, &token).await
    }

    /// The headers are those of wns.md §2, and no others.
    async fn post(&self, request: &PushRequest, token: &Token) -> Result<WnsResponse, Exchange> {
        let Transport { pooled, fresh } = &self.transport;
        let http = if request.fresh_connection { fresh } else { pooled };
        let mut post = http
            .post(request.uri.expose())
            .timeout(self.settings.push_timeout)
            .header(AUTHORIZATION, token.header())
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, request.payload.len())
            .header("X-WNS-Type", "wns/raw")
            .header("X-WNS-Cache-Policy", "cache")
            // Zero conflicts with the cache policy (wns.md §2).
            .header("X-WNS-TTL", request.ttl.as_secs().max(1))
            .header("X-WNS-RequestForStatus", "true")
            .header("MS-CV", &request.ms_cv)
            .body(request.payload.clone());
        if let Some(priority) = request.priority {
            post = post.header("X-WNS-PRIORITY", u16::from(priority));
        }
        let answer = post.send().await.map_err(transport::failed)?;
        Ok(response::read(answer).await)
    }

    fn new_source(&self, credentials: AppCredentials) -> TokenSource {
        TokenSource::new(credentials, self.transport.pooled.clone(), &self.settings)
    }

    fn source(&self, app: &PushAppName) -> Result<Arc<TokenSource>, UnknownApp> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        apps.get(app).cloned().ok_or_else(|| UnknownApp(app.clone()))
    }
}

fn not_configured(unknown: &UnknownApp) -> TokenTrouble {
    TokenTrouble::Credential { description: unknown.to_string() }
}

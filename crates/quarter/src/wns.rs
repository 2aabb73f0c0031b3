//! The emulated WNS, spoken to as the service speaks to the real one: tokens, pushes, and what the answers say.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use model::{Pfn, Timestamp};
use push::{ConnectionStatus, Exchange, PushRequest, TokenTrouble, WnsResponse};
use secrecy::ExposeSecret;
use simulator::{
    device::ChannelRequest,
    wns::{Answer, App, Delivery, Machine, Registration, Settings},
};
use url::form_urlencoded;

use crate::chance::Chance;

/// Where channels of the emulated WNS are; nothing is ever sent there.
pub(crate) const ORIGIN: &str = "https://quarter.notify.windows.com";

/// The emulated WNS and the tokens that the service holds.
pub(crate) struct Wns {
    pub(crate) machine: Machine,
    apps: Vec<App>,
    tokens: BTreeMap<Pfn, String>,
}

impl Wns {
    pub(crate) fn new(apps: Vec<App>) -> Self {
        let settings = Settings { apps: apps.clone(), ..Settings::default() };
        Self { machine: Machine::new(settings, ORIGIN), apps, tokens: BTreeMap::new() }
    }

    /// A device asks for a channel: its URI, or the value of Push/Status.
    pub(crate) fn register(
        &mut self,
        device: &str,
        request: &ChannelRequest,
        now: Timestamp,
        chance: &mut Chance,
    ) -> Result<String, u8> {
        let registration = Registration {
            pfn: request.pfn.clone(),
            device: device.to_owned(),
            fleet: String::new(),
            renewal: request.renewal,
        };
        let granted = self.machine.register(&registration, now, chance.bytes());
        granted.map(|grant| grant.uri).map_err(|none| none.push_status)
    }

    /// One push by an app, with a new token and once more after a 401, as wns.md §1.3 wants it.
    pub(crate) fn push(
        &mut self,
        app: &Pfn,
        request: &PushRequest,
        now: Timestamp,
        chance: &mut Chance,
    ) -> (Exchange, Option<Delivery>) {
        let (first, delivery) = self.attempt(app, request, now, chance);
        if !matches!(&first, Exchange::Responded(response) if response.status == 401) {
            return (first, delivery);
        }
        self.tokens.remove(app);
        self.attempt(app, request, now, chance)
    }

    fn attempt(
        &mut self,
        app: &Pfn,
        request: &PushRequest,
        now: Timestamp,
        chance: &mut Chance,
    ) -> (Exchange, Option<Delivery>) {
        let Some(token) = self.token(app, now, chance) else {
            let description = "no token was given".to_owned();
            return (Exchange::NoToken(TokenTrouble::Unavailable { retry_after: None, description }), None);
        };
        let reaction = self.machine.push(&post(request, &token), now, chance.bytes());
        let exchange = match &reaction.answer {
            Answer::Reply(reply) | Answer::Later(_, reply) | Answer::Held(_, reply) => {
                Exchange::Responded(read(reply))
            }
            Answer::Close | Answer::Reset => Exchange::Ambiguous("the connection was closed".to_owned()),
        };
        (exchange, reaction.delivery)
    }

    fn token(&mut self, pfn: &Pfn, now: Timestamp, chance: &mut Chance) -> Option<String> {
        if let Some(token) = self.tokens.get(pfn) {
            return Some(token.clone());
        }
        let app = self.apps.iter().find(|app| app.pfn == pfn.as_str())?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &app.sid)
            .append_pair("client_secret", app.secret.expose_secret())
            .append_pair("scope", "notify.windows.com")
            .finish();
        let request = Request::post("/accesstoken.srf")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form));
        let answer = self.machine.token(&request.ok()?, now, chance.bytes());
        let (Answer::Reply(reply) | Answer::Later(_, reply) | Answer::Held(_, reply)) = answer else {
            return None;
        };
        let token = access_token(reply.body())?;
        self.tokens.insert(pfn.clone(), token.clone());
        Some(token)
    }
}

/// The member of a token reply that matters; tokens hold no character that JSON escapes.
fn access_token(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, value) = text.split_once("\"access_token\":\"")?;
    value.split_once('"').map(|(token, _)| token.to_owned())
}

/// The request of wns.md §2.
fn post(request: &PushRequest, token: &str) -> Request<Bytes> {
    Request::post(request.uri.expose())
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/octet-stream")
        .header("content-length", request.payload.len())
        .header("x-wns-type", "wns/raw")
        .header("x-wns-cache-policy", "cache")
        .header("x-wns-ttl", request.ttl.as_secs().max(1))
        .header("x-wns-requestforstatus", "true")
        .header("ms-cv", &request.ms_cv)
        .body(Bytes::from(request.payload.clone()))
        .expect("a validated URI and plain values make a request")
}

fn read(reply: &Response<Bytes>) -> WnsResponse {
    let text = |name: &str| {
        reply.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    WnsResponse {
        status: reply.status().as_u16(),
        notification_status: text("x-wns-status"),
        connection: text("x-wns-deviceconnectionstatus").and_then(|value| ConnectionStatus::parse(&value)),
        error_description: text("x-wns-error-description"),
        debug_trace: text("x-wns-debug-trace"),
        message_id: text("x-wns-msg-id"),
        ms_cv: text("ms-cv"),
        retry_after: text("retry-after")
            .and_then(|text| text.parse().ok())
            .map(std::time::Duration::from_secs),
        ..WnsResponse::default()
    }
}

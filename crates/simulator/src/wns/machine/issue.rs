//! The token endpoint, as the legacy one answers (wns.md §1.1).

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use model::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;
use url::form_urlencoded;

use super::{Machine, Random};
use crate::wns::{
    faults::TokenFault,
    reply::{self, Answer},
    settings::ExpiresIn,
};

/// The fields of a token request.
#[derive(Default)]
struct Form<'a> {
    grant_type: Cow<'a, str>,
    client_id: Cow<'a, str>,
    client_secret: Cow<'a, str>,
    scope: Cow<'a, str>,
}

impl Machine {
    /// A request to the token endpoint.
    pub fn token(&mut self, request: &Request<Bytes>, now: Timestamp, random: Random) -> Answer {
        self.counters.token_requests += 1;
        let form = Form::parse(request);
        let pfn = form.as_ref().and_then(|form| self.client(form)).unwrap_or_default();
        let fault = self.token_faults.take(&pfn, None);
        match fault {
            Some(TokenFault::Error { error, description }) => {
                Answer::Reply(reply::oauth_error(&error, &description))
            }
            Some(TokenFault::Http(fault)) => Answer::Reply(reply::scripted(&fault, now)),
            Some(TokenFault::Body { status, body }) => {
                let mut odd = reply::empty(status);
                reply::with_body(&mut odd, body);
                Answer::Reply(odd)
            }
            Some(TokenFault::Closed) => Answer::Close,
            Some(TokenFault::Slow(millis)) => {
                Answer::Reply(self.issue(form, now, random)).later(Duration::from_millis(millis))
            }
            None => Answer::Reply(self.issue(form, now, random)),
        }
    }

    fn issue(&mut self, form: Option<Form<'_>>, now: Timestamp, random: Random) -> Response<Bytes> {
        let Some(form) = form else {
            return reply::oauth_error("invalid_request", "The request is not a POST of a form.");
        };
        if form.grant_type != "client_credentials" {
            return reply::oauth_error("unsupported_grant_type", "The grant type is not supported.");
        }
        let Some(pfn) = self.client(&form) else {
            return reply::oauth_error("invalid_client", "Invalid client id or secret.");
        };
        if form.scope != "notify.windows.com" {
            return reply::oauth_error("invalid_scope", "The scope is not valid.");
        }
        self.counters.tokens_issued += 1;
        let lifetime = self.settings.token_lifetime;
        let token = self.tokens.issue(&pfn, now + lifetime, self.settings.live_tokens, random);
        let mut body = json!({ "access_token": token, "token_type": "bearer" });
        match self.settings.expires_in {
            ExpiresIn::Number => body["expires_in"] = lifetime.as_secs().into(),
            ExpiresIn::Text => body["expires_in"] = lifetime.as_secs().to_string().into(),
            ExpiresIn::Missing => {}
        }
        reply::json(200, &body)
    }

    /// The PFN of the app whose SID and secret these are. The prefix must be there; the case of the SID is free.
    fn client(&self, form: &Form<'_>) -> Option<String> {
        let mut apps = self.settings.apps.iter();
        let app = apps.find(|app| app.sid.eq_ignore_ascii_case(&form.client_id))?;
        let known =
            form.client_id.starts_with("ms-app://") && app.secret.expose_secret() == form.client_secret;
        known.then(|| app.pfn.clone())
    }
}

impl<'a> Form<'a> {
    fn parse(request: &'a Request<Bytes>) -> Option<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
        let is_form = kind.split(';').next()?.trim() == "application/x-www-form-urlencoded";
        if request.method() != Method::POST || !is_form {
            return None;
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(request.body()) {
            match &*name {
                "grant_type" => form.grant_type = value,
                "client_id" => form.client_id = value,
                "client_secret" => form.client_secret = value,
                "scope" => form.scope = value,
                _ => {}
            }
        }
        Some(form)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::wns::{App, Settings};

    fn ask(machine: &mut Machine, fields: &[(&str, &str)]) -> (u16, Value) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post("/accesstoken.srf")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into())
            .unwrap();
        match machine.token(&request, Timestamp::EPOCH, [1; 32]) {
            Answer::Reply(reply) => {
                (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap_or_default())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn credentials_are_checked_like_the_real_ones() {
        let app = App::example();
        let (sid, secret) = (app.sid.as_str(), app.secret.expose_secret());
        let bare = sid.strip_prefix("ms-app://").unwrap();
        let grant = "client_credentials";
        let scope = "notify.windows.com";
        for (grant_type, client_id, client_secret, scope, expect) in [
            (grant, sid, secret, scope, None),
            (grant, bare, secret, scope, Some("invalid_client")),
            (grant, sid, "wrong", scope, Some("invalid_client")),
            (grant, sid, secret, "everything", Some("invalid_scope")),
            ("password", sid, secret, scope, Some("unsupported_grant_type")),
        ] {
            let fields = [
                ("grant_type", grant_type),
                ("client_id", client_id),
                ("client_secret", client_secret),
                ("scope", scope),
            ];
            let (status, body) = ask(&mut Machine::new(Settings::default(), "http://x"), &fields);
            assert_eq!(body["error"].as_str(), expect);
            assert_eq!(status, if expect.is_some() { 400 } else { 200 });
            assert_eq!(body["expires_in"].as_u64(), expect.is_none().then_some(86_400));
        }
    }

    #[test]
    fn what_is_not_a_form_is_an_invalid_request() {
        let mut machine = Machine::new(Settings::default(), "http://x");
        let request = Request::post("/accesstoken.srf").body(Bytes::new()).unwrap();
        let Answer::Reply(reply) = machine.token(&request, Timestamp::EPOCH, [1; 32]) else { panic!() };
        assert_eq!(reply.status(), 400);
    }
}

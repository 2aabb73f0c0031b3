//! The token endpoints: the legacy one (wns.md §1.1), and Entra's where the path names a tenant.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use model::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;
use url::form_urlencoded;

use super::{Machine, Random, entra};
use crate::wns::{
    faults::TokenFault,
    reply::{self, Answer},
    settings::ExpiresIn,
};

/// The fields of a token request.
#[derive(Default)]
pub(super) struct Form<'a> {
    pub(super) grant_type: Cow<'a, str>,
    pub(super) client_id: Cow<'a, str>,
    pub(super) client_secret: Cow<'a, str>,
    pub(super) scope: Cow<'a, str>,
}

impl Machine {
    /// A request to a token endpoint. Every answer tells the time.
    pub fn token(&mut self, request: &Request<Bytes>, now: Timestamp, random: Random) -> Answer {
        self.counters.token_requests += 1;
        let form = Form::parse(request);
        let verdict = match entra::tenant(request.uri().path()) {
            Some(tenant) => match self.entra_client(tenant, form.as_ref()) {
                Ok(app) => Ok(app.pfn.clone()),
                Err(refusal) => Err(refusal.reply(now, random)),
            },
            None => {
                self.legacy_client(form.as_ref()).map_err(|(error, text)| reply::oauth_error(error, text))
            }
        };
        let fault = self.token_faults.take(verdict.as_deref().unwrap_or_default(), None);
        let settle =
            |machine: &mut Self| verdict.map_or_else(|no| no, |pfn| machine.issue(&pfn, now, random));
        let answer = match fault {
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
                Answer::Reply(settle(self)).later(Duration::from_millis(millis))
            }
            None => Answer::Reply(settle(self)),
        };
        answer.dated(now)
    }

    fn issue(&mut self, pfn: &str, now: Timestamp, random: Random) -> Response<Bytes> {
        self.counters.tokens_issued += 1;
        let lifetime = self.settings.token_lifetime;
        let token = self.tokens.issue(pfn, now + lifetime, self.settings.live_tokens, random);
        let mut body = json!({ "access_token": token, "token_type": "bearer" });
        match self.settings.expires_in {
            ExpiresIn::Number => body["expires_in"] = lifetime.as_secs().into(),
            ExpiresIn::Text => body["expires_in"] = lifetime.as_secs().to_string().into(),
            ExpiresIn::Missing => {}
        }
        reply::json(200, &body)
    }

    /// The PFN of the app whose legacy credentials these are, or the OAuth error and its description.
    fn legacy_client(&self, form: Option<&Form<'_>>) -> Result<String, (&'static str, &'static str)> {
        let Some(form) = form else {
            return Err(("invalid_request", "The request is not a POST of a form."));
        };
        if form.grant_type != "client_credentials" {
            return Err(("unsupported_grant_type", "The grant type is not supported."));
        }
        let Some(pfn) = self.client(form) else {
            return Err(("invalid_client", "Invalid client id or secret."));
        };
        if form.scope != "notify.windows.com" {
            return Err(("invalid_scope", "The scope is not valid."));
        }
        Ok(pfn)
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

    fn ask(machine: &mut Machine, path: &str, fields: [&str; 4]) -> (u16, Value) {
        let names = ["grant_type", "client_id", "client_secret", "scope"];
        let fields = names.iter().zip(fields);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
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
            let fields = [grant_type, client_id, client_secret, scope];
            let mut machine = Machine::new(Settings::default(), "http://x");
            let (status, body) = ask(&mut machine, "/accesstoken.srf", fields);
            assert_eq!(body["error"].as_str(), expect);
            assert_eq!(status, if expect.is_some() { 400 } else { 200 });
            assert_eq!(body["expires_in"].as_u64(), expect.is_none().then_some(86_400));
        }
    }

    #[test]
    fn entra_refuses_in_its_own_words() {
        let entra = App::example().entra.unwrap();
        let (id, secret, scope) =
            (&*entra.client_id, entra.secret.expose_secret(), "https://wns.windows.com/.default");
        let grant = "client_credentials";
        for (tenant, fields, expect) in [
            (&*entra.tenant, [grant, id, secret, scope], None),
            ("elsewhere", [grant, id, secret, scope], Some((400, "invalid_request", 90_002))),
            (&*entra.tenant, ["", id, secret, scope], Some((400, "invalid_request", 900_144))),
            (&*entra.tenant, ["password", id, secret, scope], Some((400, "unsupported_grant_type", 70_003))),
            (&*entra.tenant, [grant, "nobody", secret, scope], Some((400, "unauthorized_client", 700_016))),
            (&*entra.tenant, [grant, id, "wrong", scope], Some((401, "invalid_client", 7_000_215))),
            (&*entra.tenant, [grant, id, secret, "notify.windows.com"], Some((400, "invalid_scope", 70_011))),
            // Microsoft's sample has a slash too many (wns.md §1.2).
            (
                &*entra.tenant,
                [grant, id, secret, "https://wns.windows.com/.default/"],
                Some((400, "invalid_scope", 70_011)),
            ),
        ] {
            let mut machine = Machine::new(Settings::default(), "http://x");
            let (status, body) = ask(&mut machine, &format!("/{tenant}/oauth2/v2.0/token"), fields);
            let Some((refused, error, code)) = expect else {
                assert_eq!((status, body["expires_in"].as_u64()), (200, Some(86_400)));
                continue;
            };
            assert_eq!(
                (status, &body["error"], &body["error_codes"][0]),
                (refused, &json!(error), &json!(code))
            );
            let description = body["error_description"].as_str().unwrap();
            assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
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

//! The token endpoint of Entra (wns.md §1.2): whose credentials it takes, and how it refuses.

use std::fmt::Write;

use bytes::Bytes;
use http::Response;
use model::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Machine, Random, issue::Form};
use crate::wns::{
    reply,
    settings::{App, EntraApp},
};

/// The path of the endpoint, after the tenant.
const PATH: &str = "/oauth2/v2.0/token";

const SCOPE: &str = "https://wns.windows.com/.default";

/// The tenant, if the path is that of the endpoint.
pub(super) fn tenant(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.strip_suffix(PATH)
}

/// A refusal: status, OAuth error, number of the AADSTS code, and its text.
pub(super) struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

impl Machine {
    /// The app whose Entra credentials these are, or what Entra says in its place.
    pub(super) fn entra_client(&self, tenant: &str, form: Option<&Form<'_>>) -> Result<&App, Refusal> {
        let refused = |status, error, code, text: String| Err(Refusal { status, error, code, text });
        let registered = || self.settings.apps.iter().filter_map(|app| Some((app, app.entra.as_ref()?)));
        if !registered().any(|(_, entra)| entra.tenant.eq_ignore_ascii_case(tenant)) {
            let text =
                format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
            return refused(400, "invalid_request", 90_002, text);
        }
        let Some(form) = form.filter(|form| !form.grant_type.is_empty()) else {
            let text = "The request body must contain the following parameter: 'grant_type'.".to_owned();
            return refused(400, "invalid_request", 900_144, text);
        };
        if form.grant_type != "client_credentials" {
            let text = "The app requested an unsupported grant type.".to_owned();
            return refused(400, "unsupported_grant_type", 70_003, text);
        }
        let client = |entra: &EntraApp| {
            entra.tenant.eq_ignore_ascii_case(tenant) && entra.client_id.eq_ignore_ascii_case(&form.client_id)
        };
        let Some((app, entra)) = registered().find(|(_, entra)| client(entra)) else {
            let id = &form.client_id;
            let text =
                format!("Application with identifier '{id}' was not found in the directory '{tenant}'.");
            return refused(400, "unauthorized_client", 700_016, text);
        };
        if entra.secret.expose_secret() != form.client_secret {
            let text = "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                        secret value, not the client secret ID, for a secret added to app.";
            return refused(401, "invalid_client", 7_000_215, text.to_owned());
        }
        if form.scope != SCOPE {
            let text = "The provided value for the input parameter 'scope' is not valid.".to_owned();
            return refused(400, "invalid_scope", 70_011, text);
        }
        Ok(app)
    }
}

impl Refusal {
    /// As Entra words it: the code before the text, and after it what its support asks for.
    pub(super) fn reply(&self, now: Timestamp, random: Random) -> Response<Bytes> {
        let mut trace = String::new();
        for byte in &random[..16] {
            let _ = write!(trace, "{byte:02x}");
        }
        let Self { status, error, code, text } = self;
        let body = json!({
            "error": error,
            "error_description": format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {trace}"),
            "error_codes": [code],
            "timestamp": now.as_micros() / 1_000_000,
            "trace_id": trace,
            "correlation_id": trace,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        reply::json(*status, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_tenant() {
        for (path, expect) in [
            ("/contoso/oauth2/v2.0/token", Some("contoso")),
            ("/accesstoken.srf", None),
            ("/oauth2/v2.0/token", None),
        ] {
            assert_eq!(tenant(path), expect, "{path}");
        }
    }
}

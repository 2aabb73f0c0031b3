//! The legacy flow: package SID and secret at login.live.com (wns.md §1.1).

use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret;

use crate::LegacyAuth;

/// The request for a token.
pub(super) fn request(http: &Client, auth: &LegacyAuth) -> RequestBuilder {
    http.post(auth.token_url.clone()).form(&[
        ("grant_type", "client_credentials"),
        ("client_id", &auth.client_id()),
        ("client_secret", auth.secret.expose_secret()),
        ("scope", "notify.windows.com"),
    ])
}

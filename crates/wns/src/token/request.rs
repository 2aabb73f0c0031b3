//! Asking for a token: the client credentials grant of OAuth 2, as the two endpoints want it (wns.md §1.1, §1.2).

use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret;

use crate::Auth;

/// What tokens of the legacy flow are for.
const LEGACY_SCOPE: &str = "notify.windows.com";
/// The same at Entra: no slash at the end, whatever Microsoft's sample shows (wns.md §1.2).
const ENTRA_SCOPE: &str = "https://wns.windows.com/.default";

/// The request for a token.
pub(super) fn request(http: &Client, auth: &Auth) -> RequestBuilder {
    let scope = match auth {
        Auth::Legacy(_) => LEGACY_SCOPE,
        Auth::Entra(_) => ENTRA_SCOPE,
    };
    http.post(auth.token_url().clone()).form(&[
        ("grant_type", "client_credentials"),
        ("client_id", &auth.client_id()),
        ("client_secret", auth.secret().expose_secret()),
        ("scope", scope),
    ])
}

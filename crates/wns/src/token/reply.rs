//! Reading the token endpoint's reply (wns.md §1).

use std::time::Duration;

use push::TokenTrouble;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::{Token, unavailable};
use crate::{Auth, response::bounded};

/// The largest reply that is read, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;

/// How long a token is good if nobody says so (wns.md §1.1).
const USUAL_LIFETIME: Duration = Duration::from_hours(24);

/// A token as the endpoint issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) token: Token,
    pub(super) lifetime: Duration,
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failure {
    error: String,
    error_description: String,
}

/// What the reply means. The status decides before the body is looked at: a throttled endpoint may answer in plain
/// text. No body: it was too large.
pub(super) fn read(
    status: u16,
    retry_after: Option<Duration>,
    body: Option<&[u8]>,
    auth: &Auth,
) -> Result<Issued, TokenTrouble> {
    match status {
        200 => issued(body),
        // 408 is a timeout by its meaning.
        408 | 429 | 500..=599 => {
            let description = format!("the token endpoint answered {status}");
            Err(TokenTrouble::Unavailable { retry_after, description })
        }
        400..=499 => Err(refused(status, body, auth)),
        // Redirects are not followed: the secret would go along.
        _ => Err(unavailable(&format!("the token endpoint answered {status}, which is not understood"))),
    }
}

fn issued(body: Option<&[u8]>) -> Result<Issued, TokenTrouble> {
    let Some(body) = body else {
        return Err(unavailable("the token endpoint's reply is larger than 64 KiB"));
    };
    // The parser's error is not passed on: it may quote the token.
    let success: Success = serde_json::from_slice(body)
        .map_err(|_| unavailable("the token endpoint's reply is not JSON with an access_token"))?;
    let token = Some(success.access_token.as_str()).filter(|token| !token.is_empty()).and_then(Token::new);
    match token {
        Some(token) => Ok(Issued { token, lifetime: lifetime(&success.expires_in) }),
        None => Err(unavailable("the token endpoint's access_token is not a token")),
    }
}

/// `expires_in` as a number or as digits; anything else counts as missing. At most 30 days, so that no clock overflows.
fn lifetime(expires_in: &Value) -> Duration {
    let seconds = match expires_in {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.map_or(USUAL_LIFETIME, Duration::from_secs).min(Duration::from_hours(30 * 24))
}

/// A refusal is the credentials' fault, unless the endpoint says that it is its own (RFC 6749 §4.1.2.1; Entra sends these
/// with 400, too).
fn refused(status: u16, body: Option<&[u8]>, auth: &Auth) -> TokenTrouble {
    let failure: Failure = body.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let description = without_secrets(&reason(status, &failure), auth);
    match failure.error.as_str() {
        "temporarily_unavailable" | "server_error" => {
            TokenTrouble::Unavailable { retry_after: None, description }
        }
        _ => TokenTrouble::Credential { description },
    }
}

fn reason(status: u16, failure: &Failure) -> String {
    match (failure.error.as_str(), failure.error_description.as_str()) {
        ("", _) => format!("the token endpoint answered {status}"),
        (error, "") => error.to_owned(),
        (error, description) => format!("{error}: {description}"),
    }
}

/// Some endpoints quote what they were sent.
fn without_secrets(text: &str, auth: &Auth) -> String {
    let secret = auth.secret().expose_secret();
    let text = if secret.is_empty() { text.to_owned() } else { text.replace(secret, "[secret]") };
    bounded(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LegacyAuth;

    fn auth() -> Auth {
        let token_url = LegacyAuth::TOKEN_URL.parse().unwrap();
        Auth::Legacy(LegacyAuth { token_url, sid: "s".to_owned(), secret: "planted".into() })
    }

    fn check(status: u16, body: &str, expect: &Result<u64, TokenTrouble>) {
        let got = read(status, Some(Duration::from_secs(7)), Some(body.as_bytes()), &auth());
        let got = got.map(|issued| issued.lifetime.as_secs());
        assert_eq!(got, *expect, "{status} {body}");
    }

    fn credential(description: &str) -> Result<u64, TokenTrouble> {
        Err(TokenTrouble::Credential { description: description.to_owned() })
    }

    fn asks_to_wait(status: u16) -> Result<u64, TokenTrouble> {
        let description = format!("the token endpoint answered {status}");
        Err(TokenTrouble::Unavailable { retry_after: Some(Duration::from_secs(7)), description })
    }

    #[test]
    fn the_lifetime_comes_as_a_number_as_text_or_not_at_all() {
        for (expires_in, expect) in [
            (r#","expires_in":86399"#, 86_399),
            (r#","expires_in":"86399""#, 86_399),
            (r#","expires_in":0"#, 0),
            ("", 86_400),
            (r#","expires_in":null"#, 86_400),
            (r#","expires_in":-5"#, 86_400),
            (r#","expires_in":"soon""#, 86_400),
            (r#","expires_in":18446744073709551615"#, 30 * 86_400),
        ] {
            check(
                200,
                &format!(r#"{{"access_token":"EgAe+/=","token_type":"bearer"{expires_in}}}"#),
                &Ok(expect),
            );
        }
    }

    #[test]
    fn refusals_are_credential_faults() {
        for (status, body, expect) in [
            (400, r#"{"error":"invalid_client"}"#, "invalid_client"),
            (
                400,
                r#"{"error":"invalid_request","error_description":"no longer"}"#,
                "invalid_request: no longer",
            ),
            (401, "<html>", "the token endpoint answered 401"),
            (400, r#"{"error":"x","error_description":"you sent planted"}"#, "x: you sent [secret]"),
        ] {
            check(status, body, &credential(expect));
        }
        check(400, &format!(r#"{{"error":"{}"}}"#, "e".repeat(1_000)), &credential(&"e".repeat(256)));
    }

    #[test]
    fn everything_else_passes() {
        for status in [408, 429, 500, 503] {
            check(status, "slow down", &asks_to_wait(status));
        }
        for (status, body) in [
            (400, r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033"}"#),
            (401, r#"{"error":"server_error"}"#),
            (200, "not json"),
            (200, "{}"),
            (200, r#"{"access_token":""}"#),
            (200, r#"{"access_token":"a\nb"}"#),
            (302, ""),
            (204, ""),
        ] {
            let got = read(status, None, Some(body.as_bytes()), &auth());
            assert!(matches!(got, Err(TokenTrouble::Unavailable { .. })), "{status} {body}");
        }
        assert!(matches!(read(200, None, None, &auth()), Err(TokenTrouble::Unavailable { .. })));
    }
}

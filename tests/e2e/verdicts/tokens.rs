//! Every way in which the token endpoint fails. Nothing of it reaches WNS, and nothing of it ends a wake.

use std::time::Duration;

use reveille_api::v1::{PushAppFaultKind::Credential, WakeEndReason, WakeRequest, WakeState};
use simulator::wns::{HttpFault, Script, TokenFault};

use super::{
    DATE,
    Left::{AppGate, Fault},
    NAME, SECONDS, every, state, token,
};
use crate::field::{Field, NEVER, wake_of};

#[tokio::test]
async fn credentials_that_are_refused() {
    let refused = |error: &str, description: &str| TokenFault::error(error, description);
    let plain = |status| TokenFault::Body { status, body: "<html>".to_owned() };
    every(
        [
            ("invalid_client", refused("invalid_client", "")),
            ("unauthorized_client", refused("unauthorized_client", "AADSTS700016: not found")),
            ("invalid_scope", refused("invalid_scope", "")),
            ("no longer supported", TokenFault::no_longer_supported()),
            ("400 without JSON", plain(400)),
            ("401", plain(401)),
            ("403", plain(403)),
            ("404", plain(404)),
        ]
        .map(|(says, fault)| token(says, fault, "CREDENTIAL_FAULT", Fault(Credential))),
    )
    .await;
}

#[tokio::test]
async fn endpoints_that_do_not_work() {
    let body = |status, body: &str| TokenFault::Body { status, body: body.to_owned() };
    let location = Some("http://127.0.0.1:9/elsewhere".to_owned());
    let redirect = TokenFault::Http(HttpFault { status: 307, location, ..HttpFault::default() });
    every(
        [
            ("429 with seconds", TokenFault::status(429, SECONDS), 120),
            ("429 with a date", TokenFault::status(429, DATE), 120),
            ("429", TokenFault::status(429, None), 60),
            ("503 with seconds", TokenFault::status(503, SECONDS), 120),
            ("500", TokenFault::status(500, None), 60),
            ("says itself that it is busy", TokenFault::error("temporarily_unavailable", "AADSTS90033"), 60),
            ("closed", TokenFault::Closed, 60),
            ("no answer", TokenFault::Slow(60_000), 60),
            ("no JSON", body(200, "<html>"), 60),
            ("no token", body(200, "{}"), 60),
            ("a token that no header holds", body(200, r#"{"access_token":"a\nb"}"#), 60),
            ("an endless body", body(200, &"x".repeat(70_000)), 60),
            ("a redirect", redirect, 60),
        ]
        .map(|(says, fault, seconds)| token(says, fault, "TOKEN_UNAVAILABLE", AppGate(seconds))),
    )
    .await;
}

#[tokio::test]
async fn a_fault_heals_while_nobody_asks_for_anything() {
    let field = Field::new().await;
    field.live(NAME).await;
    field.wns.fail_tokens(Script::always(TokenFault::no_longer_supported()));
    let soon = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let asked = field.ask(WakeRequest { timeout: soon, ..wake_of(NAME) }).await.unwrap();
    let wake = field.ended(&asked.wake.unwrap().id).await.wake.unwrap();
    assert_eq!((wake.state(), wake.end_reason()), (WakeState::Unanswered, WakeEndReason::CredentialFault));
    assert!(state::app(&field).await.fault.is_some());
    field.wns.clear_faults();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let healed = async {
        while state::app(&field).await.fault.is_some() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(NEVER, healed).await.expect("the fault ends");
    assert_eq!(field.wns.counters().pushes, 0, "a token was enough");
}

//! Credentials: replaced while the client runs, of both flows, and how they are refused.

use std::time::Duration;

use push::{Exchange, TokenTrouble};
use simulator::wns::{App, ExpiresIn};
use wns::{AppCredentials, Auth, ClockSkew, EntraAuth, LegacyAuth, TokenState};

use super::{Bench, credentials, main, status};

#[tokio::test]
async fn replaced_credentials_count_at_once() {
    let bench = Bench::new().await;
    bench.client.update_apps([with_secret(&bench.origin, "wrong")]);
    assert!(matches!(bench.push().await, Exchange::NoToken(TokenTrouble::Credential { .. })));
    bench.client.update_apps([]);
    assert!(bench.client.token_state(&main()).is_ok(), "what is not named stays");
    bench.client.update_apps([credentials(&bench.origin)]);
    assert_eq!(bench.response().await.status, 200);
}

fn with_secret(origin: &str, secret: &str) -> AppCredentials {
    let AppCredentials { name, auth: Auth::Legacy(auth) } = credentials(origin) else { panic!("legacy") };
    AppCredentials { name, auth: Auth::Legacy(LegacyAuth { secret: secret.into(), ..auth }) }
}

#[tokio::test]
async fn a_rotated_secret_keeps_the_token_until_it_fails() {
    let bench = Bench::new().await;
    bench.response().await;
    bench.wns.configure(|settings| settings.apps[0].secret = "new".into());
    assert_eq!(bench.client.update_apps([with_secret(&bench.origin, "new")]), [main()]);
    assert_eq!(bench.response().await.status, 200);
    assert_eq!(bench.wns.counters().token_requests, 1, "the old token serves on");
    assert!(bench.client.update_apps([with_secret(&bench.origin, "new")]).is_empty(), "nothing changed");
    bench.wns.revoke_tokens();
    assert!(bench.pushes(20).await.iter().all(|exchange| status(exchange) == 200));
    assert_eq!(bench.wns.counters().tokens_issued, 2, "with the new secret, once for all");
}

#[tokio::test]
async fn another_client_does_not_get_the_token_of_the_one_before() {
    let bench = Bench::new().await;
    bench.response().await;
    assert_eq!(bench.client.update_apps([entra(&bench.origin)]), [main()]);
    assert_eq!(bench.client.token_state(&main()), Ok(TokenState::None));
    assert_eq!(bench.response().await.status, 200);
    assert_eq!(bench.wns.counters().tokens_issued, 2);
}

#[tokio::test]
async fn a_secret_that_is_put_right_counts_at_once() {
    let bench = Bench::new().await;
    bench.client.update_apps([with_secret(&bench.origin, "wrong")]);
    assert!(matches!(bench.push().await, Exchange::NoToken(TokenTrouble::Credential { .. })));
    bench.client.update_apps([credentials(&bench.origin)]);
    assert_eq!(bench.response().await.status, 200, "no back-off is left of the old secret");
}

/// The Entra credentials of the emulated app.
fn entra(origin: &str) -> AppCredentials {
    let registration = App::example().entra.unwrap();
    let auth = Auth::Entra(EntraAuth {
        token_url: format!("{origin}/{}/oauth2/v2.0/token", registration.tenant).parse().unwrap(),
        client_id: registration.client_id,
        secret: registration.secret,
    });
    AppCredentials { name: main(), auth }
}

#[tokio::test]
async fn entra_tokens_push_like_the_others() {
    let bench = Bench::new().await;
    bench.wns.configure(|settings| settings.expires_in = ExpiresIn::Text);
    bench.client.update_apps([entra(&bench.origin)]);
    assert_eq!(bench.response().await.status, 200);
    bench.wns.revoke_tokens();
    assert!(bench.pushes(20).await.iter().all(|exchange| status(exchange) == 200));
    assert_eq!(bench.wns.counters().tokens_issued, 2);
}

/// Makes the credentials wrong; the emulated WNS's origin is the other argument.
type Change = fn(&mut EntraAuth, &str);

#[tokio::test]
async fn what_entra_refuses_is_told_with_its_code() {
    let bench = Bench::new().await;
    let rows: [(Change, &str); 3] = [
        (|auth, _| auth.secret = "planted".into(), "invalid_client: AADSTS7000215: "),
        (|auth, _| auth.client_id = "nobody".to_owned(), "unauthorized_client: AADSTS700016: "),
        (
            |auth, origin| auth.token_url = format!("{origin}/nowhere/oauth2/v2.0/token").parse().unwrap(),
            "invalid_request: AADSTS90002: ",
        ),
    ];
    for (change, expect) in rows {
        let AppCredentials { name, auth: Auth::Entra(mut auth) } = entra(&bench.origin) else { panic!() };
        change(&mut auth, &bench.origin);
        bench.client.update_apps([AppCredentials { name, auth: Auth::Entra(auth) }]);
        let Exchange::NoToken(TokenTrouble::Credential { description }) = bench.push().await else {
            panic!("{expect}")
        };
        assert!(description.starts_with(expect) && !description.contains("planted"), "{description}");
    }
}

#[tokio::test]
async fn the_endpoint_tells_how_far_our_clock_is_off() {
    let bench = Bench::new().await;
    assert_eq!(bench.client.clock_skew(&main()), Ok(None));
    bench.wns.advance(Duration::from_hours(2));
    bench.response().await;
    let Ok(Some(ClockSkew::Behind(by))) = bench.client.clock_skew(&main()) else {
        panic!("two hours behind")
    };
    assert!((7_190..=7_210).contains(&by.as_secs()), "{by:?}");
}

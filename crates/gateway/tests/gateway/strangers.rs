//! What strangers can do to a device, and what they cannot.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD as B64, Engine as _};
use futures_util::future::join_all;
use md5::{Digest, Md5};

use crate::field::{ACCOUNT, Field, NAME, SYNCML};

/// Package 1 in this name, with this credential.
fn message(name: &str, cred: &str) -> String {
    format!(
        "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>{name}</LocURI></Source>{cred}\
         </SyncHdr><SyncBody><Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
    )
}

fn cred(kind: &str, data: &str) -> String {
    format!(
        "<Cred><Meta><Format>b64</Format><Type>syncml:auth-{kind}</Type></Meta><Data>{data}</Data></Cred>"
    )
}

fn basic(password: &str) -> String {
    cred("basic", &B64.encode(format!("{}:{password}", ACCOUNT.0)))
}

/// A digest over an empty nonce (oma-dm.md §7.1).
fn without_nonce(password: &str) -> String {
    let inner = B64.encode(Md5::digest(format!("{}:{password}", ACCOUNT.0)));
    cred("md5", &B64.encode(Md5::digest(format!("{inner}:"))))
}

/// What is answered to a message that comes from there.
async fn post(client: &reqwest::Client, field: &Field, from: &str, body: String) -> (u16, String) {
    let request = client.post(field.url.clone()).header("content-type", SYNCML);
    answer(request.header("x-forwarded-for", from).body(body)).await
}

/// The HTTP status, and the code of the `SyncHdr`'s Status.
async fn answer(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let code = text.split_once("</Cmd>").and_then(|(_, rest)| rest.split_once("<Data>"));
    (status, code.and_then(|(_, rest)| rest.get(..3)).unwrap_or_default().to_owned())
}

/// A gateway behind a proxy at loopback.
async fn proxied(change: impl FnOnce(&mut gateway::Settings)) -> Field {
    let field = Field::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        change(settings);
    });
    field.await
}

#[tokio::test]
async fn a_device_at_a_new_address_gets_in_however_many_guess_at_its_name() {
    let field = proxied(|settings| settings.guessing.name_wait = Duration::from_secs(1)).await;
    field.create(NAME).await;
    let client = reqwest::Client::new();
    let guess = |n: u32| {
        let from = format!("203.0.{}.{}", 100 + n / 250, n % 250);
        let (client, field) = (&client, &field);
        async move { post(client, field, &from, message(NAME, &basic("a guess"))).await }
    };
    for n in 0..4 {
        assert_eq!(guess(n).await, (200, "401".to_owned()));
    }
    // More wait than there are places for; the device comes in their midst, each time from somewhere else.
    let guesses = join_all((4..404).map(guess));
    let devices = join_all((0..20).map(|n| {
        let (from, client, field) = (format!("198.51.100.{n}"), &client, &field);
        async move { post(client, field, &from, message(NAME, &basic(ACCOUNT.1))).await.0 }
    }));
    let (guesses, devices) = tokio::join!(guesses, devices);
    assert!(guesses.iter().all(|(status, _)| *status == 200), "each of them is the first of its address");
    // 503: all of them are one device, and the newest session wins.
    assert!(devices.iter().all(|status| [200, 503].contains(status)), "{devices:?}");
}

#[tokio::test]
async fn a_site_whose_devices_begin_with_a_stale_nonce_is_no_guesser() {
    let field = proxied(|settings| settings.guessing.address_burst = 3).await;
    let client = reqwest::Client::new();
    for n in 0..8 {
        let name = format!("DEVICE-{n}");
        field.create(&name).await;
        let (status, code) =
            post(&client, &field, "203.0.113.1", message(&name, &without_nonce(ACCOUNT.1))).await;
        assert_eq!((status, code.as_str()), (200, "401"), "{name} is challenged");
    }
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let guess = message("DEVICE-0", &without_nonce("a guess"));
        statuses.push(post(&client, &field, "203.0.113.1", guess).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429], "a wrong password is a guess, whatever the nonce");
}

#[tokio::test]
async fn a_certificate_that_does_not_suffice_is_no_licence_to_guess() {
    let field = Field::secured(|settings| {
        settings.sessions.schemes = dm::Schemes::default();
        settings.sessions.proof = dm::Proof::Both;
        settings.guessing.address_burst = 3;
        settings.guessing.name_free = 1_000;
    })
    .await;
    let issued = field.authority.common_name("nobody");
    field.create_as(NAME, Some(ACCOUNT), Some(issued.fingerprint())).await;
    let client = client(&field, &issued);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(post(&client, &field, "", message(NAME, &basic("a guess"))).await.0);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_none() {
    let field = proxied(|settings| {
        settings.proxy_certificates = Some("Client-Cert".parse().unwrap());
        settings.sessions.schemes = dm::Schemes::new([]);
    })
    .await;
    let client = reqwest::Client::new();
    let (now, day) = (field.store.now(), Duration::from_hours(24));
    for (name, end, code) in [("VALID", now + day, "200"), ("EXPIRED", now - day, "407")] {
        let issued = field.authority.until(Duration::from_micros(end.as_micros().unsigned_abs()));
        field.create_as(name, None, Some(issued.fingerprint())).await;
        let request = client.post(field.url.clone()).header("content-type", SYNCML);
        let request = request.header("client-cert", format!(":{}:", B64.encode(&issued.der)));
        assert_eq!(answer(request.body(message(name, ""))).await, (200, code.to_owned()), "{name}");
    }
}

fn client(field: &Field, issued: &crate::authority::Issued) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(field.authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    builder.identity(issued.identity()).build().unwrap()
}

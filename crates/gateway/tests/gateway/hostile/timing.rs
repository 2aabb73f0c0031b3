//! A stranger cannot tell by the clock whether a device exists.

use std::time::Duration;

use super::now;
use crate::field::{Field, NAME, SYNCML};

/// A wrong credential for this name.
fn guess(name: &str) -> String {
    format!(
        "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>{name}</LocURI></Source><Cred><Meta>\
         <Format>b64</Format><Type>syncml:auth-md5</Type></Meta><Data>Zz6EivR3yeaaENcRN6lpAQ==</Data></Cred></SyncHdr>\
         <SyncBody><Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
    )
}

async fn timed(client: &reqwest::Client, field: &Field, name: &str) -> Duration {
    let started = now();
    let request = client.post(field.url.clone()).header("content-type", SYNCML).body(guess(name));
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    response.bytes().await.unwrap();
    now() - started
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn unknown_and_known_devices_take_the_same_time() {
    let patient = |settings: &mut gateway::Settings| {
        settings.guessing.address_burst = 10_000;
        settings.guessing.name_free = 10_000;
    };
    let field = Field::with(patient).await;
    field.create(NAME).await;
    let client = reqwest::Client::new();
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        known.push(timed(&client, &field, NAME).await);
        unknown.push(timed(&client, &field, "0123456789ABCDEF0123456789ABCDE0").await);
    }
    let (known, unknown) = (median(known), median(unknown));
    println!(
        "a wrong credential takes {known:?} for a known device, {unknown:?} for an unknown one (medians of 40)"
    );
    // Loose on purpose: a busy machine is no reason to fail. What would fail it is a wait for one of them only.
    assert!(known.abs_diff(unknown) < Duration::from_millis(20), "{known:?} {unknown:?}");
}

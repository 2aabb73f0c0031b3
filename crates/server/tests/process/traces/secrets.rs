//! What is secret stays so: in everything that a service says while devices are made known, sync and are woken – its log to
//! the last detail, its spans, its metrics – none of it appears.

use secrecy::ExposeSecret;
use simulator::{
    device::{Device, Opening},
    wns::{App, PushFault, Script},
};

use super::site::{Site, TRACE};
use crate::{NAME, PASSWORD};

/// The emulator does not tell its tokens, but they all begin like this.
const TOKENS_BEGIN_WITH: &str = "EgAe";
/// A header for the collector.
const HEADER: &str = "planted-header-value";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_said() {
    let site = Site::new().await;
    let mut command = site.command();
    command
        .env("REVEILLE__TELEMETRY__LOG_FILTER", "trace")
        .env("OTEL_EXPORTER_OTLP_HEADERS", format!("authorization={HEADER}"));
    let mut service = site.start(command);
    let mut device = site.live(NAME).await;
    let first = token(&device);
    for fault in [PushFault::Closed, PushFault::status(410)] {
        site.wns.fail_pushes(Script::once(fault));
    }
    site.wake(NAME).await;
    // The channel dies, and the next session repairs it.
    site.wns.until(|counters| counters.pushes >= 2).await;
    site.come(&mut device, Opening::Schedule).await;
    site.receiver.until(TRACE, |trace| trace.has("session")).await;
    let metrics = site.place.get("/metrics").unwrap();
    assert_eq!(service.terminate(), Some(0));
    let lines = service.rest();
    let spans = format!("{:?}", site.receiver.spans());
    assert!(
        lines.contains("wake ended") && spans.contains("ChannelURI") && metrics.contains("reveille_wakes")
    );
    assert_eq!(site.receiver.header("authorization").as_deref(), Some(HEADER), "the header is sent");

    let second = token(&device);
    assert_ne!(first, second, "the channel was renewed");
    let hash = dm::inner_hash("user", PASSWORD);
    let app = App::example();
    let key = std::fs::read_to_string(site.place.path().join("reveille.key")).unwrap();
    for (what, secret) in [
        ("ChannelURI", first.as_str()),
        ("ChannelURI", second.as_str()),
        ("password", PASSWORD),
        ("password hash", hash.expose()),
        ("access token", TOKENS_BEGIN_WITH),
        ("client secret", app.secret.expose_secret()),
        ("key", key.trim()),
        ("header for the collector", HEADER),
    ] {
        for (place, said) in [("log", &lines), ("spans", &spans), ("metrics", &metrics)] {
            let at = said.find(secret);
            assert!(at.is_none(), "a {what} in the {place}: …{}", before(said, at.unwrap_or_default()));
        }
    }
}

/// The part of a device's ChannelURI that makes it a secret.
fn token(device: &Device) -> String {
    let (_, token) = device.channel_uri().unwrap().split_once("token=").unwrap();
    token.to_owned()
}

/// What stands before a place in a text.
fn before(text: &str, at: usize) -> &str {
    &text[text.floor_char_boundary(at.saturating_sub(200))..at]
}

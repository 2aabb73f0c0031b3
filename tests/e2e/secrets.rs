//! What is secret stays so: in everything that is logged while a device syncs and is woken, none of it appears.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use simulator::wns::{PushFault, Script};
use tracing_subscriber::fmt::MakeWriter;

use crate::field::{Field, PASSWORD};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The emulator does not tell its tokens, but they all begin like this.
const TOKENS_BEGIN_WITH: &str = "EgAe";

#[tokio::test]
async fn nothing_secret_is_logged() {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    // For the whole process: what other tests log must be clean as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let mut field = Field::new().await;
    let mut device = field.live("PLANTED").await;
    field.wns.fail_pushes(Script::once(PushFault::Closed));
    let wake = field.wake("PLANTED").await;
    field.come_when_pushed(&mut device).await;
    field.ended(&wake.id).await;
    let text = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(text.contains("wake ended"), "something was logged at all");
    let uri = device.channel_uri().unwrap();
    let token = uri.split_once("token=").unwrap().1;
    let hash = dm::inner_hash("user", PASSWORD);
    let app = simulator::wns::App::example();
    let client_secret = secrecy::ExposeSecret::expose_secret(&app.secret);
    for (what, secret) in [
        ("ChannelURI", token),
        ("password", PASSWORD),
        ("password hash", hash.expose()),
        ("access token", TOKENS_BEGIN_WITH),
        ("client secret", client_secret),
    ] {
        let at = text.find(secret);
        assert!(
            at.is_none(),
            "a {what} was logged: …{}…",
            &text[at.unwrap().saturating_sub(200)..at.unwrap()]
        );
    }
}

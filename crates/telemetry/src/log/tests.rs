use std::{
    io,
    sync::{Arc, Mutex},
};

use opentelemetry::trace::TracerProvider;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{export, ids, set_parent};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of one event outside of spans and one within.
fn lines(wanted: LogFormat, colour: Colour) -> [String; 2] {
    let kept = Kept::default();
    let writer = kept.clone();
    let provider = ids::silent_provider().build();
    let subscriber = tracing_subscriber::registry().with(export::layer(provider.tracer("test"))).with(layer(
        wanted,
        colour,
        move || writer.clone(),
    ));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(device = "D1", "outside");
        let span = tracing::info_span!("session", device = "D1");
        set_parent(&span, &PARENT.parse().unwrap());
        span.in_scope(|| tracing::info!(messages = 3, "inside \"quotes\""));
    });
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn a_json_line_carries_the_trace_id() {
    let parsed = lines(LogFormat::Json, Colour::Plain)
        .map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap());
    assert_eq!(parsed[0].get("trace_id"), None);
    assert_eq!(parsed[0]["fields"]["message"], "outside");
    assert_eq!(parsed[1]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(parsed[1]["span_id"].as_str().map(str::len), Some(16));
    assert_eq!(parsed[1]["fields"]["message"], "inside \"quotes\"");
    assert_eq!(parsed[1]["fields"]["messages"], 3);
    assert_eq!(parsed[1]["spans"][0]["device"], "D1");
}

#[test]
fn a_line_for_humans_carries_the_trace_id() {
    let [outside, inside] = lines(LogFormat::Human, Colour::Plain);
    assert!(outside.contains("INFO") && outside.ends_with("outside device=\"D1\""), "{outside}");
    assert!(inside.contains("trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id="), "{inside}");
    assert!(!inside.contains('\u{1b}'), "{inside}");
}

#[test]
fn a_line_for_a_terminal_is_coloured() {
    let [outside, inside] = lines(LogFormat::Human, Colour::Ansi);
    assert!(outside.contains('\u{1b}') && inside.contains('\u{1b}'), "{outside}\n{inside}");
}

use std::{
    io,
    sync::{Arc, Mutex},
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::{export, set_parent};

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
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let subscriber = tracing_subscriber::registry().with(export::layer(provider.tracer("test"))).with(layer(
        wanted,
        colour,
        EnvFilter::new("info"),
        move || writer.clone(),
    ));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(device = "D1", "outside");
        let span = tracing::info_span!(target: "gateway", "session", device = "D1");
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
fn a_line_about_a_span_that_is_over_carries_its_ids() {
    let (kept, over): (_, TraceContext) = (Kept::default(), PARENT.parse().unwrap());
    let writer = kept.clone();
    let lines = layer(LogFormat::Json, Colour::Plain, EnvFilter::new("info"), move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
        crate::within(over, || tracing::info!("wake ended"));
    });
    let line: serde_json::Value = serde_json::from_slice(&kept.0.lock().unwrap()).unwrap();
    assert_eq!(line["trace_id"], over.trace_id_hex());
    assert_eq!(line["span_id"], over.span_id_hex());
}

#[test]
fn a_line_for_a_terminal_is_coloured() {
    let [outside, inside] = lines(LogFormat::Human, Colour::Ansi);
    assert!(outside.contains('\u{1b}') && inside.contains('\u{1b}'), "{outside}\n{inside}");
}

#[test]
fn a_line_tells_how_many_like_it_were_left_out() {
    let left_out = Extra { context: None, left_out: Some(7) };
    for (splice, line, expect) in [
        (
            into_object as fn(&str, &Extra, &mut Writer<'_>) -> fmt::Result,
            "{\"level\":\"WARN\"}\n",
            "{\"left_out\":7,\"level\":\"WARN\"}\n",
        ),
        (after_text, "WARN trouble\n", "WARN trouble left_out=7\n"),
    ] {
        let mut text = String::new();
        splice(line, &left_out, &mut Writer::new(&mut text)).unwrap();
        assert_eq!(text, expect);
    }
}

#[test]
fn a_warning_that_repeats_is_written_so_often_and_what_is_only_told_each_time() {
    let kept = Kept::default();
    let writer = kept.clone();
    let lines = layer(LogFormat::Human, Colour::Plain, EnvFilter::new("info"), move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
        for _ in 0..100 {
            tracing::warn!("trouble");
            tracing::info!("news");
        }
    });
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let count = |words: &str| text.lines().filter(|line| line.contains(words)).count();
    assert_eq!((count("trouble"), count("news")), (20, 100));
}

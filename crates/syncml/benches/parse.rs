//! What reading a message costs, beside bare `quick-xml` event reading on the same bytes:
//! `cargo bench -p syncml`.

use std::{
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use quick_xml::{Reader, events::Event};
use syncml::{Limits, Message};

const MESSAGES: [&str; 4] = [
    "28-marcosd4h-win-package1.xml",
    "71-pytune-intune-autopilot-package1.xml",
    "24-fleet-ngrok-win10-19043-session1-package1.xml",
    "s-push-results-channel.xml",
];

/// Samples of `RUNS` runs each. On a machine that is busy otherwise the fastest tells more than the median.
const SAMPLES: usize = 401;
const RUNS: u32 = 500;

fn main() {
    println!("{:<48} {:>5} {:>19} {:>19}", "median, fastest", "bytes", "bare events", "parse");
    for name in MESSAGES {
        let document = read(name);
        let bytes = document.len();
        let events = measure(|| events(&document));
        let parse = measure(|| Message::parse(black_box(&document), &Limits::default()).unwrap());
        let [events, parse] = [events, parse].map(|[median, fastest]| format!("{median:.2?}, {fastest:.2?}"));
        println!("{name:<48} {bytes:>5} {events:>19} {parse:>19}");
    }
}

fn read(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// The least that reading XML costs: bytes are checked to be UTF-8 and cut into events.
fn events(document: &[u8]) -> usize {
    let mut reader = Reader::from_str(str::from_utf8(black_box(document)).unwrap());
    let mut events = 0;
    while !matches!(black_box(reader.read_event()).unwrap(), Event::Eof) {
        events += 1;
    }
    events
}

/// The median and the fastest sample of one run, after a warm-up.
#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn measure<T>(run: impl Fn() -> T) -> [Duration; 2] {
    let sample = || {
        let begin = Instant::now();
        (0..RUNS).for_each(|_| drop(black_box(run())));
        begin.elapsed() / RUNS
    };
    let warm_up = (0..SAMPLES / 4).map(|_| sample()).max();
    black_box(warm_up);
    let mut samples: Vec<Duration> = (0..SAMPLES).map(|_| sample()).collect();
    samples.sort_unstable();
    [samples[SAMPLES / 2], samples[0]]
}

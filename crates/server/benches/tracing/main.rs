//! What tracing costs: the processor time of `reveille serve` for the same wakes, with every trace recorded and exported, and
//! with none: `cargo bench -p reveille --bench tracing`.
//!
//! Devices, WNS and the collector are in this process, so that they do not count. `WAKES` and `RUNS` in the environment
//! change how many wakes a run has, and how many runs there are of each kind.

#[path = "collector.rs"]
mod collector;
#[path = "load.rs"]
mod load;
#[path = "service.rs"]
mod service;

use std::{env, time::Duration};

use collector::Collector;
use load::Load;
use service::Service;

/// What one run cost.
struct Cost {
    cpu: Duration,
    spans: u64,
}

/// What tracing may cost, in percent of the processor time without.
const MOST: f64 = 15.0;

#[tokio::main]
async fn main() {
    // `cargo test --benches` and the like only want to know that it is there.
    if !env::args().any(|argument| argument == "--bench") {
        return;
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (wakes, runs) = (number("WAKES", 20_000), number("RUNS", 5));
    println!("{wakes} wakes a run; processor time of the service");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // In turns: whatever else the machine does meets both alike.
    for run in 1..=runs {
        let off = cost(wakes, None).await;
        let on = cost(wakes, Some(Collector::start().await)).await;
        println!(
            "run {run}: off {:.2} s, on {:.2} s ({} spans)",
            off.cpu.as_secs_f64(),
            on.cpu.as_secs_f64(),
            on.spans
        );
        assert!(on.spans >= wakes as u64, "the traces came");
        without.push(off.cpu);
        with.push(on.cpu);
    }
    let (off, on) = (median(without), median(with));
    let more = 100.0 * (on.as_secs_f64() / off.as_secs_f64() - 1.0);
    println!("median: off {:.2} s, on {:.2} s: {more:+.1} %", off.as_secs_f64(), on.as_secs_f64());
    assert!(more <= MOST, "tracing costs {more:.1} %: {MOST} % is the most that it may");
}

/// One run: a new service and new devices, and from then on the wakes.
async fn cost(wakes: usize, collector: Option<Collector>) -> Cost {
    let load = Load::prepare().await;
    let service = Service::start(&load.origin(), collector.as_ref().map(|collector| collector.url.as_str()));
    let load = load.enroll(&service, wakes).await;
    let before = service.cpu();
    load.wake(wakes).await;
    assert_eq!(service.spans_dropped(), 0, "spans that are not exported cost less");
    let cpu = service.end().await.saturating_sub(before);
    Cost { cpu, spans: collector.map_or(0, |collector| collector.spans()) }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

//! Hostile clients: each costs bounded time and memory, measured on a gateway in a process of its own, which serves a
//! device well during and after each of them.

mod attacked;
mod documents;
mod floods;
mod slow;
mod timing;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use self::attacked::Attacked;

/// What an attack may cost at most: timeouts are of a second, messages may take 16 MiB together. Room for a busy machine
/// and for buffers that grow by doubling; without limits the attacks take minutes, and 200 MB or more.
const LONGEST: Duration = Duration::from_secs(30);
const LARGEST_KIB: u64 = 96 * 1024;

/// Measures what attacks cost, and prints it as a table.
struct Ledger {
    attacked: Attacked,
}

impl Ledger {
    /// Runs an attack, which tells what came of it.
    async fn enter<F: Future<Output = String>>(&self, attack: &str, play: impl FnOnce(Attacked) -> F) {
        let attacked = self.attacked.clone();
        attacked.reset_peak();
        let before = attacked.memory();
        let started = now();
        let outcome = tokio::time::timeout(LONGEST, play(attacked.clone())).await;
        let took = now() - started;
        let after = attacked.memory();
        let (grew, peak) =
            (after.resident.saturating_sub(before.resident), after.peak.saturating_sub(before.resident));
        let outcome = outcome.unwrap_or_else(|_| panic!("{attack}: not over after {LONGEST:?}"));
        println!("| {attack} | {outcome} | {} ms | {grew} KiB | {peak} KiB |", took.as_millis());
        assert!(peak < LARGEST_KIB, "{attack}: the gateway grew by {peak} KiB");
        attacked.serves_a_device().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_cost_bounded_time_and_memory() {
    let attacked = Attacked::start().await;
    // What the first messages need is not the attackers' doing.
    attacked.serves_a_device().await;
    println!("\n| attack | outcome | time | grew | peak |\n|--------|---------|------|------|------|");
    let ledger = Ledger { attacked };
    ledger.enter("100,000 attributes", documents::attributes).await;
    ledger.enter("100,000 elements", documents::elements).await;
    ledger.enter("10,000 levels", documents::levels).await;
    ledger.enter("a billion laughs", documents::laughs).await;
    ledger.enter("20,000 commands", documents::commands).await;
    ledger.enter("1 GB announced", documents::announced).await;
    ledger.enter("1 GB in chunks", documents::chunked).await;
    ledger.enter("200 bodies of 1 MB at a time", documents::many_bodies).await;
    ledger.enter("10 MB of headers", floods::headers).await;
    ledger.enter("headers that never end, 100 times", slow::headers).await;
    ledger.enter("bodies that never end, 100 times", slow::bodies).await;
    ledger.enter("TLS handshakes that never end, 100 times", slow::handshakes).await;
    ledger.enter("500 connections that say nothing", slow::silent).await;
    ledger.enter("replies that nobody reads", slow::unread).await;
    ledger.enter("HTTP/2: 1,000 open streams", floods::streams).await;
    ledger.enter("HTTP/2: 20,000 streams, reset at once", floods::resets).await;
    ledger.enter("HTTP/2: a header of 200,000 frames", floods::continuations).await;
    ledger.enter("HTTP/2: 100,000 pings", floods::pings).await;
}

#[expect(clippy::disallowed_methods, reason = "what an attack costs is measured")]
fn now() -> Instant {
    Instant::now()
}

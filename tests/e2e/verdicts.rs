//! What WNS's answer means (DESIGN §5): every row of the table against the emulated WNS, with the verdict that it gets and
//! the state that it leaves behind.

mod fleet;
mod outage;
mod pushes;
mod state;
mod tokens;

use simulator::wns::{PushFault, RetryAfter, Script, TokenFault};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::field::Field;
use state::{Left, State};

const NAME: &str = "0123456789ABCDEF0123456789ABCDEF";

/// How many rows are tried at the same time.
const AT_ONCE: usize = 8;

/// A row of the table: what goes wrong, what the push is said to have met, and what that leaves behind.
struct Row {
    says: &'static str,
    fault: Fault,
    /// The verdict's name, and the HTTP status of WNS's answer; 0 if there was none.
    verdict: (&'static str, u32),
    left: Left,
}

/// Where it goes wrong.
enum Fault {
    Push(PushFault),
    Token(TokenFault),
}

/// A row about an answer to a push.
fn push(says: &'static str, fault: PushFault, verdict: (&'static str, u32), left: Left) -> Row {
    Row { says, fault: Fault::Push(fault), verdict, left }
}

/// A row about the token endpoint: nothing reaches WNS.
fn token(says: &'static str, fault: TokenFault, verdict: &'static str, left: Left) -> Row {
    Row { says, fault: Fault::Token(fault), verdict: (verdict, 0), left }
}

const SECONDS: Option<RetryAfter> = Some(RetryAfter::Seconds(120));
const DATE: Option<RetryAfter> = Some(RetryAfter::DateIn(120));

/// Tries every row on a field of its own, and prints the table.
async fn every(rows: impl IntoIterator<Item = Row>) {
    println!("| what happens | verdict | HTTP | what it leaves |\n|---|---|---|---|");
    let (mut tried, places) = (JoinSet::new(), std::sync::Arc::new(Semaphore::new(AT_ONCE)));
    for row in rows {
        let places = places.clone();
        tried.spawn(async move {
            let _place = places.acquire_owned().await.unwrap();
            row.check().await;
        });
    }
    while let Some(row) = tried.join_next().await {
        row.unwrap();
    }
}

impl Row {
    async fn check(self) {
        let Self { says, fault, verdict: (verdict, http), left } = self;
        let field = Field::with(state::patient).await;
        field.live(NAME).await;
        match fault {
            Fault::Push(fault) => field.wns.fail_pushes(Script::always(fault)),
            Fault::Token(fault) => field.wns.fail_tokens(Script::always(fault)),
        }
        let wake = field.wake(NAME).await;
        let found =
            field.until(&wake.id, |found| found.pushes.iter().any(|push| push.end_time.is_some())).await;
        let push = &found.pushes[0];
        let state = State::of(&field, &wake.id, push).await;
        let name = push.verdict().as_str_name().trim_start_matches("PUSH_VERDICT_");
        println!("| {says} | {name} | {} | {:?} |", push.http_status, state.left());
        assert_eq!(
            (name, push.http_status, state.left()),
            (verdict, http, left),
            "{says}: {push:?} {state:?}"
        );
        assert!(http == 0 || !push.debug_trace.is_empty(), "{says}: what Microsoft asks for is kept");
    }
}

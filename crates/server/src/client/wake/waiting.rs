//! What somebody sees who waits for a wake: one line that changes, on the standard error of a terminal.

use std::{io::Write, time::Duration};

use tokio::time::Instant;

use crate::{client::words::span, print::is_steerable};

/// Empties the line that the cursor is in.
const EMPTY_LINE: &str = "\r\u{1b}[2K";

/// The line, which goes away when this is dropped.
pub(super) struct Waiting {
    since: Instant,
    at_most: Duration,
    /// Whether there is somebody to see it.
    seen: bool,
}

impl Waiting {
    pub(super) fn begin(at_most: Duration) -> Self {
        Self { since: Instant::now(), at_most, seen: is_steerable(&std::io::stderr()) }
    }

    /// Says how it stands; `away`: the service does not answer.
    pub(super) fn tell(&self, pushes: usize, away: bool) {
        self.write(&text(self.since.elapsed(), self.at_most, pushes, away));
    }

    /// Makes room for another line.
    pub(super) fn clear(&self) {
        self.write("");
    }

    fn write(&self, text: &str) {
        if self.seen {
            // Nobody sees it any more: nothing is lost.
            let _ = write!(std::io::stderr().lock(), "{EMPTY_LINE}{text}");
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.clear();
    }
}

fn text(waited: Duration, at_most: Duration, pushes: usize, away: bool) -> String {
    let pushed = match pushes {
        0 => "no push yet".to_owned(),
        1 => "one push".to_owned(),
        more => format!("{more} pushes"),
    };
    let what = if away { "no answer; the wake goes on" } else { &pushed };
    format!("waiting for {}, at most {}: {what}", span(waited), span(at_most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_long_and_how_many() {
        let check = |pushes, away, expect| {
            assert_eq!(text(Duration::from_secs(12), Duration::from_mins(10), pushes, away), expect);
        };
        check(0, false, "waiting for 12 s, at most 10 min 0 s: no push yet");
        check(1, false, "waiting for 12 s, at most 10 min 0 s: one push");
        check(2, true, "waiting for 12 s, at most 10 min 0 s: no answer; the wake goes on");
    }
}

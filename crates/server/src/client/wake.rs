//! `wake`

use std::time::Duration;

use reveille_api::v1::{
    Expectation, GetWakeRequest, GetWakeResponse, Push, WakePriority, WakeRequest, WakeState,
};

use super::{Client, named, present, pushes::Told, status::is_away, view, words};
use crate::{
    cli::Wake,
    failure::{Failure, Outcome},
    print::{self, Page, Tone},
};

mod waiting;

use waiting::Waiting;

/// Between the first two looks at a wake; grows to [`LOOK_MAX`].
const LOOK: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_secs(1);
/// How long a service that is away is waited for. The wake itself goes on: it is durable.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run(client: &Client, command: Wake) -> Outcome {
    let (wait, json, deadline) = (command.wait, command.output.json, command.deadline);
    let asked = client.answered(client.wakes().wake(request(command)?).await)?;
    let wake = present(asked.wake)?;
    if !wait {
        if json {
            return print::json(&view::Wake::new(wake, asked.expectation, Vec::new()));
        }
        let expected = asked.expectation.as_ref().map_or_else(|| words::outcome(&wake), words::expectation);
        return print::line(format!("wake {}: {expected}", wake.id));
    }
    if !json {
        expect(&wake.id, asked.expectation.as_ref())?;
    }
    let mut told = Told::default();
    let waiting = Waiting::begin(deadline);
    let tell = |pushes: &[Push]| {
        let news = if json { Vec::new() } else { told.news(pushes) };
        if !news.is_empty() {
            waiting.clear();
        }
        news.into_iter().try_for_each(print::line)
    };
    let ended = until_ended(client, &wake.id, &waiting, tell).await;
    drop(waiting);
    let GetWakeResponse { wake, pushes, .. } = ended?;
    let wake = present(wake)?;
    let answered = wake.state() == WakeState::Answered;
    let outcome = words::outcome(&wake);
    if json {
        print::json(&view::Wake::new(wake, None, pushes))?;
    } else {
        tell_end(client, &wake, &outcome)?;
    }
    if answered { Ok(()) } else { Err(Failure::unanswered(words::sentence(&outcome, ""))) }
}

/// What became of it, in a sentence; what is a failure says so itself.
fn tell_end(client: &Client, wake: &reveille_api::v1::Wake, outcome: &str) -> Outcome {
    let mut page = Page::default();
    if wake.state() == WakeState::Answered {
        page.toned(Tone::Good, format!("The wake was {outcome}."));
    }
    if client.shows_traces() && !wake.trace_id.is_empty() {
        page.line(format!("trace {}", client.trace(&wake.trace_id)));
    }
    if page.is_empty() { Ok(()) } else { print::page(&page) }
}

fn request(command: Wake) -> Result<WakeRequest, Failure> {
    // Who waits is waited for.
    let interactive = command.interactive || (command.wait && !command.bulk);
    let priority = if interactive { WakePriority::Interactive } else { WakePriority::Bulk };
    let timeout = command.deadline.try_into();
    Ok(WakeRequest {
        device: Some(named(&command.device)),
        timeout: Some(timeout.map_err(|_| Failure::new("The --deadline is too long: 30d is the most."))?),
        priority: priority.into(),
        reason: command.reason,
        idempotency_key: command.idempotency_key,
        ..WakeRequest::default()
    })
}

fn expect(id: &str, expectation: Option<&Expectation>) -> Outcome {
    match expectation {
        Some(expectation) => print::line(format!("wake {id}: {}", words::expectation(expectation))),
        None => Ok(()),
    }
}

/// Looks at the wake until it has ended, and shows `tell` its pushes with each look. A service that is away for a moment
/// is waited for.
async fn until_ended(
    client: &Client,
    id: &str,
    waiting: &Waiting,
    mut tell: impl FnMut(&[Push]) -> Outcome,
) -> Result<GetWakeResponse, Failure> {
    let (mut pause, mut pushes) = (LOOK, 0);
    let mut last_answer = tokio::time::Instant::now();
    loop {
        let look = client.wakes().get_wake(GetWakeRequest { id: id.to_owned() }).await;
        let away = look.as_ref().is_err_and(is_away);
        if !away {
            last_answer = tokio::time::Instant::now();
            let shown = client.answered(look)?;
            tell(&shown.pushes)?;
            pushes = shown.pushes.len();
            if shown.wake.as_ref().is_none_or(|wake| wake.state() != WakeState::Live) {
                return Ok(shown);
            }
        } else if last_answer.elapsed() > PATIENCE {
            let failure = client.answered(look).err();
            let why = failure.map(|failure| failure.to_string()).unwrap_or_default();
            return Err(Failure::new(format!(
                "{why} The wake goes on: `reveille wakes show {id}` tells of it."
            )));
        }
        waiting.tell(pushes, away);
        tokio::time::sleep(pause).await;
        pause = LOOK_MAX.min(pause + pause / 4);
    }
}

//! `wakes …`

use reveille_api::v1::{
    CancelWakeRequest, GetWakeRequest, GetWakeResponse, ListWakesRequest, Push, Wake, WakeState,
};

use super::{Client, named, page_size, present, pushes, table::Table, tell_of_more, view, words};
use crate::{
    cli::{ListWakes, WakeCommand, WakeWord},
    failure::Outcome,
    print,
};

pub(crate) async fn run(client: &Client, command: WakeCommand) -> Outcome {
    match command {
        WakeCommand::List(list) => self::list(client, list).await,
        WakeCommand::Show { id, output } => {
            let shown = client.answered(client.wakes().get_wake(GetWakeRequest { id }).await)?;
            let GetWakeResponse { wake, expectation, pushes } = shown;
            let wake = present(wake)?;
            if output.json {
                return print::json(&view::Wake::new(wake, expectation, pushes));
            }
            let expected = expectation.as_ref().map(words::expectation);
            print::line(story(&wake, expected, &pushes))
        }
        WakeCommand::Watch(watch) => super::watch::run(client, watch).await,
        WakeCommand::Cancel { id } => {
            let answer = client.wakes().cancel_wake(CancelWakeRequest { id }).await;
            let wake = present(client.answered(answer)?.wake)?;
            print::line(format!("wake {} of {} is cancelled.", wake.id, wake.device_name))
        }
    }
}

async fn list(client: &Client, list: ListWakes) -> Outcome {
    let mut request = ListWakesRequest {
        device: list.device.as_deref().map(named),
        states: list.states.iter().map(|word| state(*word).into()).collect(),
        ..ListWakesRequest::default()
    };
    let mut wakes = Vec::new();
    loop {
        request.page_size = page_size(list.limit - wakes.len());
        let page = client.answered(client.wakes().list_wakes(request.clone()).await)?;
        wakes.extend(page.wakes);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || wakes.len() >= list.limit {
            break;
        }
    }
    tell_of_more(&request.page_token);
    if list.output.json {
        let views: Vec<_> = wakes.into_iter().map(|wake| view::Wake::new(wake, None, Vec::new())).collect();
        return print::json(&views);
    }
    print::line(rows(&wakes))
}

fn rows(wakes: &[Wake]) -> Table {
    let mut table = Table::new(["WAKE", "DEVICE", "ASKED", "STATE", "AFTER", "WHY", "REASON"]);
    for wake in wakes {
        let answer = wake.answer.as_ref();
        let after = answer.and_then(|answer| words::duration(answer.time_to_session)).map(words::span);
        let why = match answer {
            Some(answer) => words::word(answer.attribution().as_str_name(), "ATTRIBUTION_"),
            None => words::word(wake.end_reason().as_str_name(), "WAKE_END_REASON_"),
        };
        table.row([
            wake.id.clone(),
            wake.device_name.clone(),
            words::time(wake.ask_time),
            words::word(wake.state().as_str_name(), "WAKE_STATE_"),
            after.unwrap_or_default(),
            why,
            wake.reason.clone(),
        ]);
    }
    table
}

/// Everything about a wake, in lines.
fn story(wake: &Wake, expected: Option<String>, served_by: &[Push]) -> String {
    let mut lines = vec![format!("wake {} of {}", wake.id, wake.device_name)];
    lines.push(words::outcome(wake));
    lines.extend(expected);
    let priority = words::word(wake.priority().as_str_name(), "WAKE_PRIORITY_");
    let (asked, deadline) = (words::time(wake.ask_time), words::time(wake.deadline_time));
    lines.push(format!("asked {asked}, deadline {deadline}, {priority}"));
    if !wake.reason.is_empty() {
        lines.push(format!("reason: {}", wake.reason));
    }
    lines.extend(wake.labels.iter().map(|(key, value)| format!("label {key}={value}")));
    if !wake.trace_id.is_empty() {
        lines.push(format!("trace {}", wake.trace_id));
    }
    lines.push(String::new());
    lines.push(if served_by.is_empty() { "no pushes".into() } else { pushes::rows(served_by) });
    lines.join("\n")
}

fn state(word: WakeWord) -> WakeState {
    match word {
        WakeWord::Live => WakeState::Live,
        WakeWord::Answered => WakeState::Answered,
        WakeWord::Unanswered => WakeState::Unanswered,
        WakeWord::Cancelled => WakeState::Cancelled,
        WakeWord::Failed => WakeState::Failed,
    }
}

//! `wakes …`

use reveille_api::v1::{
    CancelWakeRequest, GetWakeRequest, GetWakeResponse, ListWakesRequest, Wake, WakeState,
};

use super::{
    Client,
    again::again,
    list::{Listing, list},
    named, present, pushes, view, words,
};
use crate::{
    cli::{ListWakes, Shown, WakeCommand, WakeWord},
    failure::{Failure, Outcome},
    print::{self, Cell, Page, Table, Tone},
};

pub(crate) async fn run(client: &Client, command: WakeCommand) -> Outcome {
    match command {
        WakeCommand::List(ListWakes { device, states, pages, shown }) => {
            let request = ListWakesRequest {
                device: device.as_deref().map(named),
                states: states.iter().map(|word| state(*word).into()).collect(),
                ..ListWakesRequest::default()
            };
            list(&Wakes { client, request }, &pages, &shown).await
        }
        WakeCommand::Show { id, shown } => show(client, &id, shown).await,
        WakeCommand::Watch(watch) => super::watch::run(client, watch).await,
        WakeCommand::Cancel { id } => {
            let answer = client.wakes().cancel_wake(CancelWakeRequest { id }).await;
            let wake = present(client.answered(answer)?.wake)?;
            print::line(format!("wake {} of {} is cancelled.", wake.id, wake.device_name))
        }
    }
}

async fn show(client: &Client, id: &str, shown: Shown) -> Outcome {
    let look = async || {
        let request = GetWakeRequest { id: id.to_owned() };
        client.answered(client.wakes().get_wake(request).await)
    };
    if let Some(every) = shown.watch {
        return again(every, async || story(client, look().await?)).await;
    }
    let found = look().await?;
    if shown.json {
        return print::json(&view::Wake::new(present(found.wake)?, found.expectation, found.pushes));
    }
    print::page(&story(client, found)?)
}

/// A list of wakes.
struct Wakes<'a> {
    client: &'a Client,
    request: ListWakesRequest,
}

impl Listing for Wakes<'_> {
    type Row = Wake;
    type View = view::Wake;
    const USUAL: usize = 100;

    async fn page(&self, page_size: i32, page_token: String) -> Result<(Vec<Wake>, String), Failure> {
        let request = ListWakesRequest { page_size, page_token, ..self.request.clone() };
        let page = self.client.answered(self.client.wakes().list_wakes(request).await)?;
        Ok((page.wakes, page.next_page_token))
    }

    fn headings() -> Table {
        Table::new(["WAKE", "DEVICE", "ASKED", "STATE", "AFTER", "WHY", "REASON"])
    }

    fn row(table: &mut Table, wake: &Wake) {
        let answer = wake.answer.as_ref();
        let after = answer.and_then(|answer| words::duration(answer.time_to_session)).map(words::span);
        let why = match answer {
            Some(answer) => words::word(answer.attribution().as_str_name(), "ATTRIBUTION_"),
            None => words::word(wake.end_reason().as_str_name(), "WAKE_END_REASON_"),
        };
        let state = words::word(wake.state().as_str_name(), "WAKE_STATE_");
        table.row([
            wake.id.clone().into(),
            wake.device_name.clone().into(),
            words::time(wake.ask_time).into(),
            Cell::from((state, words::wake_tone(wake.state()))),
            after.unwrap_or_default().into(),
            why.into(),
            wake.reason.clone().into(),
        ]);
    }

    fn view(wake: Wake) -> view::Wake {
        view::Wake::new(wake, None, Vec::new())
    }
}

/// Everything about a wake.
fn story(client: &Client, found: GetWakeResponse) -> Result<Page, Failure> {
    let GetWakeResponse { wake, expectation, pushes } = found;
    let wake = present(wake)?;
    let mut page = Page::default();
    page.toned(Tone::Strong, format!("wake {} of {}", wake.id, wake.device_name));
    page.toned(words::wake_tone(wake.state()), words::outcome(&wake));
    page.lines(expectation.as_ref().map(words::expectation));
    let priority = words::word(wake.priority().as_str_name(), "WAKE_PRIORITY_");
    let (asked, deadline) = (words::time(wake.ask_time), words::time(wake.deadline_time));
    page.line(format!("asked {asked}, deadline {deadline}, {priority}"));
    if !wake.reason.is_empty() {
        page.line(format!("reason: {}", wake.reason));
    }
    page.lines(wake.labels.iter().map(|(key, value)| format!("label {key}={value}")));
    if !wake.trace_id.is_empty() {
        page.line(format!("trace {}", client.trace(&wake.trace_id)));
    }
    page.line("");
    if pushes.is_empty() {
        page.line("no pushes");
    } else {
        pushes::tell(&mut page, &pushes);
    }
    Ok(page)
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

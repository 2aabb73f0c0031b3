//! `wakes watch`

use std::{ops::ControlFlow, time::Duration};

use reveille_api::v1::{
    Push, Wake, WakeEvent, WakeEventType, WakeFilter, WatchWakesRequest, watch_wakes_response::Kind,
};
use tonic::Status;

use super::{Client, named, status::is_away, view, words};
use crate::{
    cli::WatchWakes,
    failure::{Failure, Outcome},
    print::{self, Page, Tone},
};

/// Between two tries to reach a service that is away.
const PAUSE: Duration = Duration::from_secs(1);
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_mins(2);

/// Prints what happens until it is interrupted. A stream that breaks is taken up again where it was.
pub(crate) async fn run(client: &Client, watch: WatchWakes) -> Outcome {
    let json = watch.output.json;
    let mut request = request(watch);
    let mut heard = tokio::time::Instant::now();
    loop {
        let mut seen = request.after_seq;
        let ended = follow(client, &request, |seq, event| {
            (seen, heard) = (Some(seq), tokio::time::Instant::now());
            event.map_or(Ok(ControlFlow::Continue(())), |event| tell(seq, event, json))
        });
        let Some(status) = ended.await? else { return Ok(()) };
        request.after_seq = seen;
        if !is_away(&status) || heard.elapsed() > PATIENCE {
            let failure = client.answered::<()>(Err(status)).err();
            let why = failure.map(|failure| failure.to_string()).unwrap_or_default();
            let from = seen.map(|seq| format!(" It goes on with --after {seq}.")).unwrap_or_default();
            return Err(Failure::new(format!("{why}{from}")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn request(watch: WatchWakes) -> WatchWakesRequest {
    let filter = WakeFilter {
        wake_ids: watch.wakes,
        device: watch.device.as_deref().map(named),
        labels: watch.labels.into_iter().collect(),
        caller: watch.caller,
    };
    WatchWakesRequest { filter: Some(filter), after_seq: watch.after }
}

/// Follows one stream to its end, and says why it ended; none if nobody reads on.
async fn follow(
    client: &Client,
    request: &WatchWakesRequest,
    mut told: impl FnMut(i64, Option<WakeEvent>) -> Result<ControlFlow<()>, Failure>,
) -> Result<Option<Status>, Failure> {
    let mut events = match client.wakes().watch_wakes(request.clone()).await {
        Ok(events) => events.into_inner(),
        Err(status) => return Ok(Some(status)),
    };
    loop {
        match events.message().await {
            Ok(Some(response)) => {
                let event = match response.kind {
                    Some(Kind::Event(event)) => Some(event),
                    Some(Kind::Heartbeat(_)) | None => None,
                };
                if told(response.seq, event)?.is_break() {
                    return Ok(None);
                }
            }
            Ok(None) => return Ok(Some(Status::unavailable("the service ended the stream"))),
            Err(status) => return Ok(Some(status)),
        }
    }
}

fn tell(seq: i64, event: WakeEvent, json: bool) -> Result<ControlFlow<()>, Failure> {
    if json {
        print::one_json_of_many(&view::Event::new(seq, event))
    } else {
        let state = event.wake.as_ref().map(Wake::state).unwrap_or_default();
        let ended = event.r#type() == WakeEventType::Ended;
        let mut page = Page::default();
        page.toned(if ended { words::wake_tone(state) } else { Tone::Plain }, line(&event));
        print::one_page_of_many(&page)
    }
}

/// What happened, in a line.
fn line(event: &WakeEvent) -> String {
    let wake = event.wake.clone().unwrap_or_default();
    format!("{}  {}  {}  {}", words::time(event.time), wake.id, wake.device_name, what(event))
}

/// What happened, in words.
pub(crate) fn what(event: &WakeEvent) -> String {
    match event.r#type() {
        WakeEventType::Asked => "asked".to_owned(),
        WakeEventType::Pushed => format!("pushed: {}", event.push.as_ref().map(pushed).unwrap_or_default()),
        WakeEventType::Ended => words::outcome(&event.wake.clone().unwrap_or_default()),
        WakeEventType::Unspecified => "something that this program does not know".to_owned(),
    }
}

fn pushed(push: &Push) -> String {
    let verdict = words::word(push.verdict().as_str_name(), "PUSH_VERDICT_");
    let device = &push.device_connection_status;
    if device.is_empty() { verdict } else { format!("{verdict}, the device is {device}") }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use reveille_api::v1::{PushVerdict, WakeState};

    use super::*;

    fn check(event: WakeEvent, expect: &str) {
        let wake = event.wake.clone().unwrap_or_default();
        let wake = Wake { id: "W".into(), device_name: "D".into(), ..wake };
        let time = Some(Timestamp { seconds: 86_400, nanos: 5 });
        assert_eq!(line(&WakeEvent { wake: Some(wake), time, ..event }), expect);
    }

    #[test]
    fn an_event_is_a_line() {
        let of = |kind: WakeEventType| WakeEvent { r#type: kind.into(), ..WakeEvent::default() };
        check(of(WakeEventType::Asked), "1970-01-02T00:00:00Z  W  D  asked");
        let push = Push {
            verdict: PushVerdict::Sent.into(),
            device_connection_status: "connected".into(),
            ..Push::default()
        };
        let pushed = WakeEvent { push: Some(push), ..of(WakeEventType::Pushed) };
        check(pushed, "1970-01-02T00:00:00Z  W  D  pushed: sent, the device is connected");
        let wake = Some(Wake { state: WakeState::Cancelled.into(), ..Wake::default() });
        let ended = WakeEvent { wake, ..of(WakeEventType::Ended) };
        check(ended, "1970-01-02T00:00:00Z  W  D  cancelled");
    }
}

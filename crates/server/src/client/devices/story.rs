//! What `devices show` tells.

use reveille_api::v1::{
    Channel, ChannelRefusal, Device, DeviceInfo, PollSchedule, Polling, Session, SessionEnding,
    SessionOutcome,
};

use crate::{
    client::{Client, words},
    print::{Page, Table, Tone},
};

/// Everything about a device.
pub(super) fn story(client: &Client, device: &Device, sessions: &[Session]) -> Page {
    let mut page = Page::default();
    person(&mut page, device);
    page.line("");
    let channel = device.channel.clone().unwrap_or_default();
    let mut told = self::channel(&channel).into_iter();
    told.by_ref().take(1).for_each(|line| page.toned(words::channel_tone(channel.state()), line));
    page.lines(told);
    page.line("");
    page.lines(polling(device.polling.as_ref()));
    page.line("");
    let Some(newest) = sessions.first() else {
        page.line("no sessions yet");
        return page;
    };
    let mut rows = session_headings();
    for session in sessions {
        session_row(&mut rows, session);
    }
    page.table(rows);
    page.lines(last_outcomes(newest));
    if !newest.trace_id.is_empty() {
        page.line("");
        page.line(format!("trace of the newest session: {}", client.trace(&newest.trace_id)));
    }
    page
}

/// Who it is and when it was here.
fn person(page: &mut Page, device: &Device) {
    page.toned(Tone::Strong, format!("{} (id {})", device.name, device.id));
    let (provider, app) = (&device.provider_id, &device.push_app);
    page.line(format!("provider id {provider}, push app {app}, {}", identity(device)));
    if !device.external_id.is_empty() {
        page.line(format!("external id {}", device.external_id));
    }
    page.lines(device.labels.iter().map(|(key, value)| format!("label {key}={value}")));
    page.lines(device.info.as_ref().and_then(about));
    let created = words::time(device.create_time);
    page.line(match device.last_seen_time {
        Some(seen) => format!("created {created}, last seen {}", words::time(Some(seen))),
        None => format!("created {created}, never seen"),
    });
    if let Some(left) = device.unenroll_time {
        page.toned(Tone::Odd, format!("left management {}", words::time(Some(left))));
    }
    if let Some(refusal) = &device.last_refusal {
        let (when, why) = (words::time(refusal.time), refused(&refusal.reason));
        page.toned(Tone::Odd, format!("last refusal {when}: {why}"));
    }
    for hint in &device.hints {
        page.toned(Tone::Odd, format!("hint: {}", hint.text));
    }
}

/// How the device proves who it is.
pub(super) fn identity(device: &Device) -> String {
    let user = (!device.user.is_empty()).then(|| format!("user {}", device.user));
    let fingerprint = &device.certificate_fingerprint;
    let certificate = (!fingerprint.is_empty()).then(|| format!("certificate {fingerprint}"));
    let both: Vec<_> = user.into_iter().chain(certificate).collect();
    if both.is_empty() { "no credential".into() } else { both.join(" and ") }
}

/// What it said of itself.
fn about(info: &DeviceInfo) -> Option<String> {
    let large =
        info.large_objects.map(|takes| if takes { "takes large objects" } else { "no large objects" });
    let labelled = |label: &str, text: &str| (!text.is_empty()).then(|| format!("{label}{text}"));
    let made = format!("{} {}", info.manufacturer, info.model);
    let parts = [
        labelled("", made.trim()),
        labelled("Windows ", &info.os_version),
        labelled("language ", &info.language),
        labelled("client ", &info.dm_client_version),
        large.map(str::to_owned),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Why a message was refused, in words; what is not known is said as it came.
fn refused(reason: &str) -> &str {
    match reason {
        "dev_id" => "its DevInfo/DevId is not its name",
        "certificate" => "its certificate was presented for another device's name",
        "msg_id" => "its MsgID was out of order",
        "session_id" => "its SessionID was not acceptable",
        other => other,
    }
}

/// How it polls when nobody wakes it.
fn polling(polling: Option<&Polling>) -> Vec<String> {
    let Some(polling) = polling else {
        return vec!["polling unknown: it is read only where [push.poll] is configured".into()];
    };
    let schedule = |schedule: &PollSchedule| {
        let minutes = schedule.interval.map(|interval| interval.seconds / 60).unwrap_or_default();
        let every = if minutes % 60 == 0 { format!("{} h", minutes / 60) } else { format!("{minutes} min") };
        match schedule.count {
            0 => format!("every {every} without end"),
            count => format!("every {every}, {count} times"),
        }
    };
    let schedules: Vec<_> = polling.schedules.iter().map(schedule).collect();
    let when = if schedules.is_empty() { "by no schedule".into() } else { schedules.join(", then ") };
    let mut lines = vec![format!("polls {when} (read {})", words::time(polling.read_time))];
    for (is_so, what) in [
        (polling.poll_on_login, "  and at each login"),
        (polling.all_users_poll_on_first_login, "  and at each user's first login"),
    ] {
        lines.extend(is_so.then(|| what.to_owned()));
    }
    lines
}

/// What the newest session's commands came to, if not all of them went well. Nodes with the same answer share a line.
fn last_outcomes(session: &Session) -> Vec<String> {
    let failed = session.outcomes.iter().filter(|it| it.status.is_none_or(|status| status >= 300));
    let mut lines: Vec<(String, &str, usize)> = Vec::new();
    for outcome in failed {
        let answer = answer(outcome);
        match lines.iter_mut().find(|(said, ..)| *said == answer) {
            Some((.., nodes)) => *nodes += 1,
            None => lines.push((answer, &outcome.target, 1)),
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    let heading = [String::new(), "in the newest session, not all commands succeeded:".into()];
    let line = |(answer, target, nodes): (String, &str, usize)| match nodes {
        1 => format!("  {answer} {target}").trim_end().to_owned(),
        nodes => format!("  {answer} {target} and {} more", nodes - 1),
    };
    heading.into_iter().chain(lines.into_iter().map(line)).collect()
}

fn answer(outcome: &SessionOutcome) -> String {
    let error = match outcome.original_error.as_str() {
        "" => String::new(),
        code => format!(", original error {code}"),
    };
    let status = match outcome.status {
        Some(status) => format!("{status} {}", outcome.meaning),
        None => "no answer".into(),
    };
    format!("{}: {status}{error}:", outcome.command)
}

/// What happened to the channel, and what comes next.
fn channel(channel: &Channel) -> Vec<String> {
    let state = channel.state();
    let mut lines = vec![format!("channel {}: {}", words::channel_state(state), words::channel(state))];
    let mut say = |line: String| lines.push(format!("  {line}"));
    if channel.refusal() != ChannelRefusal::Unspecified {
        say(words::refusal(channel.refusal()).into());
    }
    if channel.write_refusal_code > 0 {
        say(format!("the device answered the write with Status {}", channel.write_refusal_code));
    }
    if channel.generation > 0 {
        let age =
            words::duration(channel.age).map(|age| format!(", {} old", words::span(age))).unwrap_or_default();
        let (number, seen) = (channel.generation, words::time(channel.first_seen_time));
        say(format!("generation {number} under push app {}, first seen {seen}{age}", channel.push_app));
    }
    if let Some(status) = channel.push_status {
        say(format!("Push/Status was last read as {status} ({})", push_status(status)));
    }
    for (what, time) in [
        ("dead since", channel.dead_time),
        ("WNS throttled it until", channel.gate_time),
        ("the PFN was last written", channel.last_reset_time),
        ("the PFN is written again from", channel.next_reset_time),
    ] {
        if time.is_some() {
            say(format!("{what} {}", words::time(time)));
        }
    }
    if channel.gated_until_session {
        say("WNS said that it belongs to another app: nothing is pushed before the next session".into());
    }
    lines
}

/// `Push/Status` in words (oma-dm.md §8.1).
fn push_status(status: i32) -> &'static str {
    match status {
        0 => "success",
        1 => "invalid PFN",
        2 => "MSA authentication failed",
        3 => "registration failed",
        4 => "not assigned yet",
        5 => "expired",
        6 => "could not be revoked",
        7 => "a push came, but no session could start",
        8 => "unknown, or not available",
        _ => "not documented",
    }
}

pub(super) fn session_headings() -> Table {
    Table::new(["SESSION", "SCOPE", "STARTED", "ENDED", "MESSAGES", "TRACE"])
}

pub(super) fn session_row(table: &mut Table, session: &Session) {
    let ended = match session.ending() {
        SessionEnding::Unspecified => "open".to_owned(),
        ending => words::word(ending.as_str_name(), "SESSION_ENDING_"),
    };
    table.row([
        session.id.clone(),
        words::word(session.scope().as_str_name(), "SESSION_SCOPE_"),
        words::time(session.start_time),
        ended,
        session.message_count.to_string(),
        session.trace_id.clone(),
    ]);
}

#[cfg(test)]
mod tests {
    use reveille_api::v1::{ChannelState, DeviceRefusal, SessionScope};

    use super::*;

    #[test]
    fn a_channel_tells_its_story() {
        let dead = Channel {
            state: ChannelState::Dead.into(),
            generation: 2,
            push_app: "main".into(),
            age: Some(prost_types::Duration { seconds: 180_000, nanos: 0 }),
            push_status: Some(5),
            ..Channel::default()
        };
        assert_eq!(
            channel(&dead),
            [
                "channel dead: its ChannelURI is gone; the next session resets it",
                "  generation 2 under push app main, first seen , 2 d 2 h old",
                "  Push/Status was last read as 5 (expired)",
            ]
        );
    }

    #[test]
    fn a_device_tells_what_it_said_and_how_it_proves_itself() {
        let device = Device { user: "u".into(), certificate_fingerprint: "ab".into(), ..Device::default() };
        assert_eq!(identity(&device), "user u and certificate ab");
        assert_eq!(identity(&Device::default()), "no credential");
        let info = DeviceInfo {
            manufacturer: "Contoso".into(),
            large_objects: Some(false),
            ..DeviceInfo::default()
        };
        assert_eq!(about(&info).unwrap(), "Contoso, no large objects");
        assert_eq!(about(&DeviceInfo::default()), None);
        let time = Some(prost_types::Timestamp { seconds: 60, nanos: 0 });
        let refusal = Some(DeviceRefusal { reason: "dev_id".into(), time });
        let mut told = Page::default();
        person(&mut told, &Device { last_refusal: refusal, ..Device::default() });
        let told = told.to_string();
        let says = "last refusal 1970-01-01T00:01:00Z: its DevInfo/DevId is not its name";
        assert!(told.contains(says), "{told}");
    }

    #[test]
    fn polling_is_said_in_words() {
        let set = |minutes: i64, count| PollSchedule {
            interval: Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 }),
            count,
        };
        let polls =
            Polling { schedules: vec![set(3, 5), set(480, 0)], poll_on_login: true, ..Polling::default() };
        assert_eq!(
            polling(Some(&polls)),
            ["polls every 3 min, 5 times, then every 8 h without end (read )", "  and at each login"]
        );
        assert_eq!(polling(Some(&Polling::default())), ["polls by no schedule (read )"]);
        assert!(polling(None)[0].starts_with("polling unknown"));
    }

    #[test]
    fn a_session_tells_whose_it_was() {
        let mut rows = session_headings();
        for scope in [SessionScope::Device, SessionScope::User] {
            session_row(&mut rows, &Session { id: "S".into(), scope: scope.into(), ..Session::default() });
        }
        let page = Page::from(rows).to_string();
        let columns: Vec<_> = page.lines().map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(columns, [Some("SCOPE"), Some("device"), Some("user")], "{page}");
    }

    #[test]
    fn only_what_went_wrong_is_told_of_a_session() {
        let outcome = |status, error: &str| SessionOutcome {
            command: "write".into(),
            target: "./x".into(),
            status,
            meaning: "not found".into(),
            original_error: error.into(),
        };
        let session = Session {
            outcomes: vec![
                outcome(Some(200), ""),
                outcome(None, ""),
                outcome(Some(404), "0x1"),
                outcome(None, ""),
            ],
            ..Session::default()
        };
        assert_eq!(
            last_outcomes(&session)[2..],
            ["  write: no answer: ./x and 1 more", "  write: 404 not found, original error 0x1: ./x"]
        );
        assert!(
            last_outcomes(&Session { outcomes: vec![outcome(Some(200), "")], ..Session::default() })
                .is_empty()
        );
    }
}

//! `devices …`

use std::io::BufRead;

use reveille_api::v1::{
    Channel, ChannelRefusal, CreateDeviceRequest, Credential, DeleteDeviceRequest, Device, DeviceInfo,
    EnrollmentState, GetDeviceRequest, ListDevicesRequest, Session, SessionEnding, credential::Secret,
};

use super::{Client, named, page_size, present, table::Table, tell_of_more, view, words};
use crate::{
    cli::{ChannelWord, CreateDevice, DeviceCommand, ListDevices},
    failure::{Failure, Outcome},
    password, print,
};

pub(crate) async fn run(client: &Client, command: DeviceCommand) -> Outcome {
    match command {
        DeviceCommand::Create(create) => self::create(client, create).await,
        DeviceCommand::List(list) => self::list(client, list).await,
        DeviceCommand::Show { name, output } => {
            let request = GetDeviceRequest { device: Some(named(&name)) };
            let shown = client.answered(client.devices().get_device(request).await)?;
            let device = present(shown.device)?;
            if output.json {
                return print::json(&view::Device::new(device, shown.recent_sessions));
            }
            print::line(story(&device, &shown.recent_sessions))
        }
        DeviceCommand::Delete { name } => {
            let request = DeleteDeviceRequest { device: Some(named(&name)), etag: String::new() };
            client.answered(client.devices().delete_device(request).await)?;
            print::line(format!("{name} is deleted."))
        }
    }
}

async fn create(client: &Client, create: CreateDevice) -> Outcome {
    let made = if create.password_stdin { None } else { Some(password::random()?) };
    let password = match &made {
        Some(password) => password.clone(),
        None => first_line(std::io::stdin().lock())?,
    };
    let request = CreateDeviceRequest {
        name: create.name,
        provider_id: create.provider_id,
        push_app: create.push_app,
        labels: create.labels.into_iter().collect(),
        external_id: create.external_id,
        credential: Some(Credential { user: create.user, secret: Some(Secret::Password(password)) }),
    };
    let device = present(client.answered(client.devices().create_device(request).await)?.device)?;
    if let (true, Some(password)) = (create.output.json, &made) {
        #[derive(serde::Serialize)]
        struct Created<'a> {
            device: view::Device,
            password: &'a str,
        }
        return print::json(&Created { device: view::Device::new(device, Vec::new()), password });
    }
    if create.output.json {
        return print::json(&view::Device::new(device, Vec::new()));
    }
    print::line(format!(
        "{} is created, with user {} and push app {}.",
        device.name, device.user, device.push_app
    ))?;
    match made {
        Some(password) => print::line(format!(
            "Its password is {password}\nIt is shown only now, and cannot be read again."
        )),
        None => Ok(()),
    }
}

/// A password from standard input: one line, without its end.
fn first_line(mut input: impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("The password cannot be read: {error}.")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::new(
            "There is no password on standard input: its first line must be the password.",
        ));
    }
    Ok(password.to_owned())
}

async fn list(client: &Client, list: ListDevices) -> Outcome {
    let mut request = ListDevicesRequest {
        channel_states: list.channels.iter().map(|word| channel_state(*word).into()).collect(),
        push_app: list.push_app,
        labels: list.labels.into_iter().collect(),
        silent_for: list.silent_for.and_then(|span| span.try_into().ok()),
        ..ListDevicesRequest::default()
    };
    let mut devices = Vec::new();
    loop {
        request.page_size = page_size(list.limit - devices.len());
        let page = client.answered(client.devices().list_devices(request.clone()).await)?;
        devices.extend(page.devices);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || devices.len() >= list.limit {
            break;
        }
    }
    tell_of_more(&request.page_token);
    if list.output.json {
        let views: Vec<_> = devices.into_iter().map(|device| view::Device::new(device, Vec::new())).collect();
        return print::json(&views);
    }
    print::line(rows(&devices))
}

fn rows(devices: &[Device]) -> Table {
    let mut table = Table::new(["NAME", "CHANNEL", "PUSH APP", "LAST SEEN", "EXTERNAL ID", "LABELS"]);
    for device in devices {
        let labels: Vec<_> = device.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let state = match device.enrollment_state() {
            EnrollmentState::Unenrolled => "unenrolled".to_owned(),
            _ => words::channel_state(device.channel.as_ref().map(Channel::state).unwrap_or_default()),
        };
        table.row([
            device.name.clone(),
            state,
            device.push_app.clone(),
            words::time(device.last_seen_time),
            device.external_id.clone(),
            labels.join(" "),
        ]);
    }
    table
}

/// Everything about a device, in lines.
fn story(device: &Device, sessions: &[Session]) -> String {
    let mut lines = vec![format!("{} (id {})", device.name, device.id)];
    lines.push(format!(
        "provider id {}, push app {}, user {}",
        device.provider_id, device.push_app, device.user
    ));
    if !device.external_id.is_empty() {
        lines.push(format!("external id {}", device.external_id));
    }
    lines.extend(device.labels.iter().map(|(key, value)| format!("label {key}={value}")));
    if let Some(info) = device.info.as_ref().filter(|info| **info != DeviceInfo::default()) {
        lines.push(
            format!("{} {}, Windows {}", info.manufacturer, info.model, info.os_version).trim().to_owned(),
        );
    }
    lines.push(match device.last_seen_time {
        Some(seen) => {
            format!("created {}, last seen {}", words::time(device.create_time), words::time(Some(seen)))
        }
        None => format!("created {}, never seen", words::time(device.create_time)),
    });
    if let Some(left) = device.unenroll_time {
        lines.push(format!("left management {}", words::time(Some(left))));
    }
    lines.push(String::new());
    lines.extend(channel(&device.channel.clone().unwrap_or_default()));
    lines.push(String::new());
    lines.push(if sessions.is_empty() {
        "no sessions yet".into()
    } else {
        session_rows(sessions).to_string()
    });
    lines.join("\n")
}

/// What happened to the channel, and what comes next.
fn channel(channel: &Channel) -> Vec<String> {
    let state = channel.state();
    let mut lines = vec![format!("channel {}: {}", words::channel_state(state), words::channel(state))];
    let mut say = |line: String| lines.push(format!("  {line}"));
    if channel.refusal() != ChannelRefusal::Unspecified {
        say(words::refusal(channel.refusal()).into());
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

fn session_rows(sessions: &[Session]) -> Table {
    let mut table = Table::new(["SESSION", "STARTED", "ENDED", "MESSAGES", "TRACE"]);
    for session in sessions {
        let ended = match session.ending() {
            SessionEnding::Unspecified => "open".to_owned(),
            ending => words::word(ending.as_str_name(), "SESSION_ENDING_"),
        };
        let started = words::time(session.start_time);
        table.row([
            session.id.clone(),
            started,
            ended,
            session.message_count.to_string(),
            session.trace_id.clone(),
        ]);
    }
    table
}

fn channel_state(word: ChannelWord) -> reveille_api::v1::ChannelState {
    use reveille_api::v1::ChannelState as State;
    match word {
        ChannelWord::Unset => State::Unset,
        ChannelWord::Moving => State::Moving,
        ChannelWord::Pending => State::Pending,
        ChannelWord::Live => State::Live,
        ChannelWord::Stale => State::Stale,
        ChannelWord::Dead => State::Dead,
        ChannelWord::Refused => State::Refused,
    }
}

#[cfg(test)]
mod tests {
    use reveille_api::v1::ChannelState;

    use super::*;

    #[test]
    fn a_password_is_one_line() {
        assert_eq!(first_line("pass word \r\nnext".as_bytes()).unwrap(), "pass word ");
        assert!(first_line("\n".as_bytes()).is_err());
        assert!(first_line(&b""[..]).is_err());
    }

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
}

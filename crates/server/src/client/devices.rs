//! `devices …`

use std::io::BufRead;

use reveille_api::v1::{
    Channel, CreateDeviceRequest, Credential, DeleteDeviceRequest, Device, EnrollmentState, GetDeviceRequest,
    ListDevicesRequest, ListSessionsRequest, ResetChannelRequest, credential::Secret,
};

use super::{Client, named, page_size, present, table::Table, tell_of_more, view, words};
use crate::{
    cli::{ChannelWord, CreateDevice, DeviceCommand, ListDevices, Output},
    failure::{Failure, Outcome},
    password, print,
};

mod story;

use story::story;

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
        DeviceCommand::Sessions { name, limit, output } => sessions(client, &name, limit, output).await,
        DeviceCommand::ResetChannel { name } => {
            let request = ResetChannelRequest { device: Some(named(&name)) };
            client.answered(client.devices().reset_channel(request).await)?;
            print::line(format!("The next session of {name} sets its channel up anew."))
        }
        DeviceCommand::Delete { name } => {
            let request = DeleteDeviceRequest { device: Some(named(&name)), etag: String::new() };
            client.answered(client.devices().delete_device(request).await)?;
            print::line(format!("{name} is deleted."))
        }
    }
}

async fn create(client: &Client, create: CreateDevice) -> Outcome {
    let (credential, made) = match create.user {
        None => (None, None),
        Some(user) => {
            let made = if create.password_stdin { None } else { Some(password::random()?) };
            let password = match &made {
                Some(password) => password.clone(),
                None => first_line(std::io::stdin().lock())?,
            };
            (Some(Credential { user, secret: Some(Secret::Password(password)) }), made)
        }
    };
    let request = CreateDeviceRequest {
        name: create.name,
        provider_id: create.provider_id,
        push_app: create.push_app,
        labels: create.labels.into_iter().collect(),
        external_id: create.external_id,
        credential,
        certificate_fingerprint: create.certificate_fingerprint.map(|it| it.to_string()).unwrap_or_default(),
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
        "{} is created, with {} and push app {}.",
        device.name,
        story::identity(&device),
        device.push_app
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

async fn sessions(client: &Client, name: &str, limit: usize, output: Output) -> Outcome {
    let mut request = ListSessionsRequest { device: Some(named(name)), ..ListSessionsRequest::default() };
    let mut sessions = Vec::new();
    loop {
        request.page_size = page_size(limit - sessions.len());
        let page = client.answered(client.devices().list_sessions(request.clone()).await)?;
        sessions.extend(page.sessions);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || sessions.len() >= limit {
            break;
        }
    }
    tell_of_more(&request.page_token);
    if output.json {
        return print::json(&sessions.into_iter().map(view::Session::from).collect::<Vec<_>>());
    }
    print::line(story::session_rows(&sessions))
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
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        assert_eq!(first_line("pass word \r\nnext".as_bytes()).unwrap(), "pass word ");
        assert!(first_line("\n".as_bytes()).is_err());
        assert!(first_line(&b""[..]).is_err());
    }
}

//! `devices …`

use std::io::BufRead;

use reveille_api::v1::{
    Channel, CreateDeviceRequest, Credential, DeleteDeviceRequest, Device, EnrollmentState, GetDeviceRequest,
    ListDevicesRequest, ListSessionsRequest, ResetChannelRequest, Session, credential::Secret,
};

use super::{
    Client,
    again::again,
    list::{Listing, list},
    named, present, view, words,
};
use crate::{
    cli::{ChannelWord, CreateDevice, DeviceCommand, ListDevices, Shown},
    failure::{Failure, Outcome},
    password,
    print::{self, Cell, Table, Tone},
};

mod import;
mod story;
mod update;

use story::story;

pub(crate) async fn run(client: &Client, command: DeviceCommand) -> Outcome {
    match command {
        DeviceCommand::Create(create) => self::create(client, create).await,
        DeviceCommand::List(list) => devices(client, list).await,
        DeviceCommand::Show { name, shown } => show(client, &name, shown).await,
        DeviceCommand::Update(update) => self::update::run(client, update).await,
        DeviceCommand::Import(import) => self::import::run(client, import).await,
        DeviceCommand::Sessions { name, pages, shown } => {
            let request = ListSessionsRequest { device: Some(named(&name)), ..Default::default() };
            list(&Sessions { client, request }, &pages, &shown).await
        }
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
            let (credential, made) = new_credential(user, create.password_stdin)?;
            (Some(credential), made)
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
    if create.output.json {
        return changed_json(device, made);
    }
    print::line(format!(
        "{} is created, with {} and push app {}.",
        device.name,
        story::identity(&device),
        device.push_app
    ))?;
    tell_password(made)
}

/// A credential with a password from standard input, or with one that is made here: that is the second value.
fn new_credential(user: String, from_stdin: bool) -> Result<(Credential, Option<String>), Failure> {
    let made = if from_stdin { None } else { Some(password::random()?) };
    let password = match &made {
        Some(password) => password.clone(),
        None => first_line(std::io::stdin().lock())?,
    };
    Ok((Credential { user, secret: Some(Secret::Password(password)) }, made))
}

/// The device as JSON, with the password that was made for it.
fn changed_json(device: Device, made: Option<String>) -> Outcome {
    #[derive(serde::Serialize)]
    struct Changed {
        #[serde(flatten)]
        device: view::Device,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<String>,
    }
    print::json(&Changed { device: view::Device::new(device, Vec::new()), password: made })
}

fn tell_password(made: Option<String>) -> Outcome {
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

async fn show(client: &Client, name: &str, shown: Shown) -> Outcome {
    let look = async || {
        let request = GetDeviceRequest { device: Some(named(name)) };
        let found = client.answered(client.devices().get_device(request).await)?;
        Ok::<_, Failure>((present(found.device)?, found.recent_sessions))
    };
    if let Some(every) = shown.watch {
        return again(every, async || {
            let (device, sessions) = look().await?;
            Ok(story(client, &device, &sessions))
        })
        .await;
    }
    let (device, sessions) = look().await?;
    if shown.json {
        return print::json(&view::Device::new(device, sessions));
    }
    print::page(&story(client, &device, &sessions))
}

async fn devices(client: &Client, command: ListDevices) -> Outcome {
    let request = ListDevicesRequest {
        channel_states: command.channels.iter().map(|word| channel_state(*word).into()).collect(),
        push_app: command.push_app,
        labels: command.labels.into_iter().collect(),
        silent_for: command.silent_for.and_then(|span| span.try_into().ok()),
        ..ListDevicesRequest::default()
    };
    list(&Devices { client, request }, &command.pages, &command.shown).await
}

/// A list of devices.
struct Devices<'a> {
    client: &'a Client,
    request: ListDevicesRequest,
}

impl Listing for Devices<'_> {
    type Row = Device;
    type View = view::Device;
    const USUAL: usize = 100;

    async fn page(&self, page_size: i32, page_token: String) -> Result<(Vec<Device>, String), Failure> {
        let request = ListDevicesRequest { page_size, page_token, ..self.request.clone() };
        let page = self.client.answered(self.client.devices().list_devices(request).await)?;
        Ok((page.devices, page.next_page_token))
    }

    fn headings() -> Table {
        Table::new(["NAME", "CHANNEL", "PUSH APP", "LAST SEEN", "EXTERNAL ID", "LABELS"])
    }

    fn row(table: &mut Table, device: &Device) {
        let labels: Vec<_> = device.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let channel = device.channel.as_ref().map(Channel::state).unwrap_or_default();
        let state = match device.enrollment_state() {
            EnrollmentState::Unenrolled => ("unenrolled".to_owned(), Tone::Odd),
            _ => (words::channel_state(channel), words::channel_tone(channel)),
        };
        table.row([
            device.name.clone().into(),
            Cell::from(state),
            device.push_app.clone().into(),
            words::time(device.last_seen_time).into(),
            device.external_id.clone().into(),
            labels.join(" ").into(),
        ]);
    }

    fn view(device: Device) -> view::Device {
        view::Device::new(device, Vec::new())
    }
}

/// A list of a device's sessions.
struct Sessions<'a> {
    client: &'a Client,
    request: ListSessionsRequest,
}

impl Listing for Sessions<'_> {
    type Row = Session;
    type View = view::Session;
    const USUAL: usize = 20;

    async fn page(&self, page_size: i32, page_token: String) -> Result<(Vec<Session>, String), Failure> {
        let request = ListSessionsRequest { page_size, page_token, ..self.request.clone() };
        let page = self.client.answered(self.client.devices().list_sessions(request).await)?;
        Ok((page.sessions, page.next_page_token))
    }

    fn headings() -> Table {
        story::session_headings()
    }

    fn row(table: &mut Table, session: &Session) {
        story::session_row(table, session);
    }

    fn view(session: Session) -> view::Session {
        session.into()
    }
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

//! `simulate …`

use std::{sync::Arc, time::Duration};

use reveille_api::v1::{CreateDeviceRequest, Credential, credential::Secret};
use secrecy::ExposeSecret;
use simulator::{
    device::{Identity, Profile},
    fleet::{Fleet, FleetHandle, FleetSettings},
    wns::{App, EmulatedWns, Handle, Settings},
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::{
    cli::{SimulateCommand, SimulateFleet, SimulateWns},
    client::Client,
    failure::{Failure, Outcome},
    password, print,
};

mod quarter;

/// How often the progress is told, if there is any.
const TELL: Duration = Duration::from_secs(1);
/// How many devices are created at the same time.
const CREATING: usize = 16;

/// Runs until `shutdown`.
pub(crate) async fn run(command: SimulateCommand, shutdown: CancellationToken) -> Outcome {
    match command {
        SimulateCommand::Wns(wns) => self::wns(wns, shutdown).await,
        SimulateCommand::Fleet(fleet) => self::fleet(*fleet, shutdown).await,
        SimulateCommand::Quarter(quarter) => self::quarter::run(quarter, shutdown).await,
    }
}

async fn wns(command: SimulateWns, shutdown: CancellationToken) -> Outcome {
    let example = command.apps.is_empty();
    let given = command.apps.into_iter().map(|app| App {
        pfn: app.pfn,
        sid: app.sid,
        secret: app.secret,
        entra: None,
    });
    let apps: Vec<App> = if example { vec![App::example()] } else { given.collect() };
    let settings = Settings { apps: apps.clone(), ..Settings::default() };
    let bound = EmulatedWns::bind(command.listen, settings).await;
    let emulator = bound.map_err(|error| {
        Failure::new(format!(
            "{} cannot be listened at: {error}. Choose another address with --listen.",
            command.listen
        ))
    })?;
    print::line(format!("The emulated WNS listens at {}", emulator.origin()))?;
    print::line(format!("push.extra_channel_origins = [\"{}\"]", emulator.origin()))?;
    for app in &apps {
        print::line(format!("\n[[push_app]]\npfn = \"{}\"\nsid = \"{}\"", app.pfn, app.sid))?;
        print::line(format!("token_url = \"{}\"", emulator.token_url()))?;
        if example {
            // A constant of this program, and no secret.
            print::line(format!("# its secret is {}", app.secret.expose_secret()))?;
        }
    }
    let telling = tokio::spawn(tell_pushes(emulator.handle(), shutdown.clone()));
    emulator.serve(shutdown).await;
    finished(telling.await)
}

async fn tell_pushes(handle: Handle, shutdown: CancellationToken) {
    let mut told = handle.counters();
    let mut ticks = tokio::time::interval(TELL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        let now = handle.counters();
        if now != told {
            eprintln!(
                "channels given out: {}; tokens: {}; pushes: {} accepted, {} of them delivered; {} dropped, {} refused",
                now.registrations, now.tokens_issued, now.accepted, now.delivered, now.dropped, now.refused
            );
            told = now;
        }
    }
}

async fn fleet(command: SimulateFleet, shutdown: CancellationToken) -> Outcome {
    let devices = identities(&command)?;
    if let Some(server) = &command.server {
        let client = Client::to(server).await?;
        let creating = create(&client, &command, &devices);
        match shutdown.run_until_cancelled(creating).await {
            Some(created) => created?,
            None => return Ok(()),
        }
        eprintln!("{} devices are created at {server}.", devices.len());
    }
    let settings = FleetSettings {
        profile: Profile::new(&command.provider_id),
        poll: command.poll,
        start_within: command.start_within,
        concurrency: command.concurrency,
        ..FleetSettings::new(command.gateway, command.wns, &command.provider_id, devices)
    };
    let fleet =
        Fleet::new(settings).map_err(|error| Failure::new(format!("The fleet cannot start: {error}.")))?;
    let telling = tokio::spawn(tell_sessions(fleet.handle(), shutdown.clone()));
    fleet.run(shutdown).await;
    finished(telling.await)
}

async fn tell_sessions(handle: FleetHandle, shutdown: CancellationToken) {
    use simulator::fleet::FleetEvent;
    let mut events = handle.events();
    let mut trouble = None;
    let mut told = handle.stats();
    let mut ticks = tokio::time::interval(TELL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        // The last one tells enough; a line for each would flood the terminal.
        while let Some(event) = next(&mut events) {
            if let FleetEvent::Failed { device, error } = event {
                trouble = Some(format!("{device}: {error}"));
            }
        }
        let now = handle.stats();
        if now != told {
            eprintln!(
                "sessions: {} completed, {} of them woken by a push; {} ended otherwise, {} failed",
                now.completed, now.woken, now.unfinished, now.failed
            );
            told = now;
        }
        if let Some(last) = trouble.take() {
            eprintln!("the last failure: {last}");
        }
    }
}

/// The next event, if there is one; those that were missed are left out.
fn next<T: Clone>(events: &mut tokio::sync::broadcast::Receiver<T>) -> Option<T> {
    use tokio::sync::broadcast::error::TryRecvError;
    loop {
        match events.try_recv() {
            Ok(event) => return Some(event),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
        }
    }
}

/// Who the devices are. Their passwords are random if they are created here.
fn identities(command: &SimulateFleet) -> Result<Vec<Identity>, Failure> {
    let shared = command.password.as_ref().map(|variable| {
        std::env::var(variable).map_err(|_| {
            Failure::new(format!("The environment variable {variable} (--password) is not set."))
        })
    });
    let shared = shared.transpose()?;
    (1..=command.devices)
        .map(|number| {
            let name = format!("{}{number:08}", command.prefix);
            let password = shared.clone().map_or_else(password::random, Ok)?;
            Ok(Identity::new(&name, &name, &password))
        })
        .collect()
}

/// Creates the devices, a few at a time.
async fn create(client: &Client, command: &SimulateFleet, devices: &[Identity]) -> Outcome {
    let template = Arc::new(CreateDeviceRequest {
        provider_id: command.provider_id.clone(),
        push_app: command.push_app.clone(),
        ..CreateDeviceRequest::default()
    });
    let mut running = JoinSet::new();
    for identity in devices {
        if running.len() >= CREATING
            && let Some(created) = running.join_next().await
        {
            finished(created)??;
        }
        running.spawn(create_one(client.clone(), identity.clone(), template.clone()));
    }
    while let Some(created) = running.join_next().await {
        finished(created)??;
    }
    Ok(())
}

async fn create_one(client: Client, identity: Identity, template: Arc<CreateDeviceRequest>) -> Outcome {
    let secret = Secret::Password(identity.password.expose_secret().to_owned());
    let request = CreateDeviceRequest {
        name: identity.name.clone(),
        credential: Some(Credential { user: identity.user, secret: Some(secret) }),
        ..CreateDeviceRequest::clone(&template)
    };
    let answer = client.devices().create_device(request).await;
    if matches!(&answer, Err(status) if status.code() == Code::AlreadyExists) {
        return Err(Failure::new(format!(
            "There is a device of the name {} already: choose other names with --prefix, or delete it.",
            identity.name
        )));
    }
    client.answered(answer).map(drop)
}

fn finished<T>(task: Result<T, tokio::task::JoinError>) -> Result<T, Failure> {
    task.map_err(|error| Failure::new(format!("A part of the simulation broke off: {error}.")))
}

//! What each subcommand does.

use clap::CommandFactory;
use tokio_util::sync::CancellationToken;

use crate::{
    check,
    cli::{Cli, Command, ConfigCommand, ConfigFile},
    client::{self, Client},
    config::{self, Config},
    failure::{Failure, Outcome},
    migrate, print, ready, serve, simulate,
};

/// Runs one subcommand to its end.
pub(crate) async fn run(command: Command) -> Outcome {
    match command {
        Command::Serve(config) => Box::pin(serve::serve(load(&config)?, config.file, until_told()?)).await,
        Command::Demo(demo) => Box::pin(serve::play(demo, until_told()?.shutdown)).await,
        Command::Migrate { command, config } => migrate::run(&load(&config)?, command).await,
        Command::Check(config) => check::run(&load(&config)?).await,
        Command::Ready(ready) => ready::run(ready.admin).await,
        Command::Config { command, config } => self::config(command, &config),
        Command::Devices { command, server } => {
            client::devices::run(&Client::connect(&server).await?, command).await
        }
        Command::Wake(command) => client::wake::run(&Client::connect(&command.server).await?, command).await,
        Command::Wakes { command, server } => {
            client::wakes::run(&Client::connect(&server).await?, command).await
        }
        Command::PushApps { command, server } => {
            client::push_apps::run(&Client::connect(&server).await?, command).await
        }
        Command::Completions { shell } => completions(shell),
        Command::Simulate { command } => simulate::run(command, until_told()?.shutdown).await,
    }
}

fn config(command: ConfigCommand, file: &ConfigFile) -> Outcome {
    match command {
        ConfigCommand::Default => print::line(config::DEFAULT.trim_end()),
        ConfigCommand::Show => print::line(load(file)?.effective.to_string().trim_end()),
        ConfigCommand::Check => {
            for warning in load(file)?.warnings() {
                print::line(format!("Note: {warning}"))?;
            }
            print::line("The configuration has no mistakes.")
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reveille", &mut script);
    print::text(&String::from_utf8_lossy(&script)).map(drop)
}

fn load(config: &ConfigFile) -> Result<Config, Failure> {
    Config::load(config.file.as_deref()).map_err(|mistakes| Failure::mistakes(&mistakes))
}

/// How the process is told to stop.
pub(crate) struct Told {
    /// Cancelled by Ctrl-C or SIGTERM.
    pub(crate) shutdown: CancellationToken,
    /// Cancelled by the second of them: whoever sends it does not want to wait.
    pub(crate) hurry: CancellationToken,
}

fn until_told() -> Result<Told, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|error| Failure::new(format!("Signals cannot be received: {error}.")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let told = Told { shutdown: CancellationToken::new(), hurry: CancellationToken::new() };
    let steps = [told.shutdown.clone(), told.hurry.clone()];
    tokio::spawn(async move {
        for step in steps {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            step.cancel();
        }
    });
    Ok(told)
}

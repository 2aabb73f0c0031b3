//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

mod client;
mod devices;
mod simulate;

pub(crate) use client::{
    ChannelWord, CreateDevice, DEFAULT_SERVER, DeviceCommand, ListDevices, ListWakes, Output, Pages,
    PushAppCommand, Server, Shown, Wake, WakeCommand, WakeWord, WatchWakes,
};
pub(crate) use devices::{ImportDevices, ImportFormat, UpdateDevice};
pub(crate) use simulate::{SimulateCommand, SimulateFleet, SimulateQuarter, SimulateWns};

/// Wakes Windows devices into management sessions.
///
/// `reveille demo` shows everything in one process, with nothing to configure. `reveille serve` is the service; the
/// commands `devices`, `wake`, `wakes` and `push-apps` talk to it.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_help_subcommand = true,
    after_long_help = "Exit status: 0 done, 1 failed, 2 wrong command line, 3 the wake was not answered (wake --wait, \
                       demo --exit), 64 mistakes in the configuration."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service: the gateway for devices and the gRPC service.
    #[command(
        after_help = "Ends with SIGTERM or Ctrl-C: after a notice (service.notice), which a second signal cuts \
                            short, and when open requests and pushes have ended."
    )]
    Serve(ConfigFile),
    /// See it work: everything in one process, with simulated devices and an emulated WNS.
    #[command(after_help = "Example: reveille demo --devices 50 --wakes 200 --exit")]
    Demo(Demo),
    /// Bring the database's schema up to date, take back a change, or show which changes it has.
    Migrate {
        #[command(subcommand)]
        command: MigrateCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Print or check the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Try what the configuration names: the database, its key, the listeners, and the WNS credentials of each push app.
    ///
    /// Says what works and what does not, and what to do about it. Nothing is changed, and no push is sent.
    #[command(
        after_help = "Exit status: 0 nothing is broken, 1 something is, 64 mistakes in the configuration."
    )]
    Check(ConfigFile),
    /// Ask a running service whether it is ready, and what is not as it should be.
    #[command(after_help = "Exit status: 0 it is ready, 1 it is not, or does not answer.")]
    Ready(Ready),
    /// Create, import, list, show, change, reset and delete devices, and see their sessions.
    Devices {
        #[command(subcommand)]
        command: DeviceCommand,
        #[command(flatten)]
        server: Server,
    },
    /// Ask that a device open a session.
    Wake(Wake),
    /// List, show, watch and cancel wakes.
    Wakes {
        #[command(subcommand)]
        command: WakeCommand,
        #[command(flatten)]
        server: Server,
    },
    /// List, show, pause and resume push apps.
    PushApps {
        #[command(subcommand)]
        command: PushAppCommand,
        #[command(flatten)]
        server: Server,
    },
    /// Print what makes a shell complete this command line.
    #[command(after_help = "Examples:
  reveille completions bash > /etc/bash_completion.d/reveille
  reveille completions fish > ~/.config/fish/completions/reveille.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Run an emulated WNS, or simulated devices.
    Simulate {
        #[command(subcommand)]
        command: SimulateCommand,
    },
}

/// Which configuration.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// The configuration file [default: reveille.toml in the working directory, if it is there]
    #[arg(long = "config", value_name = "FILE", global = true)]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Ready {
    /// Where its admin listener is
    #[arg(long, value_name = "ADDRESS", env = "REVEILLE__ADMIN__LISTEN", default_value = "127.0.0.1:9090")]
    pub(crate) admin: SocketAddr,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Demo {
    /// How many devices are simulated
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = at_least_one())]
    pub(crate) devices: usize,
    /// How many wakes are asked for [default: one now and then; with --exit one for each device]
    #[arg(long, value_name = "M")]
    pub(crate) wakes: Option<usize>,
    /// End when the last wake has ended, with status 0 if every wake was answered and 3 if not
    #[arg(long)]
    pub(crate) exit: bool,
    /// Print lines also in a terminal, where otherwise a table shows what happens
    #[arg(long)]
    pub(crate) plain: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Where gRPC listens; any free port if this one is taken
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:50051")]
    pub(crate) listen: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Add the changes that the database lacks
    Up,
    /// Take back the newest change; data that only it knew is lost
    Down,
    /// Show which changes the database has, and which it lacks
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its default and a comment
    #[command(after_help = "Example: reveille config default > reveille.toml")]
    Default,
    /// Print what is in effect: defaults, the file and the environment together. Secrets are named, not printed
    Show,
    /// Name every mistake, and what is probably not meant so
    Check,
}

/// A parser of durations such as `10m`, for clap.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err("write a duration such as 500ms, 60s, 10m or 24h".into()),
    }
}

/// A parser of numbers from 1, for clap.
fn at_least_one() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u32).range(1..).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// A parser of `KEY=VALUE`, for clap.
fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    if key.is_empty() {
        return Err("the key is empty: write KEY=VALUE".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod guides;
#[cfg(test)]
mod tests;

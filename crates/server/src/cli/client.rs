//! Commands that talk to a service.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use model::CertificateFingerprint;
use url::Url;

use super::{
    devices::{IMPORT_HELP, ImportDevices, UpdateDevice},
    duration, label,
};

/// The service that is meant if none is named.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// Which service.
#[derive(Args, Clone, Debug)]
pub(crate) struct Server {
    /// Where the service speaks gRPC
    #[arg(
        long = "server",
        value_name = "URL",
        env = "REVEILLE_SERVER",
        default_value = DEFAULT_SERVER,
        global = true
    )]
    pub(crate) url: String,
    /// Where Jaeger shows traces, such as `http://127.0.0.1:16686`: traces are told as links
    #[arg(long, value_name = "URL", env = "REVEILLE_JAEGER", global = true)]
    pub(crate) jaeger: Option<Url>,
}

/// How the answer is printed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How what is there is printed: once, or again and again.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show it again every so often [default: 2s], until Ctrl-C
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "2s")]
    #[arg(value_parser = duration, conflicts_with = "json")]
    pub(crate) watch: Option<Duration>,
}

/// How much of a list is printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Pages {
    /// How many at most [default: 100, of sessions 20]
    #[arg(long, value_name = "N", value_parser = super::at_least_one())]
    limit: Option<usize>,
    /// All of them, however many there are
    #[arg(long, conflicts_with_all = ["limit", "watch"])]
    all: bool,
    /// Go on where another list ended, with the token that it told and the same conditions
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub(crate) page_token: String,
}

impl Pages {
    /// How many rows are wanted, if `usual` are where nobody says.
    pub(crate) fn wanted(&self, usual: usize) -> usize {
        if self.all { usize::MAX } else { self.limit.unwrap_or(usual) }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Make a device known, so that it may open sessions
    #[command(after_help = "Examples:
  echo 'its password' | reveille devices create B5B954E8… --user u-4711 --password-stdin
  reveille devices create B5B954E8… --user u-4711 --label site=berlin
  reveille devices create B5B954E8… \\
      --certificate-fingerprint $(openssl x509 -in device.pem -noout -fingerprint -sha256 | cut -d= -f2)")]
    Create(CreateDevice),
    /// List devices
    #[command(after_help = "Examples:
  reveille devices list --channel dead --channel refused
  reveille devices list --watch
  reveille devices list --all --json | jq -r '.[] | select(.channel.state == \"dead\") | .name'")]
    List(ListDevices),
    /// Show a device: its channel, its polling, and its last sessions
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Change a device: its push app, labels, external id, credential or certificate
    #[command(after_help = "Examples:
  reveille devices update B5B954E8… --label ring=2 --remove-label canary
  reveille devices update B5B954E8… --push-app new")]
    Update(UpdateDevice),
    /// Take over devices from another system, from a file
    #[command(after_help = IMPORT_HELP)]
    Import(ImportDevices),
    /// List the sessions of a device, the newest first
    Sessions {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        pages: Pages,
        #[command(flatten)]
        shown: Shown,
    },
    /// Set the PFN again in the device's next session, whatever was tried before; ends a refusal
    ResetChannel {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Delete a device; its live wakes end at once
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CreateDevice {
    /// Its name: the Source `LocURI` of its messages, as a rule the `DeviceID` of its enrollment
    #[arg(value_name = "ID")]
    pub(crate) name: String,
    /// User name of its credential; may be left out if it is bound to a certificate
    #[arg(long, value_name = "NAME", required_unless_present = "certificate_fingerprint")]
    pub(crate) user: Option<String>,
    /// Read its password from the first line of standard input, instead of making one
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,
    /// The client certificate that it is bound to: the SHA-256 of its DER, in hexadecimal digits
    #[arg(long, value_name = "HEX")]
    pub(crate) certificate_fingerprint: Option<CertificateFingerprint>,
    /// The push app that it is set up for; may be left out if there is only one
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) push_app: String,
    /// The `{ProviderID}` of its `DMClient` nodes, if it is not the gateway's
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) provider_id: String,
    /// What you call it
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) external_id: String,
    /// A label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args, Debug)]
pub(crate) struct ListDevices {
    /// Only devices whose channel is in this state; may be given several times
    #[arg(long = "channel", value_name = "STATE")]
    pub(crate) channels: Vec<ChannelWord>,
    /// Only devices of this push app
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) push_app: String,
    /// Only devices with this label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only devices that were not heard from for so long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) silent_for: Option<Duration>,
    #[command(flatten)]
    pub(crate) pages: Pages,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reveille wake B5B954E8… --wait
  reveille wake B5B954E8… --wait --deadline 2h --reason 'new certificate'

Without --wait it returns as soon as the wake is recorded; `reveille wakes show` tells later what became of it.
With --wait the exit status is 0 if the device came, and 3 if it did not.")]
pub(crate) struct Wake {
    /// Name of the device
    #[arg(value_name = "ID")]
    pub(crate) device: String,
    /// Wait until the wake has ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long the wake may live
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub(crate) deadline: Duration,
    /// Somebody is waiting: goes first
    #[arg(long, conflicts_with = "bulk")]
    pub(crate) interactive: bool,
    /// Part of a larger job: may be spread over time. This is the default without --wait
    #[arg(long)]
    pub(crate) bulk: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// Makes it safe to repeat the command: the same key means the same wake
    #[arg(long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) idempotency_key: String,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WakeCommand {
    /// List wakes, the newest first
    List(ListWakes),
    /// Show a wake: what became of it, and its pushes with WNS's words
    Show {
        /// Id of the wake
        #[arg(value_name = "WAKE")]
        id: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Print what happens to wakes, as it happens, until it is interrupted
    Watch(WatchWakes),
    /// End a live wake; a push that was sent already may still bring a session
    Cancel {
        /// Id of the wake
        #[arg(value_name = "WAKE")]
        id: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct ListWakes {
    /// Only wakes of this device
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Only wakes in this state; may be given several times
    #[arg(long = "state", value_name = "STATE")]
    pub(crate) states: Vec<WakeWord>,
    #[command(flatten)]
    pub(crate) pages: Pages,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

#[derive(Args, Debug)]
#[command(after_help = "Examples:
  reveille wakes watch --label job=7
  reveille wakes watch --after 0 --json | jq -r 'select(.type == \"ended\") | .wake.device'

A service that restarts is waited for, and nothing is left out. With --json each event is one line; `seq` of the last one
is what --after takes.")]
pub(crate) struct WatchWakes {
    /// Only this wake; may be given several times
    #[arg(long = "wake", value_name = "WAKE")]
    pub(crate) wakes: Vec<String>,
    /// Only wakes of this device
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Only wakes with this label; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Only wakes that this caller asked for
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(crate) caller: String,
    /// Begin after this event, and not now; 0 is before the oldest that is kept
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    pub(crate) after: Option<i64>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PushAppCommand {
    /// List the push apps
    List {
        #[command(flatten)]
        shown: Shown,
    },
    /// Show a push app: its token, its gates and faults, and its devices by channel state
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        shown: Shown,
    },
    /// Hold back all pushes of an app; wakes wait
    Pause {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Let a paused app push again
    Resume {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// A state of a channel, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChannelWord {
    Unset,
    Moving,
    Pending,
    Live,
    Stale,
    Dead,
    Refused,
}

/// A state of a wake, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WakeWord {
    Live,
    Answered,
    Unanswered,
    Cancelled,
    Failed,
}

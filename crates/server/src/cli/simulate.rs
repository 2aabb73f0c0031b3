//! Commands that simulate.

use std::{fmt, net::SocketAddr, time::Duration};

use clap::{Args, Subcommand};
use secrecy::SecretString;
use url::Url;

use super::{at_least_one, duration};

#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// An emulated WNS: tokens, channels and pushes
    #[command(after_help = "Example: reveille simulate wns --listen 127.0.0.1:7070")]
    Wns(SimulateWns),
    /// Simulated devices against any OMA DM gateway
    #[command(after_help = "Example:
  reveille simulate fleet --gateway http://127.0.0.1:8080/dm --devices 20 \\
      --server http://127.0.0.1:50051 --wns http://127.0.0.1:7070

Without --server the gateway must know the devices already: PREFIX followed by a number of 8 digits, with their
names as users and the password that --password names.")]
    Fleet(Box<SimulateFleet>),
    /// Three months of a fleet in virtual time: what becomes of its channels and its wakes
    #[command(
        after_help = "Nothing is opened and nothing is sent: devices, WNS and the service's rules are simulated here.
The same seed gives the same quarter. Exit status 1 if a promise was broken."
    )]
    Quarter(SimulateQuarter),
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct SimulateQuarter {
    /// How many devices
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = at_least_one())]
    pub(crate) devices: usize,
    /// How many days
    #[arg(long, value_name = "D", default_value_t = 90, value_parser = clap::value_parser!(u32).range(10..=1_000))]
    pub(crate) days: u32,
    /// Where all chance comes from
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What the fleet is made of, and how hard its life is
    #[arg(long, value_name = "MIX", default_value = "mixed", value_parser = mix())]
    pub(crate) mix: quarter::Mix,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SimulateWns {
    /// Where it listens; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7070")]
    pub(crate) listen: SocketAddr,
    /// An app that it knows; may be given several times [default: an example, which is printed]
    #[arg(long = "app", value_name = "PFN,SID,SECRET", value_parser = app)]
    pub(crate) apps: Vec<App>,
}

/// An app of the emulated WNS.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) pfn: String,
    pub(crate) sid: String,
    pub(crate) secret: SecretString,
}

#[derive(Args, Debug)]
pub(crate) struct SimulateFleet {
    /// Where the devices are managed: the URL that they POST to
    #[arg(long, value_name = "URL")]
    pub(crate) gateway: Url,
    /// How many devices
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    pub(crate) devices: usize,
    /// The Reveille service to create the devices at; they get random passwords
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The emulated WNS at which they register channels, and whose pushes wake them
    #[arg(long, value_name = "URL")]
    pub(crate) wns: Option<Url>,
    /// How the names of the devices begin
    #[arg(long, value_name = "TEXT", default_value = "SIM")]
    pub(crate) prefix: String,
    /// The `{ProviderID}` that they were enrolled with
    #[arg(long, value_name = "ID", default_value = "Reveille")]
    pub(crate) provider_id: String,
    /// The push app that they are created for; may be left out if there is only one
    #[arg(long, value_name = "NAME", requires = "server", default_value = "", hide_default_value = true)]
    pub(crate) push_app: String,
    /// The environment variable with the password of all devices, for a gateway that knows them already
    #[arg(long, value_name = "VARIABLE", required_unless_present = "server", conflicts_with = "server")]
    pub(crate) password: Option<String>,
    /// How long after a session a device starts the next one by itself [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) poll: Option<Duration>,
    /// The first sessions are spread over this time
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) start_within: Duration,
    /// How many sessions are held at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one())]
    pub(crate) concurrency: usize,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("pfn", &self.pfn).field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// A parser of the fleet's mixes, for clap.
fn mix() -> impl clap::builder::TypedValueParser<Value = quarter::Mix> {
    use clap::builder::TypedValueParser as _;
    let names = quarter::Mix::ALL.map(quarter::Mix::name);
    clap::builder::PossibleValuesParser::new(names).map(|name| {
        let named = quarter::Mix::ALL.into_iter().find(|mix| mix.name() == name);
        named.unwrap_or_default()
    })
}

/// Neither a PFN nor a SID has a comma; a secret may.
fn app(text: &str) -> Result<App, String> {
    let mut parts = text.splitn(3, ',').map(str::trim).filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(pfn), Some(sid), Some(secret)) => {
            Ok(App { pfn: pfn.into(), sid: sid.into(), secret: secret.into() })
        }
        _ => Err("write PFN,SID,SECRET".into()),
    }
}

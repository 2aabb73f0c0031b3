//! `devices update` and `devices import`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use model::CertificateFingerprint;

use super::{Output, label};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub(crate) struct UpdateDevice {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Set it up for another push app: its channel is `moving` until its next sessions
    #[arg(long, value_name = "NAME", group = "change")]
    pub(crate) push_app: Option<String>,
    /// The `{ProviderID}` of its `DMClient` nodes; '' is the gateway's
    #[arg(long, value_name = "ID", group = "change")]
    pub(crate) provider_id: Option<String>,
    /// What you call it; '' takes it away
    #[arg(long, value_name = "ID", group = "change")]
    pub(crate) external_id: Option<String>,
    /// Set a label; may be given several times. Its other labels stay
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label, group = "change")]
    pub(crate) labels: Vec<(String, String)>,
    /// Take a label away; may be given several times
    #[arg(long = "remove-label", value_name = "KEY", group = "change")]
    pub(crate) removed_labels: Vec<String>,
    /// Give it a new credential, with this user name
    #[arg(long, value_name = "NAME", group = "change")]
    pub(crate) user: Option<String>,
    /// Read its new password from the first line of standard input, instead of making one
    #[arg(long, requires = "user")]
    pub(crate) password_stdin: bool,
    /// Take its credential away
    #[arg(long, conflicts_with = "user", group = "change")]
    pub(crate) no_credential: bool,
    /// Bind it to this client certificate: the SHA-256 of its DER, in hexadecimal digits
    #[arg(long, value_name = "HEX", group = "change")]
    pub(crate) certificate_fingerprint: Option<CertificateFingerprint>,
    /// Bind it to no certificate
    #[arg(long, conflicts_with = "certificate_fingerprint", group = "change")]
    pub(crate) no_certificate: bool,
    /// Only if it still has this etag, as `devices show --json` prints it
    #[arg(long, value_name = "ETAG", default_value = "", hide_default_value = true)]
    pub(crate) etag: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What stands at the end of the help of `devices import`.
pub(super) const IMPORT_HELP: &str = "Examples:
  reveille devices import fleet.csv --dry-run
  other-system export | reveille devices import - --format jsonl --json

The file is CSV, whose first line names the columns, or has one JSON object in each line. Names of columns and of members:
name (required), provider_id, push_app, labels, external_id, user, password or inner_hash, certificate_fingerprint, pfn,
channel_uri, channel_first_seen_time (as 2026-01-31T08:00:00Z). Labels are an object in JSON, and KEY=VALUE;KEY=VALUE in CSV.

The whole file is read before anything is sent: with a mistake in it, nothing is imported. Then each row has a result of its
own, and the exit status is 1 if a row was refused. Importing a row again changes nothing. Secrets are not printed.";

#[derive(Args, Debug)]
pub(crate) struct ImportDevices {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What the file is [default: as its name ends]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<ImportFormat>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the result of each row as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a file of devices is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Comma-separated values; the first line names the columns.
    Csv,
    /// One JSON object in each line.
    Jsonl,
}

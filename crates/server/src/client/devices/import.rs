//! `devices import`

use std::{collections::BTreeMap, io::IsTerminal};

use reveille_api::v1::{
    ImportDevicesRequest, ImportDevicesResponse, ItemError, import_devices_response::Result as Kind,
};
use serde::Serialize;

use crate::{
    cli::ImportDevices,
    client::{Client, words},
    failure::{Failure, Outcome},
    print,
};

mod file;

use file::File;

/// Mistakes that are printed; all are counted.
const SHOWN: usize = 20;
/// After so many rows the progress is told.
const PROGRESS: u64 = 1_000;

/// Checks the whole file, then sends it row by row, and prints the result of each.
pub(super) async fn run(client: &Client, import: ImportDevices) -> Outcome {
    let file = File::read(&import.file, import.format)?;
    let total = check(&file)?;
    let validate_only = import.dry_run;
    let requests = file.rows().filter_map(move |(line, row)| {
        Some(ImportDevicesRequest { row_ref: line.to_string(), validate_only, row: Some(row.ok()?) })
    });
    let answer = client.devices().import_devices(tokio_stream::iter(requests)).await;
    let mut results = client.answered(answer)?;
    let mut tally = Tally { total, ..Tally::default() };
    // A result comes for each row, in their order.
    let mut rows = file.rows();
    loop {
        let response = match results.message().await {
            Ok(Some(response)) => response,
            Ok(None) => break,
            Err(status) => {
                let why = client.answered::<()>(Err(status)).err();
                return Err(tally.broken_off(&why.map(|why| why.to_string()).unwrap_or_default()));
            }
        };
        let (line, row) =
            rows.next().ok_or_else(|| tally.broken_off("The service sent more results than rows."))?;
        let name = row.map(|row| row.name).unwrap_or_default();
        tally.count(&RowResult::of(line, name, response), import.json)?;
    }
    tally.end(&import)
}

/// How many rows there are; the mistakes, if there are any.
fn check(file: &File) -> Result<u64, Failure> {
    let (mut total, mut mistakes) = (0, Vec::new());
    for (line, row) in file.rows() {
        total += 1;
        mistakes.extend(row.err().map(|mistake| format!("  line {line}: {mistake}")));
    }
    if mistakes.is_empty() {
        return Ok(total);
    }
    let count = mistakes.len();
    let more = if count > SHOWN { format!("\n  and {} more", count - SHOWN) } else { String::new() };
    mistakes.truncate(SHOWN);
    Err(Failure::new(format!(
        "The file has {count} {}, and nothing was imported:\n{}{more}",
        if count == 1 { "mistake" } else { "mistakes" },
        mistakes.join("\n")
    )))
}

/// What became of one row. Nothing of the row itself but its name is in here.
#[derive(Serialize)]
struct RowResult {
    line: u64,
    name: String,
    /// `created`, `updated`, `unchanged` or `refused`.
    result: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    device_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RowError>,
}

#[derive(Serialize)]
struct RowError {
    reason: String,
    message: String,
    /// What is wrong, by field.
    fields: BTreeMap<String, String>,
}

impl RowResult {
    fn of(line: u64, name: String, response: ImportDevicesResponse) -> Self {
        match response.result {
            Some(Kind::Imported(imported)) => Self {
                line,
                name,
                result: words::word(imported.action().as_str_name(), "IMPORT_ACTION_"),
                channel: words::channel_state(imported.channel_state()),
                device_id: imported.device_id,
                error: None,
            },
            Some(Kind::Error(error)) => Self::refused(line, name, error.into()),
            None => Self::refused(line, name, RowError::from(ItemError::default())),
        }
    }

    fn refused(line: u64, name: String, error: RowError) -> Self {
        let (device_id, channel) = Default::default();
        Self { line, name, result: "refused".into(), device_id, channel, error: Some(error) }
    }

    fn sentence(&self) -> String {
        let Self { line, name, result, channel, .. } = self;
        match &self.error {
            None => format!("line {line}: {name} {result}, channel {channel}"),
            Some(error) if error.fields.is_empty() => {
                format!("line {line}: {name} refused: {}", error.message)
            }
            Some(error) => {
                let fields: Vec<_> =
                    error.fields.iter().map(|(field, why)| format!("{field}: {why}")).collect();
                format!("line {line}: {name} refused: {}", fields.join("; "))
            }
        }
    }
}

impl From<ItemError> for RowError {
    fn from(error: ItemError) -> Self {
        Self {
            reason: words::word(error.reason().as_str_name(), "ERROR_REASON_"),
            fields: error.field_violations.into_iter().map(|bad| (bad.field, bad.description)).collect(),
            message: if error.message.is_empty() {
                "the service gave no reason".into()
            } else {
                error.message
            },
        }
    }
}

/// How far it is.
#[derive(Default)]
struct Tally {
    total: u64,
    told: u64,
    by_result: BTreeMap<String, u64>,
    /// Whoever read the results went away: the import goes on all the same, and its status tells how it ended.
    alone: bool,
}

impl Tally {
    fn count(&mut self, result: &RowResult, json: bool) -> Outcome {
        self.told += 1;
        *self.by_result.entry(result.result.clone()).or_default() += 1;
        if self.told.is_multiple_of(PROGRESS) && !std::io::stdout().is_terminal() {
            eprintln!("{} of {} rows", self.told, self.total);
        }
        if !self.alone {
            let printed =
                if json { print::one_json_of_many(result) } else { print::one_of_many(result.sentence()) };
            self.alone = printed?.is_break();
        }
        Ok(())
    }

    fn end(self, import: &ImportDevices) -> Outcome {
        if self.told < self.total {
            return Err(self.broken_off("The service ended the stream."));
        }
        let of = |result: &str| self.by_result.get(result).copied().unwrap_or_default();
        let counts =
            ["created", "updated", "unchanged", "refused"].map(|result| format!("{} {result}", of(result)));
        let tried = if import.dry_run { " Nothing was changed: it was a dry run." } else { "" };
        let summary = format!("{} rows: {}.{tried}", self.total, counts.join(", "));
        if of("refused") > 0 {
            return Err(Failure::new(summary));
        }
        if import.json {
            eprintln!("{summary}");
            return Ok(());
        }
        print::line(summary)
    }

    fn broken_off(&self, why: &str) -> Failure {
        let (told, total) = (self.told, self.total);
        Failure::new(format!(
            "{why} {told} of {total} rows have a result. Import the file again: what was imported stays as it is."
        ))
    }
}

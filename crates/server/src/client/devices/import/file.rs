//! The file that `devices import` reads. Its values are never repeated in words: some of them are secrets.

use std::{
    collections::BTreeSet,
    io::{BufRead, Cursor, Read},
    path::Path,
    sync::Arc,
};

use reveille_api::v1::{Credential, ImportRow, credential::Secret};
use serde_json::{Map, Value};

use crate::{cli::ImportFormat, failure::Failure};

/// Columns of CSV, and members of JSON objects.
const NAMES: [&str; 12] = [
    "name",
    "provider_id",
    "push_app",
    "labels",
    "external_id",
    "user",
    "password",
    "inner_hash",
    "certificate_fingerprint",
    "pfn",
    "channel_uri",
    "channel_first_seen_time",
];

/// A file in memory.
pub(super) struct File {
    bytes: Arc<[u8]>,
    format: ImportFormat,
}

/// The line that a row begins in, and the row, or what is wrong with it.
pub(super) type Numbered = (u64, Result<ImportRow, String>);

impl File {
    pub(super) fn read(path: &Path, format: Option<ImportFormat>) -> Result<Self, Failure> {
        let format = format.or_else(|| by_ending(path)).ok_or_else(|| {
            Failure::new("Is the file CSV, or JSON in lines? Say --format csv or --format jsonl.")
        })?;
        let mut bytes = Vec::new();
        let read = match path.to_str() {
            Some("-") => std::io::stdin().lock().read_to_end(&mut bytes).map(drop),
            _ => std::fs::read(path).map(|read| bytes = read),
        };
        read.map_err(|error| Failure::new(format!("{} cannot be read: {error}.", path.display())))?;
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        Ok(Self { bytes: text.into(), format })
    }

    /// Its rows, in their order. Empty lines are none.
    pub(super) fn rows(&self) -> Box<dyn Iterator<Item = Numbered> + Send> {
        match self.format {
            ImportFormat::Csv => csv_rows(Arc::clone(&self.bytes)),
            ImportFormat::Jsonl => Box::new(json_rows(Arc::clone(&self.bytes))),
        }
    }
}

fn by_ending(path: &Path) -> Option<ImportFormat> {
    match path.extension()?.to_str()? {
        "csv" => Some(ImportFormat::Csv),
        "jsonl" | "ndjson" => Some(ImportFormat::Jsonl),
        _ => None,
    }
}

fn csv_rows(bytes: Arc<[u8]>) -> Box<dyn Iterator<Item = Numbered> + Send> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(Cursor::new(Arc::clone(&bytes)));
    let columns = match columns(&mut reader) {
        Ok(columns) => columns,
        Err(mistake) => return Box::new(std::iter::once((1, Err(mistake)))),
    };
    Box::new(reader.into_records().map(move |record| match record {
        Ok(record) => (csv_line(&bytes, record.position()), csv_row(&columns, &record)),
        Err(error) => (csv_line(&bytes, error.position()), Err(csv_mistake(&error))),
    }))
}

/// The line that a record begins in. Its position is where the one before ended: of "\r\n" after the first byte, and
/// before empty lines.
fn csv_line(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default().iter();
    let ends = rest.take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n');
    ends.fold(position.line(), |line, _| line + 1)
}

/// What the first line says. A file without one would show its first row here: the names are not repeated.
fn columns(reader: &mut csv::Reader<Cursor<Arc<[u8]>>>) -> Result<Vec<&'static str>, String> {
    let headers = reader.headers().map_err(|error| csv_mistake(&error))?;
    let mut columns = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let known = NAMES.into_iter().find(|name| *name == header).ok_or_else(|| {
            format!("column {} has no name that is known: they are {}", index + 1, NAMES.join(", "))
        })?;
        if columns.contains(&known) {
            return Err(format!("two columns are named `{known}`"));
        }
        columns.push(known);
    }
    if columns.contains(&"name") { Ok(columns) } else { Err("there is no column `name`".into()) }
}

fn csv_mistake(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields, and the first line names {expected_len} columns")
        }
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".into(),
        _ => "cannot be read as CSV".into(),
    }
}

fn csv_row(columns: &[&'static str], record: &csv::StringRecord) -> Result<ImportRow, String> {
    let mut draft = Draft::default();
    for (name, text) in columns.iter().zip(record).filter(|(_, text)| !text.is_empty()) {
        // A quote that is not closed takes in the lines after it, and CSV has no word for that.
        if text.contains(['\r', '\n']) {
            return Err(format!("`{name}` holds a line break: is a quote not closed?"));
        }
        if *name == "labels" {
            for label in text.split(';') {
                let (key, value) =
                    label.split_once('=').ok_or("`labels` must be KEY=VALUE, with ; in between")?;
                draft.label(key.trim(), value)?;
            }
        } else {
            draft.set(name, text.to_owned())?;
        }
    }
    draft.finish()
}

fn json_rows(bytes: Arc<[u8]>) -> impl Iterator<Item = Numbered> + Send {
    let lines = (1..).zip(Cursor::new(bytes).split(b'\n'));
    let lines = lines.map(|(line, bytes)| (line, bytes.unwrap_or_default()));
    lines.filter(|(_, bytes)| !bytes.trim_ascii().is_empty()).map(|(line, bytes)| (line, json_row(&bytes)))
}

fn json_row(line: &[u8]) -> Result<ImportRow, String> {
    let object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err("is no JSON object".into()),
        Err(error) => return Err(format!("is not JSON, from column {} on", error.column())),
    };
    let mut draft = Draft::default();
    for (name, value) in object {
        match (NAMES.into_iter().find(|known| *known == name), value) {
            (None, _) => {
                return Err(format!("has a member that is not known: they are {}", NAMES.join(", ")));
            }
            (Some(_), Value::Null) => {}
            (Some("labels"), Value::Object(labels)) => draft.labels(labels)?,
            (Some("labels"), _) => return Err("`labels` must be an object of strings".into()),
            (Some(name), Value::String(text)) => draft.set(name, text)?,
            (Some(name), _) => return Err(format!("`{name}` must be a string")),
        }
    }
    draft.finish()
}

/// A row while it is read.
#[derive(Default)]
struct Draft {
    row: ImportRow,
    user: Option<String>,
    secret: Option<Secret>,
    given: BTreeSet<&'static str>,
}

impl Draft {
    fn set(&mut self, name: &'static str, text: String) -> Result<(), String> {
        self.given.insert(name);
        let row = &mut self.row;
        match name {
            "name" => row.name = text,
            "provider_id" => row.provider_id = text,
            "push_app" => row.push_app = text,
            "external_id" => row.external_id = text,
            "user" => self.user = Some(text),
            "password" => self.secret = Some(Secret::Password(text)),
            "inner_hash" => self.secret = Some(Secret::InnerHash(text)),
            "certificate_fingerprint" => row.certificate_fingerprint = text,
            "pfn" => row.pfn = text,
            "channel_uri" => row.channel_uri = text,
            _ => {
                let time = text.parse().map_err(|_| {
                    "`channel_first_seen_time` must be a time such as 2026-01-31T08:00:00Z".to_owned()
                })?;
                row.channel_first_seen_time = Some(time);
            }
        }
        Ok(())
    }

    fn label(&mut self, key: &str, value: &str) -> Result<(), String> {
        let before = self.row.labels.insert(key.to_owned(), value.to_owned());
        if before.is_none() { Ok(()) } else { Err("`labels` has a key twice".into()) }
    }

    fn labels(&mut self, labels: Map<String, Value>) -> Result<(), String> {
        for (key, value) in labels {
            let Value::String(value) = value else {
                return Err("`labels` must be an object of strings".into());
            };
            self.label(&key, &value)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ImportRow, String> {
        if self.row.name.is_empty() {
            return Err("has no `name`".into());
        }
        if self.given.contains("password") && self.given.contains("inner_hash") {
            return Err("has a `password` and an `inner_hash`: one of them is enough".into());
        }
        self.row.credential = match (self.user, self.secret) {
            (None, None) => None,
            (Some(user), Some(secret)) => Some(Credential { user, secret: Some(secret) }),
            (Some(_), None) => return Err("has a `user`, and neither `password` nor `inner_hash`".into()),
            (None, Some(_)) => return Err("has a secret, and no `user`".into()),
        };
        Ok(self.row)
    }
}

#[cfg(test)]
mod tests;

//! Where a configuration is read from: a TOML file, and the environment over it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Format, Toml},
    value::{Dict, Value},
};

use super::mistake::Mistake;

/// Environment variables that begin so are settings: `REVEILLE__PUSH__MIN_GAP` is `push.min_gap`.
const PREFIX: &str = "REVEILLE__";
const SEPARATOR: &str = "__";

/// Read if there is one and no other file is named.
const USUAL_FILE: &str = "reveille.toml";

/// What a configuration is made of, before anybody looked at it.
#[derive(Default)]
pub(super) struct Sources {
    /// The TOML file: where it is, and its text.
    pub(super) file: Option<(PathBuf, String)>,
    /// The environment.
    pub(super) environment: BTreeMap<String, String>,
}

/// The values of all sources, and which of them come from the environment.
#[derive(Default)]
pub(super) struct Values {
    pub(super) dict: Dict,
    pub(super) overrides: Overrides,
}

/// The settings that the environment gives, by key.
#[derive(Default)]
pub(super) struct Overrides(BTreeMap<String, Override>);

/// A setting that the environment gives.
pub(super) struct Override {
    /// Name of the variable.
    pub(super) variable: String,
    /// Its text, before it was taken for a number or a list.
    pub(super) text: String,
}

impl Sources {
    /// Reads `file`, or the usual one if it exists, and the environment of this process.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Mistake> {
        let usual = Path::new(USUAL_FILE);
        let path = file.or_else(|| usual.exists().then_some(usual));
        let file = path.map(|path| Ok((path.to_owned(), read(path)?))).transpose()?;
        // A variable that is not Unicode cannot be a setting of ours.
        let environment = std::env::vars_os();
        let unicode = environment.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Ok(Self { file, environment: unicode.collect() })
    }

    /// The file's values, and over them those of the environment. A file that is not TOML is no values.
    pub(super) fn values(&self, mistakes: &mut Vec<Mistake>) -> Values {
        let mut values = Values::default();
        if let Some((path, text)) = &self.file {
            match Figment::from(Toml::string(text)).extract::<Dict>() {
                Ok(dict) => values.dict = dict,
                Err(error) => mistakes.push(not_toml(path, &error)),
            }
        }
        for (variable, text) in &self.environment {
            let Some(path) = variable.to_ascii_uppercase().strip_prefix(PREFIX).map(str::to_ascii_lowercase)
            else {
                continue;
            };
            let keys: Vec<&str> = path.split(SEPARATOR).collect();
            match insert(&mut values.dict, &keys, text.parse().unwrap_or_else(|never| match never {})) {
                Ok(()) => values.overrides.add(keys.join("."), variable, text),
                Err(NotThere) => mistakes.push(Mistake::new(format!(
                    "{variable} names no setting: write {PREFIX}SECTION{SEPARATOR}KEY, and give lists and tables as \
                     a whole."
                ))),
            }
        }
        values
    }
}

impl Overrides {
    pub(super) fn of(&self, key: &str) -> Option<&Override> {
        self.0.get(key)
    }

    fn add(&mut self, key: String, variable: &str, text: &str) {
        self.0.insert(key, Override { variable: variable.to_owned(), text: text.to_owned() });
    }
}

/// There is no place for a value.
struct NotThere;

/// Replaces what is at the end of the path. Tables are not mixed: `key = { env = … }` takes the place of
/// `key = { file = … }`.
fn insert(dict: &mut Dict, keys: &[&str], value: Value) -> Result<(), NotThere> {
    match keys {
        [] | [""] => Err(NotThere),
        [last] => {
            dict.insert((*last).to_owned(), value);
            Ok(())
        }
        [first, rest @ ..] => match dict.entry((*first).to_owned()).or_insert_with(|| Dict::new().into()) {
            Value::Dict(_, inner) => insert(inner, rest, value),
            _ => Err(NotThere),
        },
    }
}

fn read(path: &Path) -> Result<String, Mistake> {
    std::fs::read_to_string(path).map_err(|error| {
        Mistake::new(format!(
            "The configuration file {} cannot be read ({error}): name another one with --config.",
            path.display()
        ))
    })
}

/// The parser's words without the lines that it quotes: there may be a secret in them.
fn not_toml(path: &Path, error: &figment::Error) -> Mistake {
    let words = error.kind.to_string();
    let lines: Vec<_> =
        words.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|')).collect();
    Mistake::new(format!("{} is not TOML: {}.", path.display(), lines.join(": ")))
}

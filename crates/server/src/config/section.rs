//! Reads one section key by key, so that one mistake does not hide the next.

use std::{collections::BTreeMap, fmt, time::Duration};

use figment::value::{Dict, Value};

use super::{
    mistake::Mistake,
    secret::{self, Place},
    source::Overrides,
    value::{Setting, described},
};

/// What comes of reading: mistakes, and what is in effect.
pub(super) struct Report<'a> {
    pub(super) overrides: &'a Overrides,
    pub(super) environment: &'a BTreeMap<String, String>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) effective: Effective,
}

/// Every setting and its value, as TOML. Secrets are named by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effective(Vec<Table>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    header: String,
    settings: Vec<(&'static str, String)>,
}

/// A section that is being read.
pub(super) struct Section<'r, 'a> {
    /// How its keys begin in sentences, such as `push` or `push_app[0]`.
    name: String,
    left: Dict,
    table: Table,
    report: &'r mut Report<'a>,
}

impl<'r, 'a> Section<'r, 'a> {
    pub(super) fn new(name: String, header: String, values: Dict, report: &'r mut Report<'a>) -> Self {
        Self { name, left: values, table: Table { header, settings: Vec::new() }, report }
    }

    /// A setting, or its default.
    pub(super) fn value<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        let value = self.optional(key).unwrap_or(default);
        self.record(key, value.render());
        value
    }

    /// A setting that has no default.
    pub(super) fn option<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let value = self.optional::<T>(key)?;
        self.record(key, value.render());
        Some(value)
    }

    /// A time that must not be zero.
    pub(super) fn span(&mut self, key: &'static str, default: Duration) -> Duration {
        let span = self.value(key, default);
        if span.is_zero() {
            self.mistake(key, "is zero: write a duration that is longer, such as \"1s\"");
        }
        span
    }

    /// A number that must not be zero.
    pub(super) fn count<T: Setting + From<u8> + PartialEq>(&mut self, key: &'static str, default: T) -> T {
        let count = self.value(key, default);
        if count == T::from(0) {
            self.mistake(key, "is 0: write 1 or more");
        }
        count
    }

    /// Text. Numbers in the environment are text too.
    pub(super) fn text(&mut self, key: &'static str, default: &str) -> String {
        let text = self.hidden_text(key).unwrap_or_else(|| default.to_owned());
        self.record(key, text.render());
        text
    }

    /// Text of which the effective configuration does not tell.
    pub(super) fn hidden_text(&mut self, key: &'static str) -> Option<String> {
        let value = self.left.remove(key)?;
        if let (None, Some(given)) = (value.as_str(), self.report.overrides.of(&self.path(key))) {
            return Some(given.text.clone());
        }
        self.read(key, &value)
    }

    /// Text that must be there. Not recorded: it may have to be checked first.
    pub(super) fn required(&mut self, key: &'static str, what: &str) -> Option<String> {
        if !self.has(key) {
            self.mistake(key, format!("is missing: write {what}"));
        }
        self.hidden_text(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// One of some words, of which the first is the default.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> T {
        let (word, default) = words[0];
        let text = self.text(key, word);
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        self.not_a_word(key, &text, words.iter().map(|(word, _)| *word));
        default
    }

    /// One of some words, which must be there.
    pub(super) fn required_choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        if self.has(key) {
            return Some(self.choice(key, words));
        }
        self.mistake(key, format!("is missing: write {}", either(words.iter().map(|(word, _)| *word))));
        None
    }

    /// The mistake that `text` is none of the words.
    pub(super) fn not_a_word<'w>(
        &mut self,
        key: &'static str,
        text: &str,
        words: impl IntoIterator<Item = &'w str>,
    ) {
        self.mistake(key, format!("is {}: write {}", described(&Value::from(text)), either(words)));
    }

    /// The place of a secret.
    pub(super) fn place(&mut self, key: &'static str, default: Option<Place>) -> Option<Place> {
        let value = self.left.remove(key);
        let place = match value {
            None => default,
            Some(value) => {
                let place = Place::read(&value);
                if place.is_none() {
                    // Never what was found: it is probably the secret itself.
                    self.mistake(
                        key,
                        format!("must be {}: a secret is never written here itself", secret::EXPECTED),
                    );
                }
                place
            }
        };
        if let Some(place) = &place {
            self.record(key, place.render());
        }
        place
    }

    /// Whether a value of this key is a place of a secret, and not the value itself.
    pub(super) fn is_table(&self, key: &str) -> bool {
        matches!(self.left.get(key), Some(Value::Dict(..)))
    }

    /// The environment in which secrets are looked up.
    pub(super) fn environment(&self) -> &'a BTreeMap<String, String> {
        self.report.environment
    }

    /// Notes what is in effect.
    pub(super) fn record(&mut self, key: &'static str, rendered: String) {
        self.table.settings.push((key, rendered));
    }

    /// Notes a mistake: `says` goes on after the key, without a full stop.
    pub(super) fn mistake(&mut self, key: &str, says: impl fmt::Display) {
        let path = self.path(key);
        let origin = match self.report.overrides.of(&path) {
            Some(given) => format!(" (from {})", given.variable),
            None => String::new(),
        };
        self.report.mistakes.push(Mistake::new(format!("{path}{origin} {says}.")));
    }

    /// Notes a mistake of the section as a whole.
    pub(super) fn mistake_of_all(&mut self, says: impl fmt::Display) {
        self.report.mistakes.push(Mistake::new(format!("{} {says}.", self.name)));
    }

    /// What was not asked for is not known.
    pub(super) fn finish(mut self) {
        for key in std::mem::take(&mut self.left).keys() {
            self.mistake(key, "is no setting that is known: look for its name in `reveille config default`");
        }
        self.report.effective.0.push(self.table);
    }

    fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let value = self.left.remove(key)?;
        self.read(key, &value)
    }

    fn read<T: Setting>(&mut self, key: &str, value: &Value) -> Option<T> {
        let read = T::read(value);
        if read.is_none() {
            self.mistake(key, format!("is {}: write {}", described(value), T::EXPECTED));
        }
        read
    }

    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}

fn either<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    words.join(" or ")
}

impl Effective {
    /// The sections: their headers as TOML has them, and their settings.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, &[(&'static str, String)])> {
        self.0.iter().map(|table| (table.header.as_str(), table.settings.as_slice()))
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, table) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            writeln!(f, "{}", table.header)?;
            for (key, value) in &table.settings {
                writeln!(f, "{key} = {value}")?;
            }
        }
        Ok(())
    }
}

//! What is wrong with a configuration.

use std::fmt;

/// One mistake: a sentence that names the key, says what was found there, and what to write instead. It never holds
/// the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake(String);

impl Mistake {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

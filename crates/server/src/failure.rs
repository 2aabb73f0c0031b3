//! Why a command failed.

use std::{fmt, process::ExitCode};

/// A sentence or two for the standard error (what happened, and what to do next), and the exit status.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    text: String,
    status: Status,
}

/// The exit status of a command that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// 1: anything that is not below.
    Failed,
    /// 3: a wake was not answered.
    Unanswered,
    /// 64: mistakes in the configuration.
    Configuration,
}

/// What most commands come to.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), status: Status::Failed }
    }

    pub(crate) fn unanswered(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), status: Status::Unanswered }
    }

    pub(crate) fn configuration(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), status: Status::Configuration }
    }

    /// All mistakes of a configuration, one a line.
    pub(crate) fn mistakes(mistakes: &[crate::config::Mistake]) -> Self {
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        Self::configuration(lines.join("\n"))
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.status {
            Status::Failed => 1,
            Status::Unanswered => 3,
            Status::Configuration => 64,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl std::error::Error for Failure {}

//! The standard output.

use std::io::{ErrorKind, Write};

use crate::failure::{Failure, Outcome};

/// Prints a line. A reader that went away, such as `head`, is no failure.
pub(crate) fn line(text: impl std::fmt::Display) -> Outcome {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("The output cannot be written: {error}.")))
        }
        _ => Ok(()),
    }
}

/// Prints JSON, for machines.
pub(crate) fn json(value: &impl serde::Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value);
    line(text.map_err(|error| Failure::new(format!("The answer cannot be written as JSON: {error}.")))?)
}

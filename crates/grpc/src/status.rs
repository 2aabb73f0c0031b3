//! What went wrong, as gRPC says it: one table.

use std::time::Duration;

use reveille_api::v1::ErrorReason;
use store::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of our `ErrorInfo`.
const DOMAIN: &str = "reveille";

/// What a call looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Device,
    Wake,
    PushApp,
}

/// The store's words as a status.
pub(crate) fn of_store(error: Error, wanted: Wanted) -> Status {
    use ErrorReason as Reason;
    match error {
        Error::NotFound => not_found(wanted),
        Error::Conflict(_) => {
            refuse(Code::AlreadyExists, Reason::DeviceExists, "there is a device of this name")
        }
        Error::Busy(after) => {
            retry(Code::ResourceExhausted, Reason::Overloaded, "a queue is full: nothing was accepted", after)
        }
        Error::Unavailable { after, reason } => {
            tracing::error!(reason, "the database is out of reach");
            retry(Code::Unavailable, Reason::StoreUnavailable, "the database is out of reach", after)
        }
        Error::Corrupt(what) => {
            tracing::error!(what, "a record is corrupt");
            refuse(
                Code::DataLoss,
                Reason::StoreCorrupt,
                "a record cannot be read; an operator must look at it",
            )
        }
    }
}

pub(crate) fn not_found(wanted: Wanted) -> Status {
    let (reason, what) = match wanted {
        Wanted::Device => (ErrorReason::DeviceNotFound, "no device has this name or id"),
        Wanted::Wake => (ErrorReason::WakeNotFound, "no wake has this id"),
        Wanted::PushApp => (ErrorReason::PushAppNotFound, "the configuration has no push app of this name"),
    };
    refuse(Code::NotFound, reason, what)
}

pub(crate) fn refuse(code: Code, reason: ErrorReason, message: &str) -> Status {
    Status::with_error_details(code, message, details(reason))
}

/// Every field that is wrong, and why.
pub(crate) fn invalid(violations: Vec<(String, String)>) -> Status {
    let words: Vec<_> = violations.iter().map(|(field, why)| format!("{field}: {why}")).collect();
    let mut details = details(ErrorReason::InvalidRequest);
    for (field, why) in violations {
        details.add_bad_request_violation(field, why);
    }
    Status::with_error_details(Code::InvalidArgument, words.join("; "), details)
}

/// This process is about to stop.
pub(crate) fn draining() -> Status {
    let wait = Duration::from_secs(1);
    retry(Code::Unavailable, ErrorReason::Draining, "this process is about to stop", wait)
}

fn retry(code: Code, reason: ErrorReason, message: &str, after: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message, details)
}

fn details(reason: ErrorReason) -> ErrorDetails {
    let name = reason.as_str_name().trim_start_matches("ERROR_REASON_");
    ErrorDetails::with_error_info(name, DOMAIN, [])
}

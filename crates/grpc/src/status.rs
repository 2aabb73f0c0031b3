//! What went wrong, as gRPC says it: one table.

use std::time::Duration;

use reveille_api::v1::{self as api, ErrorReason};
use store::Error;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{convert, service::LARGEST_MESSAGE};

/// The domain of our `ErrorInfo`.
const DOMAIN: &str = "reveille";
/// What the contract's names of reasons begin with.
const PREFIX: &str = "ERROR_REASON_";

/// How long to wait after a collision with another replica.
const COLLISION: Duration = Duration::from_millis(100);

/// What a call looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Device,
    /// It is to be created.
    NewDevice,
    Wake,
    PushApp,
}

/// The store's words as a status.
pub(crate) fn of_store(error: Error, wanted: Wanted) -> Status {
    use ErrorReason as Reason;
    match error {
        Error::NotFound => not_found(wanted),
        Error::Conflict(_) => conflict(wanted),
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

fn conflict(wanted: Wanted) -> Status {
    match wanted {
        Wanted::NewDevice => {
            refuse(Code::AlreadyExists, ErrorReason::DeviceExists, "there is a device of this name")
        }
        // Two replicas changed one record at the same moment, and nothing of this call was stored.
        Wanted::Device | Wanted::Wake | Wanted::PushApp => {
            let what = "somebody else changed the record at the same moment: repeat the call";
            retry(Code::Unavailable, ErrorReason::StoreUnavailable, what, COLLISION)
        }
    }
}

pub(crate) fn not_found(wanted: Wanted) -> Status {
    let (reason, what) = match wanted {
        Wanted::Device | Wanted::NewDevice => (ErrorReason::DeviceNotFound, "no device has this name or id"),
        Wanted::Wake => (ErrorReason::WakeNotFound, "no wake has this id"),
        Wanted::PushApp => (ErrorReason::PushAppNotFound, "the configuration has no push app of this name"),
    };
    refuse(Code::NotFound, reason, what)
}

/// The device has left the management: neither a push nor a reset finds it.
pub(crate) fn unenrolled() -> Status {
    let what = "the device has left the management, until it enrolls anew and opens a session";
    refuse(Code::FailedPrecondition, ErrorReason::DeviceUnenrolled, what)
}

/// The etag is not the device's any more.
pub(crate) fn changed() -> Status {
    refuse(Code::Aborted, ErrorReason::EtagMismatch, "the device was changed since it was read")
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

/// tonic's own refusal of a message that is too large tells neither why nor what to do.
pub(crate) fn in_our_words(status: Status) -> Status {
    if status.code() != Code::OutOfRange || !status.details().is_empty() {
        return status;
    }
    let what = format!("a message has at most {LARGEST_MESSAGE} bytes: send less at a time");
    refuse(Code::InvalidArgument, ErrorReason::InvalidRequest, &what)
}

/// What happened after the wanted event is forgotten in part; after `oldest`, everything is there.
pub(crate) fn pruned(oldest: i64) -> Status {
    let name = name(ErrorReason::CursorPruned);
    let details =
        ErrorDetails::with_error_info(name, DOMAIN, [("oldest_seq".to_owned(), oldest.to_string())]);
    let what =
        format!("events after this number are forgotten already: {oldest} is the oldest to go on from");
    Status::with_error_details(Code::OutOfRange, what, details)
}

/// This process is about to stop.
pub(crate) fn draining() -> Status {
    let wait = Duration::from_secs(1);
    retry(Code::Unavailable, ErrorReason::Draining, "this process is about to stop", wait)
}

/// What a call of its own would have answered, about one item of many.
pub(crate) fn of_item(status: &Status) -> api::ItemError {
    let details = status.get_error_details();
    let name = details.error_info().map(|info| format!("{PREFIX}{}", info.reason));
    let reason = name.and_then(|name| ErrorReason::from_str_name(&name)).unwrap_or(ErrorReason::Internal);
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let violation = |it: &tonic_types::FieldViolation| api::FieldViolation {
        field: it.field.clone(),
        description: it.description.clone(),
    };
    let delay = details.retry_info().and_then(|retry| retry.retry_delay);
    api::ItemError {
        code: status.code().into(),
        reason: reason.into(),
        message: status.message().to_owned(),
        field_violations: violations.iter().map(violation).collect(),
        retry_delay: delay.map(convert::span),
    }
}

fn retry(code: Code, reason: ErrorReason, message: &str, after: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message, details)
}

fn details(reason: ErrorReason) -> ErrorDetails {
    ErrorDetails::with_error_info(name(reason), DOMAIN, [])
}

fn name(reason: ErrorReason) -> &'static str {
    reason.as_str_name().trim_start_matches(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let wait = Duration::from_millis(250);
        let away = || Error::Unavailable { after: wait, reason: "planted".into() };
        let table = [
            (Error::NotFound, Wanted::Device, Code::NotFound, "DEVICE_NOT_FOUND", None),
            (Error::NotFound, Wanted::Wake, Code::NotFound, "WAKE_NOT_FOUND", None),
            (Error::NotFound, Wanted::PushApp, Code::NotFound, "PUSH_APP_NOT_FOUND", None),
            (Error::Conflict("planted"), Wanted::NewDevice, Code::AlreadyExists, "DEVICE_EXISTS", None),
            (
                Error::Conflict("planted"),
                Wanted::Wake,
                Code::Unavailable,
                "STORE_UNAVAILABLE",
                Some(COLLISION),
            ),
            (Error::Busy(wait), Wanted::Wake, Code::ResourceExhausted, "OVERLOADED", Some(wait)),
            (away(), Wanted::Device, Code::Unavailable, "STORE_UNAVAILABLE", Some(wait)),
            (Error::Corrupt("planted".into()), Wanted::Wake, Code::DataLoss, "STORE_CORRUPT", None),
        ];
        for (error, wanted, code, reason, after) in table {
            let status = of_store(error.clone(), wanted);
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{error:?}");
            assert_eq!(info.domain, "reveille");
            assert_eq!(details.retry_info().and_then(|retry| retry.retry_delay), after, "{error:?}");
            assert!(!status.message().contains("planted"), "what went wrong inside stays inside");
            let item = of_item(&status);
            assert_eq!((item.code, item.message.as_str()), (i32::from(code), status.message()));
            assert_eq!(item.reason().as_str_name(), format!("{PREFIX}{reason}"));
            assert_eq!(item.retry_delay, after.map(convert::span));
        }
    }
}

//! Errors of the service, in words.

use reveille_api::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::words;
use crate::{failure::Failure, print};

/// Nobody answers at `url`.
pub(super) fn no_service(url: &str) -> Failure {
    Failure::new(format!(
        "No service answers at {url}. Is `reveille serve` running? Name another one with --server."
    ))
}

/// Whether the service is away, and may be back soon. A process that is killed ends its connections without a word, which
/// the transport calls unknown.
pub(super) fn is_away(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        Code::Unknown => status.get_details_error_info().is_none(),
        _ => false,
    }
}

/// What the service answered, and what to do.
pub(super) fn failure(url: &str, status: &Status) -> Failure {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str()).and_then(reason);
    match status.code() {
        Code::Unavailable if reason.is_none() => return no_service(url),
        // Most likely it went away; or something between us and the service said something.
        Code::Unknown if is_away(status) => {
            let says = words::sentence(status.message(), "The connection broke");
            return Failure::new(print::plain(&format!("{} {says}", no_service(url))));
        }
        _ => {}
    }
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    let mut parts = match fields {
        [] => vec![words::sentence(status.message(), "The service gave no reason")],
        [..] => vec!["The service refused the request:".to_owned()],
    };
    parts.extend(fields.iter().map(|bad| format!("\n  {}: {}", bad.field, bad.description)));
    parts.extend(next(status.code(), reason).map(|next| format!(" {next}")));
    let wait = details.retry_info().and_then(|retry| retry.retry_delay);
    parts.extend(wait.map(|wait| format!(" Try again in {}.", words::span(wait))));
    Failure::new(print::plain(&parts.concat()))
}

fn reason(name: &str) -> Option<ErrorReason> {
    ErrorReason::from_str_name(&format!("ERROR_REASON_{name}"))
}

/// What to do about it, where the message does not say so itself.
fn next(code: Code, reason: Option<ErrorReason>) -> Option<&'static str> {
    match reason {
        Some(ErrorReason::DeviceNotFound) => Some("See `reveille devices list` for those that are known."),
        Some(ErrorReason::WakeNotFound) => Some("See `reveille wakes list`."),
        Some(ErrorReason::PushAppNotFound) => Some("See `reveille push-apps list`."),
        Some(ErrorReason::DeviceExists) => Some("See `reveille devices show`, or delete it first."),
        Some(ErrorReason::EtagMismatch) => Some("Look at it with `reveille devices show`, and try again."),
        Some(ErrorReason::DeviceUnenrolled) => {
            Some("It can be woken again after it opened a session by itself.")
        }
        Some(ErrorReason::IdempotencyMismatch) => Some("Take another --idempotency-key."),
        Some(ErrorReason::StoreCorrupt | ErrorReason::Internal) => Some("The log of the service says more."),
        Some(_) => None,
        None => match code {
            Code::Unimplemented => Some("Is it another service, or one of another version?"),
            Code::DeadlineExceeded | Code::Cancelled => {
                Some("The service did not answer in time; see its log.")
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    const URL: &str = "http://127.0.0.1:50051";

    fn check(status: &Status, expect: &str) {
        assert_eq!(failure(URL, status).to_string(), expect);
    }

    fn refused(code: Code, reason: &str, message: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, "reveille", std::collections::HashMap::new());
        Status::with_error_details(code, message, details)
    }

    #[test]
    fn says_what_to_do() {
        check(
            &Status::unavailable("tcp connect error"),
            "No service answers at http://127.0.0.1:50051. Is `reveille serve` running? Name another one with --server.",
        );
        check(
            &Status::unknown("h2 protocol error: error reading a body from connection"),
            "No service answers at http://127.0.0.1:50051. Is `reveille serve` running? Name another one with --server. \
             H2 protocol error: error reading a body from connection.",
        );
        check(
            &refused(Code::Unavailable, "DRAINING", "the process is about to stop"),
            "The process is about to stop.",
        );
        check(
            &refused(Code::NotFound, "DEVICE_NOT_FOUND", "there is no device of this name"),
            "There is no device of this name. See `reveille devices list` for those that are known.",
        );
    }

    #[test]
    fn who_refuses_is_not_away() {
        assert!(is_away(&Status::unavailable("tcp connect error")));
        assert!(is_away(&Status::unknown("connection reset")));
        assert!(is_away(&refused(Code::Unavailable, "DRAINING", "the process is about to stop")));
        assert!(!is_away(&refused(Code::Unknown, "A_REASON_OF_LATER", "somebody said so")));
        assert!(!is_away(&Status::unimplemented("")));
    }

    #[test]
    fn lists_the_fields() {
        let violations =
            vec![FieldViolation::new("name", "must not be empty"), FieldViolation::new("user", "is long")];
        let details = ErrorDetails::with_bad_request(violations);
        check(
            &Status::with_error_details(Code::InvalidArgument, "the request is wrong", details),
            "The service refused the request:\n  name: must not be empty\n  user: is long",
        );
    }
}

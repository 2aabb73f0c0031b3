/// What a status code means, in words (oma-dm.md §5.3).
pub fn meaning(code: u16) -> &'static str {
    match code {
        101 => "in progress",
        200 => "OK",
        201 => "item added",
        202 => "accepted, will run later",
        203 => "non-authoritative response",
        204 => "no content",
        205 => "reset content",
        206 => "partial content",
        207 => "conflict resolved with merge",
        208 => "conflict resolved, client won",
        209 => "conflict resolved with duplicate",
        210 => "deleted without archive",
        211 => "item not deleted",
        212 => "authentication accepted for the session",
        213 => "chunked item accepted and buffered",
        214 => "operation cancelled",
        215 => "not executed",
        216 => "Atomic rolled back",
        300 => "multiple choices",
        301 => "moved permanently",
        302 => "found",
        303 => "see other",
        304 => "not modified",
        305 => "use proxy",
        400 => "bad request",
        401 => "invalid credentials",
        402 => "payment required",
        403 => "forbidden",
        404 => "not found",
        405 => "command not allowed",
        406 => "optional feature not supported",
        407 => "credentials missing",
        408 => "request timeout",
        409 => "conflict",
        410 => "gone",
        411 => "size required",
        412 => "incomplete command",
        413 => "entity too large",
        414 => "URI too long",
        415 => "unsupported media type or format",
        416 => "requested size too big",
        417 => "retry later",
        418 => "already exists",
        419 => "conflict resolved, server won",
        420 => "device full",
        421 => "unknown search grammar",
        422 => "bad CGI script",
        423 => "soft-delete conflict",
        424 => "size mismatch",
        425 => "permission denied",
        426 => "partial item not accepted",
        427 => "item not empty",
        428 => "move failed",
        500 => "command failed",
        501 => "command not implemented",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        505 => "DTD version not supported",
        506 => "processing error",
        507 => "Atomic failed",
        508 => "refresh required",
        509 => "reserved",
        510 => "data store failure",
        511 => "server failure",
        512 => "synchronization failed",
        513 => "protocol version not supported",
        514 => "operation cancelled by the device",
        516 => "Atomic roll back failed",
        517 => "Atomic response too large",
        _ => of_class(code / 100),
    }
}

/// What the first digit says by itself.
fn of_class(class: u16) -> &'static str {
    match class {
        1 => "unknown, in progress",
        2 => "unknown, success",
        3 => "unknown, redirection",
        4 => "unknown, the command was refused",
        5 => "unknown, the device failed",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the reference, read from the document itself.
    #[test]
    fn every_code_of_the_reference_has_a_meaning() {
        let reference = include_str!("../../../docs/reference/oma-dm.md");
        let (_, table) = reference.split_once("### 5.3 Status codes").unwrap();
        let (table, _) = table.split_once("Codes in Microsoft").unwrap();
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
        let mut codes: Vec<u16> = rows.iter().filter_map(|row| row[2..5].parse().ok()).collect();
        assert!(rows.iter().any(|row| row.starts_with("| 300-305 ")));
        codes.extend(300..=305);
        assert_eq!(codes.len(), 71, "{codes:?}");
        for code in codes {
            assert!(!meaning(code).starts_with("unknown,"), "{code}");
        }
    }

    #[test]
    fn other_codes_are_named_by_their_class() {
        for (code, expect) in [
            (100, "unknown, in progress"),
            (299, "unknown, success"),
            (399, "unknown, redirection"),
            (499, "unknown, the command was refused"),
            (515, "unknown, the device failed"),
            (600, "unknown"),
            (0, "unknown"),
        ] {
            assert_eq!(meaning(code), expect, "{code}");
        }
    }
}

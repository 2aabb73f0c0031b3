use std::borrow::Cow;

use super::{ParseError, ParseErrorKind, scanner::Scanner};
use crate::{
    auth::{Chal, Cred, Secret},
    message::{Header, Location},
    meta::Meta,
};

/// `SyncHdr`, which must say who speaks and in which message of which session.
pub(super) fn read<'a>(scanner: &mut Scanner<'a>) -> Result<Header<'a>, ParseError> {
    let mut session_id = None;
    let mut msg_id = None;
    let mut source = None;
    let mut header = Header {
        ver_dtd: None,
        ver_proto: None,
        session_id: Cow::Borrowed(""),
        msg_id: 0,
        target: None,
        source: Location::default(),
        resp_uri: None,
        cred: None,
        meta: None,
    };
    scanner.children(|scanner, name| match name {
        "VerDTD" => scanner.token_into(&mut header.ver_dtd),
        "VerProto" => scanner.token_into(&mut header.ver_proto),
        "SessionID" => scanner.token_into(&mut session_id),
        "MsgID" => scanner.token_into(&mut msg_id),
        "Target" => location_into(scanner, &mut header.target),
        "Source" => location_into(scanner, &mut source),
        "RespURI" => scanner.token_into(&mut header.resp_uri),
        "Cred" => cred_into(scanner, &mut header.cred),
        "Meta" => meta_into(scanner, &mut header.meta),
        _ => scanner.skip(),
    })?;
    let missing = |what| scanner.fail(ParseErrorKind::Missing(what));
    let filled =
        |text: Option<Cow<'a, str>>, what| text.filter(|text| !text.is_empty()).ok_or_else(|| missing(what));
    header.session_id = filled(session_id, "SessionID")?;
    header.msg_id =
        filled(msg_id, "MsgID")?.parse().map_err(|_| scanner.fail(ParseErrorKind::NotANumber("MsgID")))?;
    header.source =
        source.filter(|source| !source.uri.is_empty()).ok_or_else(|| missing("the LocURI of Source"))?;
    Ok(header)
}

/// `Target` or `Source`.
pub(super) fn location_into<'a>(
    scanner: &mut Scanner<'a>,
    field: &mut Option<Location<'a>>,
) -> Result<(), ParseError> {
    let mut uri = None;
    let mut name = None;
    scanner.children(|scanner, child| match child {
        "LocURI" => scanner.token_into(&mut uri),
        "LocName" => scanner.token_into(&mut name),
        _ => scanner.skip(),
    })?;
    let uri = uri.unwrap_or_default();
    field.get_or_insert(Location { uri, name });
    Ok(())
}

pub(super) fn cred_into<'a>(
    scanner: &mut Scanner<'a>,
    field: &mut Option<Cred<'a>>,
) -> Result<(), ParseError> {
    let mut meta = None;
    let mut data = None;
    scanner.children(|scanner, child| match child {
        "Meta" => meta_into(scanner, &mut meta),
        "Data" => scanner.token_into(&mut data),
        _ => scanner.skip(),
    })?;
    field.get_or_insert(Cred { meta: meta.unwrap_or_default(), data: Secret::new(data.unwrap_or_default()) });
    Ok(())
}

pub(super) fn chal_into<'a>(
    scanner: &mut Scanner<'a>,
    field: &mut Option<Chal<'a>>,
) -> Result<(), ParseError> {
    let mut meta = None;
    scanner.children(|scanner, child| match child {
        "Meta" => meta_into(scanner, &mut meta),
        _ => scanner.skip(),
    })?;
    let meta = meta.unwrap_or_default();
    field.get_or_insert(Chal { meta });
    Ok(())
}

pub(super) fn meta_into<'a>(
    scanner: &mut Scanner<'a>,
    field: &mut Option<Meta<'a>>,
) -> Result<(), ParseError> {
    let mut meta = Meta::default();
    let mut next_nonce = None;
    scanner.children(|scanner, child| match child {
        "Format" => scanner.token_into(&mut meta.format),
        "Type" => scanner.token_into(&mut meta.kind),
        "Mark" => scanner.token_into(&mut meta.mark),
        "Size" => scanner.token_into(&mut meta.size),
        "NextNonce" => scanner.token_into(&mut next_nonce),
        "MaxMsgSize" => scanner.token_into(&mut meta.max_msg_size),
        "MaxObjSize" => scanner.token_into(&mut meta.max_obj_size),
        _ => scanner.skip(),
    })?;
    meta.next_nonce = next_nonce.map(Secret::new);
    field.get_or_insert(meta);
    Ok(())
}

//! Documents as they come over the wire: real ones, generated ones and hostile ones.

#[path = "wire/borrowed.rs"]
mod borrowed;
#[path = "wire/cost.rs"]
mod cost;
#[path = "wire/encoding.rs"]
mod encoding;
#[path = "wire/fixtures.rs"]
mod fixtures;
#[path = "wire/hostile.rs"]
mod hostile;
#[path = "wire/length.rs"]
mod length;
#[path = "wire/round_trip.rs"]
mod round_trip;
#[path = "wire/shapes.rs"]
mod shapes;

use syncml::{Limits, Message, ParseError};

fn parse(document: &[u8]) -> Result<Message<'_>, ParseError> {
    Message::parse(document, &Limits::default())
}

/// A whole document around the content of a `SyncBody`.
fn with_body(body: &str) -> String {
    format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>\
         <SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>https://s</LocURI></Target>\
         <Source><LocURI>dev</LocURI></Source></SyncHdr><SyncBody>{body}</SyncBody></SyncML>"
    )
}

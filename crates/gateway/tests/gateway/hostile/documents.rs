//! Bodies that are large, or small and meant to become large.

use std::fmt::{self, Write as _};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::attacked::Attacked;
use crate::field::{NAME, SYNCML};

/// So many pieces of text, one after the other.
fn repeated(count: usize, piece: impl Fn(&mut String, usize) -> fmt::Result) -> String {
    let mut text = String::new();
    for number in 0..count {
        piece(&mut text, number).unwrap();
    }
    text
}

async fn refused(attacked: &Attacked, body: String) -> String {
    let bytes = body.len();
    let status = attacked.post(body).await;
    assert!([400, 413].contains(&status), "{status}");
    format!("{status}, {bytes} bytes")
}

pub(super) async fn attributes(attacked: Attacked) -> String {
    let attributes = repeated(100_000, |text, number| write!(text, " a{number}=''"));
    refused(&attacked, format!("<SyncML{attributes}><SyncHdr/></SyncML>")).await
}

pub(super) async fn elements(attacked: Attacked) -> String {
    refused(&attacked, format!("<SyncML><SyncHdr/><SyncBody>{}</SyncBody></SyncML>", "<a/>".repeat(100_000)))
        .await
}

pub(super) async fn levels(attacked: Attacked) -> String {
    let (open, close) = ("<Sequence>".repeat(10_000), "</Sequence>".repeat(10_000));
    refused(&attacked, format!("<SyncML><SyncHdr/><SyncBody>{open}{close}</SyncBody></SyncML>")).await
}

pub(super) async fn laughs(attacked: Attacked) -> String {
    let mut entities = "<!ENTITY lol0 \"lol\">".to_owned();
    for number in 1..10 {
        let ten = format!("&lol{};", number - 1).repeat(10);
        write!(entities, "<!ENTITY lol{number} \"{ten}\">").unwrap();
    }
    refused(
        &attacked,
        format!("<?xml version=\"1.0\"?><!DOCTYPE SyncML [{entities}]><SyncML>&lol9;</SyncML>"),
    )
    .await
}

/// More commands than a message may have.
pub(super) async fn commands(attacked: Attacked) -> String {
    let commands = repeated(20_000, |text, id| write!(text, "<A><CmdID>{id}</CmdID></A>"));
    let body = format!(
        "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>{NAME}</LocURI></Source></SyncHdr>\
         <SyncBody>{commands}<Final/></SyncBody></SyncML>"
    );
    refused(&attacked, body).await
}

/// Announced by Content-Length: refused before a byte of it was asked for.
pub(super) async fn announced(attacked: Attacked) -> String {
    let mut stream = attacked.connect().await;
    let head = format!(
        "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nContent-Length: 1000000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    "413, closed".to_owned()
}

/// Not announced: read up to the limit, and no further.
pub(super) async fn chunked(attacked: Attacked) -> String {
    let stream = attacked.connect().await;
    let (mut reads, mut writes) = stream.into_split();
    let head = format!(
        "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    writes.write_all(head.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
        let mut sent = 0_u64;
        while sent < 1_000_000_000 && writes.write_all(&chunk).await.is_ok() {
            sent += 0x10000;
        }
        sent
    });
    let mut answer = Vec::new();
    // The rest of a body that is not read may reset the connection under its answer.
    let _ = reads.read_to_end(&mut answer).await;
    let sent = sending.await.unwrap();
    assert!(sent < 32_000_000, "{sent} bytes were taken");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    format!("{}, closed after {} kB", if answer.is_empty() { "reset" } else { "413" }, sent / 1_000)
}

/// Each is as large as it may be, and they are held back before their ends.
pub(super) async fn many_bodies(attacked: Attacked) -> String {
    let head =
        format!("POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nContent-Length: 1000000\r\n\r\n");
    let sends = (0..200).map(|_| {
        let (attacked, head) = (attacked.clone(), head.clone());
        tokio::spawn(async move {
            let mut stream = attacked.connect().await;
            let sent = async {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b' '; 999_999]).await?;
                let mut answer = [0; 12];
                stream.read_exact(&mut answer).await?;
                std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
            };
            sent.await.unwrap_or_default()
        })
    });
    let mut refused = 0;
    for send in sends.collect::<Vec<_>>() {
        let answer = send.await.unwrap();
        let known = ["", "HTTP/1.1 408", "HTTP/1.1 413", "HTTP/1.1 429", "HTTP/1.1 503"];
        assert!(known.contains(&answer.as_str()), "{answer}");
        refused += usize::from(answer != "HTTP/1.1 408");
    }
    format!("all cut off, {refused} for want of room")
}

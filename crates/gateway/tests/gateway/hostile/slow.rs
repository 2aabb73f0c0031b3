//! Clients that are slow on purpose. Each phase of a connection has its time.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{attacked::Attacked, now};
use crate::field::SYNCML;

/// Sends a byte now and then until the other side has had enough; how long that took.
async fn trickle(mut stream: TcpStream, begin: &[u8]) -> Duration {
    let started = now();
    // Whoever is cut off at once never gets to trickle.
    if stream.write_all(begin).await.is_err() {
        return now() - started;
    }
    let mut drops = tokio::time::interval(Duration::from_millis(100));
    let mut answer = [0; 1_024];
    loop {
        tokio::select! {
            read = stream.read(&mut answer) => match read {
                Ok(0) | Err(_) => return now() - started,
                // An answer: the end follows.
                Ok(_) => {}
            },
            _ = drops.tick() => {
                if stream.write_all(b"x").await.is_err() {
                    return now() - started;
                }
            }
        }
    }
}

async fn hundred<F: Future<Output = TcpStream> + Send + 'static>(
    attacked: &Attacked,
    connect: impl Fn(Attacked) -> F,
    begin: &[u8],
) -> String {
    let mut tasks = Vec::new();
    for _ in 0..100 {
        let (stream, begin) = (connect(attacked.clone()), begin.to_vec());
        tasks.push(tokio::spawn(async move { trickle(stream.await, &begin).await }));
    }
    // A device does not wait for them.
    attacked.serves_a_device().await;
    let mut longest = Duration::ZERO;
    for task in tasks {
        longest = longest.max(task.await.unwrap());
    }
    format!("cut off after {} ms at the latest", longest.as_millis())
}

async fn connect(attacked: Attacked) -> TcpStream {
    attacked.connect().await
}

pub(super) async fn headers(attacked: Attacked) -> String {
    hundred(&attacked, connect, b"POST /dm HTTP/1.1\r\nHost: x\r\nX-Slow: ").await
}

pub(super) async fn bodies(attacked: Attacked) -> String {
    let head =
        format!("POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nContent-Length: 900000\r\n\r\n<");
    hundred(&attacked, connect, head.as_bytes()).await
}

pub(super) async fn handshakes(attacked: Attacked) -> String {
    // The head of a ClientHello of 16,000 bytes, of which one comes now and then.
    let hello = [22, 3, 1, 0x3e, 0x80, 1, 0, 0x3e, 0x7c, 3, 3];
    let connect = |attacked: Attacked| async move { attacked.connect_tls().await };
    hundred(&attacked, connect, &hello).await
}

/// More than one address may have: some are closed at once, the others when they have said nothing for too long.
pub(super) async fn silent(attacked: Attacked) -> String {
    let mut streams = Vec::new();
    for _ in 0..500 {
        streams.push(attacked.connect().await);
    }
    let started = now();
    let mut ends = Vec::new();
    for mut stream in streams {
        ends.push(tokio::spawn(async move {
            let mut nothing = Vec::new();
            let _ = stream.read_to_end(&mut nothing).await;
            assert!(nothing.is_empty(), "{:?}", String::from_utf8_lossy(&nothing));
            now() - started
        }));
    }
    let mut at_once = 0;
    for end in ends {
        at_once += usize::from(end.await.unwrap() < Duration::from_millis(500));
    }
    assert!(at_once > 0, "an address has all the connections that it likes");
    format!("closed, {at_once} of them at once")
}

/// Requests without end on one connection, and nobody reads what comes back.
pub(super) async fn unread(attacked: Attacked) -> String {
    let mut stream = attacked.connect().await;
    let request =
        format!("POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nContent-Length: 1\r\n\r\nx");
    let batch = request.repeat(100).into_bytes();
    let mut sent = 0_u64;
    // It stalls as soon as the gateway cannot write, and after a while the connection is gone.
    while stream.write_all(&batch).await.is_ok() {
        sent += batch.len() as u64;
        assert!(sent < 200_000_000, "{sent} bytes were taken without an answer being read");
    }
    format!("closed after {} kB of requests", sent / 1_000)
}

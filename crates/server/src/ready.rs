//! `ready`: whether a running service is, for the health check of a container that has no shell.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    failure::{Failure, Outcome},
    print,
};

/// How long the service may take to answer: longer than it waits for its database.
const PATIENCE: Duration = Duration::from_secs(4);
/// Bytes of an answer that are looked at.
const LONGEST: u64 = 64 << 10;

/// Asks the admin listener at `admin` and prints what it says.
pub(crate) async fn run(admin: SocketAddr) -> Outcome {
    let asked = tokio::time::timeout(PATIENCE, ask(admin)).await;
    let answer = asked
        .map_err(|_| Failure::new(format!("The service at {admin} does not answer.")))?
        .map_err(|error| Failure::new(format!("The service at {admin} cannot be asked: {error}.")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_whitespace().nth(1) {
        Some("200") => print::line(body.trim_end()),
        Some("503") => Err(Failure::new(body.trim_end())),
        _ => Err(Failure::new(format!("What listens at {admin} is no admin listener of Reveille."))),
    }
}

async fn ask(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!(
        "GET /readyz?verbose HTTP/1.1\r\nhost: {admin}\r\naccept: text/plain\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! The bytes of messages and of replies in memory. Of a message, never more than one may have is read, never for longer
//! than it may take, and of all messages together never more than there is room for. Replies take of the same room until
//! they are sent, so that whoever reads slowly leaves less of it to those who come.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::{Inner, refusal::Refusal};

/// A message's bytes, and the room that they take.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    _room: Room,
}

/// A reply that is being sent, and the room that it takes.
struct Held {
    reply: Vec<u8>,
    _room: Room,
}

impl Inner {
    /// The whole body. One that announces too much is refused before it is asked for.
    pub(crate) async fn read(&self, headers: &HeaderMap, mut body: Body) -> Result<Received, Refusal> {
        let limit = self.settings.limits.bytes;
        let announces_too_much =
            usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > limit);
        if announces_too_much && headers.contains_key(header::EXPECT) {
            return Err(Refusal::TooLarge);
        }
        let received = if announces_too_much {
            Err(Refusal::TooLarge)
        } else {
            let whole = self.collect(&mut body, limit);
            tokio::time::timeout(self.settings.request_timeout, whole).await.unwrap_or(Err(Refusal::TooSlow))
        };
        if matches!(received, Err(Refusal::TooLarge)) {
            // However that ends: the refusal is what there is to say.
            let _ = tokio::time::timeout(DISCARDED_FOR, discard(body)).await;
        }
        received
    }

    async fn collect(&self, body: &mut Body, limit: usize) -> Result<Received, Refusal> {
        let mut room = self.room();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::BrokenOff)?.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(Refusal::TooLarge);
            }
            if !room.take(data.len(), self.settings.max_buffered_bytes) {
                return Err(Refusal::Overloaded(self.overload_wait()));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Received { bytes: bytes.freeze(), _room: room })
    }

    /// A reply that takes room until it is dropped. It is sent even if there is none: what it says is stored already.
    pub(crate) fn held(&self, mut reply: Vec<u8>) -> Bytes {
        reply.shrink_to_fit();
        let mut room = self.room();
        room.take(reply.len(), usize::MAX);
        Bytes::from_owner(Held { reply, _room: room })
    }

    fn room(&self) -> Room {
        Room { of: self.buffered.clone(), taken: 0 }
    }
}

/// Of a body that is refused, so much is read and dropped, in so much time: a client that is still sending when the
/// connection closes may never see why.
const DISCARDED: usize = 8 << 20;
const DISCARDED_FOR: Duration = Duration::from_secs(2);

async fn discard(mut body: Body) {
    let mut left = DISCARDED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Room for bytes; given back when dropped.
struct Room {
    of: Arc<AtomicUsize>,
    taken: usize,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.reply
    }
}

impl Room {
    /// Takes more; false if there is not so much left.
    fn take(&mut self, more: usize, most: usize) -> bool {
        self.taken += more;
        self.of.fetch_add(more, Ordering::Relaxed) + more <= most
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.of.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back() {
        let buffered = Arc::new(AtomicUsize::new(0));
        let room = || Room { of: buffered.clone(), taken: 0 };
        let (mut one, mut other) = (room(), room());
        assert!(one.take(6, 10) && other.take(4, 10));
        assert!(!other.take(1, 10), "full");
        drop(other);
        assert!(one.take(4, 10));
        drop(one);
        assert_eq!(buffered.load(Ordering::Relaxed), 0);
    }
}

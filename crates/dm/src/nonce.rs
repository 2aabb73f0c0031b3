//! Nonces that nobody stores until one was used: each is a keyed hash of what the challenge was about.

use std::fmt;

use model::{SessionKey, Timestamp};
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::scope::Scope;

/// The key of all nonces. The caller derives it from its own secret.
#[derive(Clone)]
pub struct NonceKey(hmac::Key);

/// 16 bytes that a digest is made with.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Nonce([u8; 16]);

/// What a challenge is about. A new session of the device changes `newest`, so that opening one
/// uses up the nonce.
pub(crate) struct Subject<'a> {
    pub(crate) device: &'a str,
    pub(crate) session_id: &'a str,
    pub(crate) scope: Scope,
    pub(crate) newest: Option<SessionKey>,
}

impl NonceKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The nonces that are valid at `now`, the one to challenge with first. A nonce lives for five
    /// to ten minutes.
    pub(crate) fn nonces(&self, subject: &Subject<'_>, now: Timestamp) -> [Nonce; 2] {
        let slot = now.as_micros().div_euclid(SLOT_MICROS);
        [slot, slot.saturating_sub(1)].map(|slot| self.nonce(subject, slot))
    }

    /// The nonces of the same subject that were valid in the last hours. A device that slept comes back with one.
    pub(crate) fn outdated(&self, subject: &Subject<'_>, now: Timestamp) -> impl Iterator<Item = Nonce> {
        let slot = now.as_micros().div_euclid(SLOT_MICROS);
        (2..OUTDATED_SLOTS + 2).map(move |ago| self.nonce(subject, slot.saturating_sub(ago)))
    }

    fn nonce(&self, subject: &Subject<'_>, slot: i64) -> Nonce {
        let mut context = hmac::Context::with_key(&self.0);
        // Every field of variable length is preceded by it, so that no two subjects read alike.
        for text in [subject.device, subject.session_id, subject.scope.name()] {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        context.update(&slot.to_be_bytes());
        if let Some(newest) = subject.newest {
            context.update(newest.uuid().as_bytes());
        }
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&context.sign().as_ref()[..16]);
        Nonce(nonce)
    }
}

impl Nonce {
    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

const SLOT_MICROS: i64 = 5 * 60 * 1_000_000;

/// Slots whose nonces are known to be outdated: two hours.
const OUTDATED_SLOTS: i64 = 24;

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(…)")
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    fn subject() -> Subject<'static> {
        Subject { device: "dev", session_id: "1", scope: Scope::Device, newest: None }
    }

    fn nonces(subject: &Subject<'_>, seconds: u64) -> [Nonce; 2] {
        NonceKey::new(&[1; 32]).nonces(subject, Timestamp::EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn a_nonce_outlives_its_slot_by_one() {
        let [first, _] = nonces(&subject(), 299);
        assert_eq!(nonces(&subject(), 0)[0], first);
        assert_eq!(nonces(&subject(), 300)[1], first);
        assert!(!nonces(&subject(), 600).contains(&first));
        for (seconds, expect) in [(599, false), (600, true), (7_799, true), (7_800, false)] {
            let now = Timestamp::EPOCH + Duration::from_secs(seconds);
            let mut outdated =
                NonceKey::new(&[1; 32]).outdated(&subject(), now).collect::<Vec<_>>().into_iter();
            assert_eq!(outdated.any(|nonce| nonce == first), expect, "{seconds}");
        }
    }

    #[test]
    fn every_part_of_the_subject_counts() {
        let newest = |n| Some(SessionKey::new(Uuid::from_u128(n)));
        let all = [
            subject(),
            Subject { device: "dev2", ..subject() },
            Subject { session_id: "2", ..subject() },
            Subject { device: "de", session_id: "v1", ..subject() },
            Subject { scope: Scope::User, ..subject() },
            Subject { newest: newest(1), ..subject() },
            Subject { newest: newest(2), ..subject() },
        ];
        let mut seen: Vec<_> = all.iter().map(|subject| nonces(subject, 0)[0].0).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all.len());
    }
}

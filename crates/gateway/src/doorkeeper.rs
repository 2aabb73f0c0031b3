//! Keeps guessing slow: applies the rules of [`guessing`](crate::guessing), and waits where they say so.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::Timestamp;

use crate::{
    GuessingLimits,
    guessing::{Claim, Guesses, Verdict},
    identity::Sender,
    places::Places,
    refusal::Refusal,
};

/// Keeps guessing slow.
pub(crate) struct Doorkeeper {
    guesses: Mutex<Guesses>,
    names: RandomState,
    /// Messages that wait: of devices at addresses where they were right, and of everybody else. Strangers cannot take the
    /// places of the former, and those at one address not all of the others.
    welcome: Places,
    strangers: Places,
}

/// Messages of each kind that may wait at a time, and of strangers at one address.
const WAITING: usize = 256;
const WAITING_AT_ONE_ADDRESS: usize = 16;

impl Doorkeeper {
    pub(crate) fn new(limits: GuessingLimits) -> Self {
        Self {
            guesses: Mutex::new(Guesses::new(limits)),
            names: RandomState::new(),
            welcome: Places::new(WAITING, WAITING),
            strangers: Places::new(WAITING, WAITING_AT_ONE_ADDRESS),
        }
    }

    /// The claim of a message: that `name` sent it.
    pub(crate) fn claim(&self, sender: &Sender, name: &str) -> Claim {
        Claim { from: sender.subscriber(), name: self.names.hash_one(name) }
    }

    /// Returns when a message may be verified for which a certificate is not enough. Where nobody else can wait, it is
    /// verified at once: to refuse it would let strangers lock a device out, and the buckets of the addresses bound what
    /// they gain by that.
    pub(crate) async fn let_in(
        &self,
        claim: Claim,
        has_credential: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (verdict, welcome) = {
            let mut guesses = self.guesses();
            let verdict = if has_credential {
                guesses.with_credential(claim, now)
            } else {
                guesses.without_credential(claim, now)
            };
            (verdict, guesses.is_welcome(claim))
        };
        let wait = match verdict {
            Verdict::Verify(wait) if wait.is_zero() => return Ok(()),
            Verdict::Verify(wait) => wait,
            Verdict::Refuse(after) => return Err(Refusal::Guessing(after)),
        };
        let places = if welcome { &self.welcome } else { &self.strangers };
        if let Some(_place) = places.try_take(claim.from) {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Asks once more at the moment of verifying: of many messages that were let in together, the first may have emptied
    /// the bucket.
    pub(crate) fn check(&self, claim: Claim, now: Timestamp) -> Result<(), Refusal> {
        match self.guesses().with_credential(claim, now) {
            Verdict::Verify(_) => Ok(()),
            Verdict::Refuse(after) => Err(Refusal::Guessing(after)),
        }
    }

    /// A credential was right.
    pub(crate) fn right(&self, claim: Claim) {
        self.guesses().right(claim);
    }

    /// A credential was wrong.
    pub(crate) fn wrong(&self, claim: Claim, now: Timestamp) {
        self.guesses().wrong(claim, now);
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

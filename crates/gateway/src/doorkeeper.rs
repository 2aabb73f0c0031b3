//! Keeps guessing slow: applies the rules of [`guessing`](crate::guessing), and waits where they say so.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::Timestamp;
use tokio::sync::Semaphore;

use crate::{
    GuessingLimits,
    guessing::{Claim, Guesses, Verdict},
    identity::Sender,
    refusal::Refusal,
};

/// Keeps guessing slow.
pub(crate) struct Doorkeeper {
    guesses: Mutex<Guesses>,
    names: RandomState,
    longest_wait: Duration,
    /// Messages that may wait at a time: of devices at addresses where they were right, and of everybody else. Strangers
    /// cannot take the places of the former.
    welcome: Semaphore,
    strangers: Semaphore,
}

/// Messages of each kind that may wait at a time.
const WAITING: usize = 256;

impl Doorkeeper {
    pub(crate) fn new(limits: GuessingLimits) -> Self {
        Self {
            longest_wait: limits.name_wait_max,
            guesses: Mutex::new(Guesses::new(limits)),
            names: RandomState::new(),
            welcome: Semaphore::new(WAITING),
            strangers: Semaphore::new(WAITING),
        }
    }

    /// The claim of a message: that `name` sent it.
    pub(crate) fn claim(&self, sender: &Sender, name: &str) -> Claim {
        Claim { from: sender.subscriber(), name: self.names.hash_one(name) }
    }

    /// Returns when a message may be verified for which no certificate vouches.
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
        let _place = places.try_acquire().map_err(|_| Refusal::Guessing(self.longest_wait))?;
        tokio::time::sleep(wait).await;
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

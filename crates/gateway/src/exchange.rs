//! The path of one message: who sends it, what is known, decide, commit.

use std::time::Duration;

use model::{DeviceName, Timestamp};
use store::{Error, Visitor};
use syncml::Message;
use tokio::time::Instant;

use crate::{
    Inner,
    decide::Decision,
    guessing::Claim,
    hints::Hints,
    identity::{Sender, Standing},
    overload::Place,
    refusal::Refusal,
    report::Stages,
};

/// How often a message is taken in again because something changed under our hands.
const TRIES: usize = 5;
/// What says no leaves no sooner than this after its message came: otherwise the time would tell whether there is such a
/// device, for which more has to be looked up.
const NO: Duration = Duration::from_millis(25);

/// Bytes of a name that are logged: as long as the name of a device may be.
const LOGGED: usize = 255;

/// A message and what came with it.
pub(crate) struct Arrival<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) message: &'a Message<'a>,
    pub(crate) sender: &'a Sender,
    pub(crate) hints: Hints,
    /// When the request began to come in.
    pub(crate) begun_at: Timestamp,
    /// When it was there.
    pub(crate) read_at: Timestamp,
    /// When it was understood.
    pub(crate) at: Timestamp,
}

impl Arrival<'_> {
    /// The name of the device that is said to have sent it.
    pub(crate) fn claimed(&self) -> &str {
        &self.message.header.source.uri
    }

    /// As much of that name as is logged: until somebody is believed, it is as long as strangers like.
    pub(crate) fn claimed_for_log(&self) -> &str {
        let claimed = self.claimed();
        &claimed[..claimed.floor_char_boundary(LOGGED)]
    }

    pub(crate) fn has_credential(&self) -> bool {
        self.message.header.cred.is_some()
    }
}

impl Inner {
    /// Answers a message. What the answer promises is stored when this returns.
    pub(crate) async fn exchange(&self, arrival: &Arrival<'_>) -> Result<Vec<u8>, Refusal> {
        let answered = self.take_in(arrival).await;
        if matches!(answered, Err(Refusal::Guessing(_))) {
            self.tell_unverified(arrival);
        }
        answered
    }

    async fn take_in(&self, arrival: &Arrival<'_>) -> Result<Vec<u8>, Refusal> {
        let claim = self.door.claim(arrival.sender, arrival.claimed());
        let standing = self.standing(arrival.sender, arrival.claimed()).await?;
        if !(matches!(standing, Standing::Vouched(_)) && self.certificates_suffice()) {
            self.door.let_in(claim, arrival.has_credential(), arrival.at).await?;
        }
        // The wait for a name that is guessed at is the same for every name, and no part of it.
        let no = Instant::now() + NO;
        for _ in 1..TRIES {
            match self.attempt(arrival, claim, &standing, no).await {
                Err(Refusal::Changed) => {}
                other => return other,
            }
        }
        self.attempt(arrival, claim, &standing, no).await
    }

    async fn attempt(
        &self,
        arrival: &Arrival<'_>,
        claim: Claim,
        standing: &Standing,
        no: Instant,
    ) -> Result<Vec<u8>, Refusal> {
        let place = Place::take(&self.under_way);
        let visitor = match standing {
            // To the owner of another device's certificate, there is no device of that name.
            Standing::Another(..) => None,
            Standing::Anonymous | Standing::Vouched(_) => self.visitor(arrival.claimed()).await?,
        };
        let may_write = self.may_write().await?;
        let loaded = self.store.now();
        match self.decide(arrival, claim, standing, visitor.as_ref(), may_write)? {
            Decision::Reply(reply) => Ok(reply),
            Decision::Commit { reply, commit, earlier } => {
                let decided = self.store.now();
                let committed = self.store.commit_session(commit.as_ref().clone()).await?;
                let stages = Stages { loaded, decided, committed: self.store.now(), reply: reply.len() };
                self.report(arrival, &commit, &committed, earlier.as_ref(), &stages);
                Ok(reply)
            }
            Decision::No { reply, refused } => {
                self.record(refused, visitor.as_ref(), standing, arrival).await?;
                drop(place);
                tokio::time::sleep_until(no).await;
                Ok(reply)
            }
        }
    }

    /// Whether a certificate alone says who a device is. Otherwise its credential is guarded like any other.
    pub(crate) fn certificates_suffice(&self) -> bool {
        self.settings.sessions.proof == dm::Proof::Either
    }

    /// What is known of the device that the message names. A name that cannot be one is unknown like any other.
    async fn visitor(&self, claimed: &str) -> Result<Option<Visitor>, Error> {
        let Ok(name) = claimed.parse::<DeviceName>() else { return Ok(None) };
        match self.store.visitor(&name).await {
            Ok(visitor) => Ok(Some(visitor)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the fleet's budget for planned writes has room.
    async fn may_write(&self) -> Result<bool, Error> {
        let budget = self.settings.pfn_writes_per_hour;
        if budget == 0 {
            return Ok(true);
        }
        let hour_ago = self.store.now() - Duration::from_hours(1);
        Ok(self.store.pfn_writes_since(hour_ago).await? < budget)
    }

    /// Tells operators of a refusal, and remembers it with the device, if something vouched for that device: the
    /// mistakes of strangers are nobody's.
    async fn record(
        &self,
        refused: Option<dm::Refusal>,
        visitor: Option<&Visitor>,
        standing: &Standing,
        arrival: &Arrival<'_>,
    ) -> Result<(), Error> {
        let claimed = arrival.claimed_for_log();
        let (device, reason) = match (standing, refused) {
            (Standing::Another(id, name), _) => {
                tracing::warn!(device = %name, claimed, "a message was refused: its certificate is another device's");
                (*id, "certificate")
            }
            (_, None) => {
                tracing::debug!(device = claimed, "challenged");
                return Ok(());
            }
            (_, Some(dm::Refusal::Credential)) => {
                tracing::debug!(device = claimed, "refused without another challenge");
                return Ok(());
            }
            (_, Some(why)) => {
                let reason = why.name();
                tracing::warn!(
                    device = claimed,
                    reason,
                    "a message of a device that proved who it is was refused"
                );
                let Some(visitor) = visitor else { return Ok(()) };
                (visitor.device.id, reason)
            }
        };
        self.store.record_refusal(device, store::Refusal { reason, at: arrival.at }).await
    }
}

//! Housekeeping between `push`, which decides it, and `dm`, which carries it: without I/O, clock or store.

use dm::{CommandError, Outgoing, Turn};
use model::{ProviderId, Scope};
use push::{Channel, Context, Detail, Visit};
use store::DeviceInfo;

use crate::{commands::Nodes, observation};

/// Takes what a device said into its channel, and puts what is to be asked into commands (DESIGN §4). Whoever holds the
/// sessions drives it: the gateway, or a simulation in virtual time.
#[derive(Debug)]
pub struct Housekeeper {
    nodes: Nodes,
}

/// The device that a message is from, as far as its housekeeping goes.
#[derive(Clone, Copy, Debug)]
pub struct Household<'a> {
    /// The `{ProviderID}` of its `DMClient` nodes.
    pub provider: &'a ProviderId,
    /// Whether `./DevDetail` is to be read.
    pub detail: Detail,
    /// It had left the management: a session that it opens is a new beginning.
    pub unenrolled: bool,
}

impl Housekeeper {
    /// Housekeeping of the nodes below `root`: `./Vendor/MSFT` or `./Device/Vendor/MSFT`.
    pub fn new(root: &str) -> Self {
        Self { nodes: Nodes::new(root) }
    }

    /// The commands of the next step; none in a user's session. `visit` is none until the session's first answer that
    /// could ask something, and is kept with the session. An error means that a provider id or a PFN fits no command.
    pub fn step(
        &self,
        turn: &Turn<'_>,
        household: Household<'_>,
        channel: &mut Channel,
        visit: &mut Option<Visit>,
        context: &Context<'_>,
    ) -> Result<Vec<Outgoing>, CommandError> {
        if turn.scope() == Scope::User {
            return Ok(Vec::new());
        }
        if turn.opened() && household.unenrolled {
            channel.forget(context.now);
        }
        let seen = observation::of(turn.outcomes(), household.provider);
        let steps = match visit {
            Some(visit) if turn.may_send() => visit.proceed(channel, &seen, context),
            Some(visit) => {
                visit.note(channel, &seen, context);
                Vec::new()
            }
            None if turn.may_send() => {
                let (begun, steps) = Visit::begin(channel, household.detail, context);
                *visit = Some(begun);
                steps
            }
            None => Vec::new(),
        };
        self.nodes.commands(household.provider, &steps)
    }

    /// What the message says of the device itself, if `./DevDetail` was asked for and answered.
    pub fn detail(turn: &Turn<'_>) -> Option<DeviceInfo> {
        observation::detail(turn.outcomes())
    }
}

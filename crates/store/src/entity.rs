//! The tables, as sea-orm sees them. Column comments stand with the migration.
#![expect(unreachable_pub, reason = "sea-orm derives public items")]

pub(crate) mod census;
pub(crate) mod channel;
pub(crate) mod device;
pub(crate) mod event_counter;
pub(crate) mod heartbeat;
pub(crate) mod idempotency_key;
pub(crate) mod key_check;
pub(crate) mod push;
pub(crate) mod push_app;
pub(crate) mod session;
pub(crate) mod summons;
pub(crate) mod wake;
pub(crate) mod wake_event;

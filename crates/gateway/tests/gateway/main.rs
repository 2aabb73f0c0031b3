//! The gateway over real HTTP.

mod authority;
mod edge;
mod field;
mod fixtures;
mod hostile;
mod other_client;
mod rules;
mod sessions;
mod strangers;

//! Large objects: values that go over in pieces, one object at a time (oma-dm.md §6).

mod name;
mod receive;
mod send;

pub(crate) use receive::{Incoming, Pieces, Whole};
pub(crate) use send::{About, Sending, Slice};

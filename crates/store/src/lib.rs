//! Everything that is remembered.

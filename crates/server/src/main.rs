//! Reveille wakes Windows devices into management sessions.

fn main() {}

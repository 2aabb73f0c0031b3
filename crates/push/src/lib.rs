//! The rules of push, without I/O.

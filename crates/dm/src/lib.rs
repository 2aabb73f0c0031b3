//! The server side of an OMA DM session, without I/O.

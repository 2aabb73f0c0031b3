//! Bytes to SyncML messages and back.

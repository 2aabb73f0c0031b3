//! Devices speak SyncML here.

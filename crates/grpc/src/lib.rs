//! Internal services speak gRPC here.

//! The gRPC contract of Reveille.

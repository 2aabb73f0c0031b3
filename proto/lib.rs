#![doc = include_str!("README.md")]

/// Version 1 of the contract: messages, clients and servers.
pub mod v1 {
    /// Where the code that the compiler writes is let off the lints.
    #[allow(
        clippy::all,
        clippy::pedantic,
        missing_docs,
        reason = "this code is generated, and its words are those of the contract"
    )]
    mod generated {
        tonic::include_proto!("reveille.v1");
    }

    pub use generated::*;
}

mod redact;

#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod style;

/// The contract as an encoded `google.protobuf.FileDescriptorSet`, comments included: what server
/// reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/reveille.v1.bin"));

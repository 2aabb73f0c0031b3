//! Compiles the contract with a compiler written in Rust, so that nobody needs `protoc`.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const ROOT: &str = "proto";

const FILES: [&str; 5] = [
    "reveille/v1/device_service.proto",
    "reveille/v1/errors.proto",
    "reveille/v1/push_app_service.proto",
    "reveille/v1/resources.proto",
    "reveille/v1/wake_service.proto",
];

/// What holds a secret: `proto/redact.rs` writes the `Debug` of these by hand.
const SECRET: [&str; 3] =
    [".reveille.v1.Credential", ".reveille.v1.Credential.secret", ".reveille.v1.ImportRow"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ROOT}/reveille");
    let descriptors = protox::compile(FILES, [ROOT])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("reveille.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().btree_map(".").skip_debug(SECRET).compile_fds(descriptors)?;
    Ok(())
}

//! Reveille wakes Windows devices into management sessions.

use std::process::ExitCode;

use clap::Parser;

mod canary;
mod check;
mod cli;
mod client;
mod command;
mod config;
mod demo;
mod failure;
mod migrate;
mod open;
mod password;
mod print;
mod ready;
mod reload;
mod run;
mod serve;
mod simulate;

#[tokio::main]
async fn main() -> ExitCode {
    // The only TLS provider; before the first client is built. Nobody else can have installed one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match command::run(cli::Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

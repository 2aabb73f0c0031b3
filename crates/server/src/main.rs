//! Reveille wakes Windows devices into management sessions.

mod config;

fn main() {
    println!("{:?}", config::Config::load(None).map(|c| c.warnings()));
}

//! Whether the addresses can be listened at.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use super::Finding;
use crate::config::Listen;

/// Listens at each address for a moment.
pub(super) fn listeners(listen: Listen) -> Vec<Finding> {
    let Listen { gateway, grpc, admin } = listen;
    let all = [("gateway", gateway), ("grpc", grpc), ("admin", admin)];
    all.into_iter().map(|(section, address)| listener(section, address)).collect()
}

fn listener(section: &str, address: Option<SocketAddr>) -> Finding {
    let Some(address) = address else {
        return Finding::Odd(format!("{section}.listen is empty: nothing listens there."));
    };
    let Err(error) = TcpListener::bind(address) else {
        return Finding::Works(format!("{address} ({section}.listen) is free to be listened at."));
    };
    let (port, setting) = (address.port(), format!("{section}.listen"));
    match error.kind() {
        ErrorKind::AddrInUse => Finding::Odd(format!(
            "{address} ({setting}) is in use. If that is not the running service itself, `ss -ltnp 'sport = :{port}'` \
             tells what it is: stop that, or change {setting}."
        )),
        ErrorKind::AddrNotAvailable => Finding::Broken(format!(
            "{address} ({setting}) is no address of this machine: write one of those that `ip address` lists, or 0.0.0.0 \
             for all."
        )),
        ErrorKind::PermissionDenied => Finding::Broken(format!(
            "{address} ({setting}) may not be listened at: take a port from 1024 on, or give the process \
             CAP_NET_BIND_SERVICE."
        )),
        _ => Finding::Broken(format!("{address} ({setting}) cannot be listened at: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: Option<SocketAddr>, expect: &str) {
        let line = listener("grpc", address).line();
        assert!(line.starts_with(expect), "{line}");
    }

    #[test]
    fn an_address_is_free_or_taken_or_not_ours() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        check(Some(address), &format!("look      {address} (grpc.listen) is in use."));
        drop(taken);
        check(Some(address), &format!("works     {address} (grpc.listen) is free"));
        // An address that is kept for documents (RFC 5737): no machine has it.
        check(
            Some(([192, 0, 2, 1], 1).into()),
            "broken    192.0.2.1:1 (grpc.listen) is no address of this machine",
        );
        check(None, "look      grpc.listen is empty");
    }
}

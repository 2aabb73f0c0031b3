//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use ipnet::IpNet;

/// Who is limited together: one IPv4 address, or the /64 of an IPv6 address, of which every subscriber has all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subscriber(IpAddr);

/// `for` of whoever is in front of the proxies that we trust.
const FORWARDED_FOR: &str = "x-forwarded-for";

impl From<IpAddr> for Subscriber {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        })
    }
}

/// Whether one of the networks holds the address.
pub(crate) fn is_within(address: IpAddr, networks: &[IpNet]) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The address of the client of trusted proxies: in `X-Forwarded-For`, to which each proxy appends the address that it
/// sees, the last one that is not a trusted proxy itself. What stands before it is hearsay. Where all of them are trusted,
/// the client is, too: it is the first one.
///
/// None if the proxies do not tell.
pub(crate) fn forwarded_for(headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    let mut first = None;
    for hop in hops {
        let address = parse(hop.trim())?;
        if !is_within(address, trusted) {
            return Some(address);
        }
        first = Some(address);
    }
    first
}

/// An address, perhaps with a port: `192.0.2.1:443`, `[2001:db8::1]:443`.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or(hop);
    let with_port = || hop.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
    bare.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn subscribers_share_a_network() {
        let check = |one: &str, other: &str, same: bool| {
            let of = |text: &str| Subscriber::from(text.parse::<IpAddr>().unwrap());
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        };
        check("192.0.2.1", "192.0.2.1", true);
        check("192.0.2.1", "192.0.2.2", false);
        check("192.0.2.1", "::ffff:192.0.2.1", true);
        check("2001:db8::1", "2001:db8::ffff:1", true);
        check("2001:db8::1", "2001:db8:0:1::1", false);
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_is_the_client() {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
        let check = |values: &[&'static str], expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            let expect = expect.map(|text| text.parse::<IpAddr>().unwrap());
            assert_eq!(forwarded_for(&headers, &trusted), expect, "{values:?}");
        };
        check(&[], None);
        check(&["192.0.2.1"], Some("192.0.2.1"));
        check(&["203.0.113.9, 192.0.2.1"], Some("192.0.2.1"));
        check(&["192.0.2.1, 10.1.2.3"], Some("192.0.2.1"));
        check(&["192.0.2.1", "10.1.2.3,fd00::1"], Some("192.0.2.1"));
        check(&["192.0.2.1:50123"], Some("192.0.2.1"));
        check(&["[2001:db8::1]:50123"], Some("2001:db8::1"));
        check(&["2001:db8::1"], Some("2001:db8::1"));
        check(&["::ffff:192.0.2.1"], Some("192.0.2.1"));
        check(&["192.0.2.1, unknown"], None);
        check(&["10.0.0.1"], Some("10.0.0.1"));
        check(&["10.0.0.1, fd00::1", "10.0.0.2"], Some("10.0.0.1"));
        check(&["unknown, 10.0.0.1"], None);
        check(&[""], None);
    }
}

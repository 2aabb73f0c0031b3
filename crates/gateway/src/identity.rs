//! Who sends a request, as far as the connection and the proxies in front of it can tell.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderName};
use model::{DeviceId, DeviceName};
use store::{DeviceRef, Error};

use crate::{
    Inner,
    address::{Subscriber, forwarded_for, is_within},
    certificate::Certificate,
    certificate_header,
    refusal::Refusal,
};

/// The other end of a connection.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The certificate that it showed in the TLS handshake.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// Whether it was told of that it sent a header that only proxies may send.
    stripped: AtomicBool,
}

/// Whoever sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// None if a trusted proxy does not tell.
    pub(crate) address: Option<IpAddr>,
    /// A certificate whose key the sender has.
    pub(crate) certificate: Option<Arc<Certificate>>,
}

/// What a certificate says of the device that a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing: there is none, or it is no device's.
    Anonymous,
    /// It is this device's.
    Vouched(DeviceId),
    /// It is another device's.
    Another(DeviceId, DeviceName),
}

impl Peer {
    pub(crate) fn new(address: IpAddr, certificate: Option<Arc<Certificate>>) -> Self {
        Self { address, certificate, stripped: AtomicBool::new(false) }
    }

    /// Removes a header that it had no business to send.
    fn strip(&self, headers: &mut HeaderMap, name: &HeaderName) {
        if headers.remove(name).is_some() && !self.stripped.swap(true, Ordering::Relaxed) {
            tracing::debug!(address = %self.address, header = %name, "a certificate header of no trusted proxy was dropped");
        }
    }
}

impl Sender {
    pub(crate) fn subscriber(&self) -> Option<Subscriber> {
        self.address.map(Subscriber::from)
    }
}

impl Inner {
    /// Who sent a request that came from `peer`. Headers of proxies are believed only if the peer is a trusted one; of
    /// others, the certificate header is removed.
    pub(crate) fn sender(&self, peer: &Peer, headers: &mut HeaderMap) -> Result<Sender, Refusal> {
        let settings = &self.settings;
        let trusted = is_within(peer.address, &settings.trusted_proxies);
        let address = if trusted { self.behind(peer, headers) } else { Some(peer.address) };
        let certificate = match &settings.proxy_certificates {
            // The certificate in the handshake is then the proxy's own.
            Some(name) if trusted => forwarded(name, headers)?,
            name => {
                if let Some(name) = name {
                    peer.strip(headers, name);
                }
                peer.certificate.clone().filter(|_| settings.client_certificates)
            }
        };
        let subscriber = address.map(Subscriber::from);
        let certificate = certificate.filter(|certificate| self.is_timely(certificate, subscriber));
        Ok(Sender { address, certificate })
    }

    fn behind(&self, proxy: &Peer, headers: &HeaderMap) -> Option<IpAddr> {
        let address = forwarded_for(headers, &self.settings.trusted_proxies);
        if address.is_none() && !self.untold.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                proxy = %proxy.address,
                "a trusted proxy sends no X-Forwarded-For that can be read: guessing cannot be limited by address"
            );
        }
        address
    }

    /// Whether a certificate is of this time. Asked for each message: not every proxy checks it, and a connection or a TLS
    /// session that is resumed can outlive the certificate of its handshake.
    fn is_timely(&self, certificate: &Certificate, from: Option<Subscriber>) -> bool {
        let now = self.store.now();
        let timely = certificate.is_valid_at(now);
        if !timely && let Some(count) = self.tallies.untimely.one_more(from, now) {
            let fingerprint = certificate.fingerprint();
            tracing::warn!(%fingerprint, count, "a certificate that has expired, or is not valid yet, was ignored");
        }
        timely
    }

    /// What the sender's certificate says of the device that calls itself `claimed`. A fingerprint that is stored with a
    /// device goes before the rule about names: a device that is bound to one certificate accepts no other.
    pub(crate) async fn standing(&self, sender: &Sender, claimed: &str) -> Result<Standing, Error> {
        let Some(certificate) = &sender.certificate else { return Ok(Standing::Anonymous) };
        if let Some((id, name)) = self.store.device_of_certificate(&certificate.fingerprint()).await? {
            return Ok(Standing::of(id, name, claimed));
        }
        let mut standing = Standing::Anonymous;
        for name in certificate.names(self.settings.certificate_name) {
            match self.named(name).await? {
                Some((id, name)) if name.as_str() == claimed => return Ok(Standing::Vouched(id)),
                Some((id, name)) => standing = Standing::Another(id, name),
                None => {}
            }
        }
        Ok(standing)
    }

    /// The device of that name, if it is bound to no certificate.
    async fn named(&self, name: &str) -> Result<Option<(DeviceId, DeviceName)>, Error> {
        let Ok(name) = name.parse::<DeviceName>() else { return Ok(None) };
        match self.store.device(&DeviceRef::Name(name)).await {
            Ok(record) if record.device.certificate.is_none() => {
                Ok(Some((record.device.id, record.device.name)))
            }
            Ok(_) | Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The certificate that a trusted proxy forwards. The proxy has seen that the client holds its key.
fn forwarded(name: &HeaderName, headers: &HeaderMap) -> Result<Option<Arc<Certificate>>, Refusal> {
    let read = certificate_header::read(headers, name);
    let found = read.map_err(|why| Refusal::CertificateHeader { name: name.clone(), why })?;
    Ok(found.map(Arc::new))
}

impl Standing {
    fn of(id: DeviceId, name: DeviceName, claimed: &str) -> Self {
        if name.as_str() == claimed { Self::Vouched(id) } else { Self::Another(id, name) }
    }

    /// In the words of `dm`, for a message that is about this device.
    pub(crate) fn transport(&self, device: Option<DeviceId>) -> dm::Transport {
        match self {
            Self::Vouched(id) if Some(*id) == device => dm::Transport::Vouched,
            _ => dm::Transport::Anonymous,
        }
    }
}

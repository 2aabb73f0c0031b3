//! What is read of a device's certificate.

use std::fmt;

use model::{CertificateFingerprint, Timestamp};
use ring::digest;
use thiserror::Error;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time};

/// How a certificate names its device, apart from the fingerprints that devices are bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateName {
    /// It does not: only fingerprints count.
    #[default]
    Off,
    /// By a `CN` of its subject.
    CommonName,
    /// By a DNS name, URI or e-mail address among its subject's alternative names.
    AlternativeName,
}

/// A certificate whose owner holds its key, as the TLS handshake with us or with a trusted proxy has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    fingerprint: CertificateFingerprint,
    common_names: Vec<String>,
    alternative_names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Bytes that are no certificate. What is in them is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is no X.509 certificate in DER")]
pub(crate) struct NoCertificate;

/// Of each kind, so many names are looked at.
const NAMES: usize = 8;

impl Certificate {
    pub(crate) fn of_der(der: &[u8]) -> Result<Self, NoCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| NoCertificate)?;
        if !rest.is_empty() {
            return Err(NoCertificate);
        }
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        let common_names = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        Ok(Self {
            fingerprint: CertificateFingerprint::new(sha256),
            common_names: common_names.take(NAMES).map(str::to_owned).collect(),
            alternative_names: alternative_names(&certificate),
            not_before: timestamp(certificate.validity().not_before),
            not_after: timestamp(certificate.validity().not_after),
        })
    }

    pub(crate) fn fingerprint(&self) -> CertificateFingerprint {
        self.fingerprint
    }

    /// The names by which it may speak for a device, exactly as they are written there.
    pub(crate) fn names(&self, rule: CertificateName) -> &[String] {
        match rule {
            CertificateName::Off => &[],
            CertificateName::CommonName => &self.common_names,
            CertificateName::AlternativeName => &self.alternative_names,
        }
    }

    pub(crate) fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

fn alternative_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match *name {
        GeneralName::DNSName(text) | GeneralName::URI(text) | GeneralName::RFC822Name(text) => {
            Some(text.to_owned())
        }
        _ => None,
    };
    extension.value.general_names.iter().filter_map(text).take(NAMES).collect()
}

fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp::from_micros(time.timestamp().saturating_mul(1_000_000))
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::CommonName => "cn",
            Self::AlternativeName => "san",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 2, 1);
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn names_are_read() {
        let der = made(|params| {
            params.distinguished_name.push(DnType::CommonName, "B5B954E8");
            params.subject_alt_names = vec![
                SanType::DnsName("device.test".try_into().unwrap()),
                SanType::IpAddress([192, 0, 2, 1].into()),
                SanType::URI("urn:device:1".try_into().unwrap()),
            ];
        });
        let certificate = Certificate::of_der(&der).unwrap();
        assert_eq!(certificate.names(CertificateName::Off), [""; 0]);
        assert_eq!(certificate.names(CertificateName::CommonName), ["B5B954E8"]);
        assert_eq!(certificate.names(CertificateName::AlternativeName), ["device.test", "urn:device:1"]);
    }

    #[test]
    fn it_counts_from_its_first_moment_to_its_last() {
        let certificate = Certificate::of_der(&made(|_| {})).unwrap();
        let first = Timestamp::from_micros(1_767_225_600_000_000);
        let last = first + Duration::from_hours(31 * 24);
        let moment = Duration::from_micros(1);
        for (now, valid) in [(first - moment, false), (first, true), (last, true), (last + moment, false)] {
            assert_eq!(certificate.is_valid_at(now), valid, "{now}");
        }
    }

    #[test]
    fn the_fingerprint_is_of_all_bytes() {
        let [one, other] = [made(|_| {}), made(|_| {})];
        let fingerprint = |der: &[u8]| Certificate::of_der(der).unwrap().fingerprint();
        assert_eq!(fingerprint(&one), fingerprint(&one));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let der = made(|_| {});
        let longer = [der.as_slice(), &[0]].concat();
        for bytes in [&[][..], b"hello", &der[..der.len() - 1], &longer, &[0x30; 4_096]] {
            assert_eq!(Certificate::of_der(bytes), Err(NoCertificate));
        }
    }
}

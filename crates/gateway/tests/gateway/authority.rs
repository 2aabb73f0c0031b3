//! A CA for the gateway and its devices.

use model::CertificateFingerprint;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use ring::digest;
use rustls::pki_types::CertificateDer;

/// A CA that devices and the gateway trust.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "A CA of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for the gateway at 127.0.0.1.
    pub(crate) fn server(&self) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        self.issue(&params)
    }

    /// A certificate whose subject is this common name and no other.
    pub(crate) fn common_name(&self, name: &str) -> Issued {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        self.issue(&params)
    }

    /// A certificate with this alternative name and a common name that says nothing.
    pub(crate) fn alternative_name(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a device");
        self.issue(&params)
    }

    /// A certificate that expires this long after 1970 began.
    pub(crate) fn until(&self, end: std::time::Duration) -> Issued {
        let mut params = CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + end;
        self.issue(&params)
    }

    fn issue(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }
}

impl Issued {
    /// SHA-256 of its DER.
    pub(crate) fn fingerprint(&self) -> CertificateFingerprint {
        let hash = digest::digest(&digest::SHA256, &self.der);
        CertificateFingerprint::new(hash.as_ref().try_into().unwrap())
    }

    pub(crate) fn identity(&self) -> reqwest::Identity {
        reqwest::Identity::from_pem(format!("{}{}", self.certificate, self.key).as_bytes()).unwrap()
    }
}

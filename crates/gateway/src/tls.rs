//! TLS at the gateway: rustls with ring.

use std::{fmt, sync::Arc};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

/// The gateway's certificate and key, and whose certificates it accepts. Checked, and cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

/// Whether clients are asked for certificates, and the CAs (PEM) that must have issued them.
#[derive(Clone, Copy, Debug)]
pub enum ClientAuth<'a> {
    /// They are not asked.
    Off,
    /// They are asked, and may go without: something else can show who they are.
    Optional(&'a [u8]),
    /// Nobody is let in without.
    Required(&'a [u8]),
}

/// Why TLS cannot be set up: what is wrong with which of the files.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TlsError {
    /// The gateway's own certificate.
    #[error("{0}")]
    Certificate(String),
    /// The key of that certificate.
    #[error("{0}")]
    Key(String),
    /// The CAs of the clients.
    #[error("{0}")]
    ClientCa(String),
}

impl Tls {
    /// The certificate (PEM, with its intermediates after it) and its key (PEM: PKCS#8, PKCS#1 or SEC1, not encrypted).
    pub fn from_pem(certificate: &[u8], key: &[u8], clients: ClientAuth<'_>) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let chain = certificates(certificate).map_err(TlsError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            TlsError::Key(format!("holds no private key in PEM that is not encrypted ({error})"))
        })?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Certificate(error.to_string()))?;
        let builder = match verifier(clients, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Key("is not the key of the certificate in tls_cert".into())
            }
            rustls::Error::InvalidCertificate(why) => {
                TlsError::Certificate(format!("holds a certificate that cannot be used ({why})"))
            }
            other => TlsError::Key(format!("cannot be used ({other})")),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.clone().into()
    }
}

/// None if clients are not asked for certificates.
fn verifier(
    clients: ClientAuth<'_>,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let (pem, required) = match clients {
        ClientAuth::Off => return Ok(None),
        ClientAuth::Optional(pem) => (pem, false),
        ClientAuth::Required(pem) => (pem, true),
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).map_err(TlsError::ClientCa)? {
        roots.add(certificate).map_err(|error| {
            TlsError::ClientCa(format!("holds a certificate that cannot be that of a CA ({error})"))
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    let failed = |error: VerifierBuilderError| TlsError::ClientCa(format!("cannot be used ({error})"));
    builder.build().map(Some).map_err(failed)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = read.map_err(|error| format!("is no PEM that can be read ({error})"))?;
    if found.is_empty() {
        return Err(
            "holds no certificate: it needs one in PEM, between BEGIN CERTIFICATE and END CERTIFICATE".into(),
        );
    }
    Ok(found)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn made() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_with_its_key_works() {
        let (certificate, key) = made();
        let ca = certificate.as_bytes();
        for clients in [ClientAuth::Off, ClientAuth::Optional(ca), ClientAuth::Required(ca)] {
            let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), clients).unwrap();
            assert!(!format!("{tls:?}").contains("PRIVATE"));
        }
    }

    #[test]
    fn what_is_wrong_names_its_file() {
        let (certificate, key) = made();
        let (_, foreign) = made();
        let check = |certificate: &str, key: &str, clients: ClientAuth<'_>| {
            Tls::from_pem(certificate.as_bytes(), key.as_bytes(), clients).unwrap_err()
        };
        let error = check("", &key, ClientAuth::Off);
        assert!(
            matches!(&error, TlsError::Certificate(why) if why.starts_with("holds no certificate")),
            "{error}"
        );
        let broken = certificate.replace("-----END", "----END");
        assert!(matches!(check(&broken, &key, ClientAuth::Off), TlsError::Certificate(_)));
        let error = check(&certificate, &certificate, ClientAuth::Off);
        assert!(matches!(&error, TlsError::Key(why) if why.starts_with("holds no private key")), "{error}");
        let error = check(&certificate, &foreign, ClientAuth::Off);
        assert_eq!(error, TlsError::Key("is not the key of the certificate in tls_cert".into()));
        let error = check(&certificate, &key, ClientAuth::Required(key.as_bytes()));
        assert!(
            matches!(&error, TlsError::ClientCa(why) if why.starts_with("holds no certificate")),
            "{error}"
        );
    }
}

//! What `[gateway]` says of identity and TLS.

use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::{SECRET, fs, mistakes, read};

/// PEM files: a certificate, its key, and the key of another.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let made = || generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } = made();
        for (name, text) in [
            ("cert.pem", cert.pem()),
            ("key.pem", signing_key.serialize_pem()),
            ("other.pem", made().signing_key.serialize_pem()),
        ] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        Self { directory }
    }

    /// The section with the names of files replaced by their paths.
    fn section(&self, toml: &str) -> String {
        let path =
            |name: &str| format!("{:?}", Path::join(self.directory.path(), name).display().to_string());
        let names = ["cert.pem", "key.pem", "other.pem", "none.pem"];
        let with_paths = names
            .iter()
            .fold(toml.to_owned(), |toml, name| toml.replace(&format!("\"{name}\""), &path(name)));
        format!("[gateway]\n{with_paths}")
    }
}

#[test]
fn tls_and_client_certificates_are_read() {
    let files = Files::new();
    let tls = "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    let config = read(&files.section(tls), &[]).unwrap();
    assert!(config.gateway.tls.is_some() && !config.gateway.client_certificates);
    let clients =
        format!("{tls}client_ca = \"cert.pem\"\nauth = [\"client-cert\"]\ncertificate_name = \"cn\"");
    let config = read(&files.section(&clients), &[]).unwrap();
    assert!(config.gateway.client_certificates && config.gateway.sessions.schemes.is_empty());
    assert_eq!(config.gateway.certificate_name, ::gateway::CertificateName::CommonName);
    assert!(!config.effective.to_string().contains("PRIVATE"), "{}", config.effective);
}

#[test]
fn proxies_are_read() {
    let toml = "
        [gateway]
        auth = [\"md5\", \"proxy-cert\"]
        require = \"both\"
        proxy_cert_header = \"X-SSL-Client-Cert\"
        trusted_proxies = [\"10.1.2.3/8\", \"::ffff:192.0.2.1\", \"2001:db8::1\"]
    ";
    let gateway = read(toml, &[]).unwrap().gateway;
    assert_eq!(gateway.proxy_certificates.unwrap(), "x-ssl-client-cert");
    assert_eq!(gateway.sessions.proof, dm::Proof::Both);
    let networks: Vec<_> = gateway.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::1/128"]);
    let gateway = read("gateway.trusted_proxies = [\"10.1.2.3\"]", &[]).unwrap().gateway;
    assert_eq!(gateway.proxy_certificates, None, "no header counts unless it is asked for");
}

#[test]
fn the_gateways_own_credential_is_never_shown() {
    let toml = "[gateway]\nserver_user = \"Reveille\"\nserver_password = { env = \"PASSWORD\" }";
    let config = read(toml, &[("PASSWORD", SECRET)]).unwrap();
    let account = config.gateway.sessions.server.clone().unwrap();
    assert_eq!(account.inner_hash.expose(), dm::inner_hash("Reveille", SECRET).expose());
    for shown in [format!("{config:?}"), config.effective.to_string()] {
        assert!(!shown.contains(SECRET) && !shown.contains(account.inner_hash.expose()), "{shown}");
    }
}

#[test]
fn what_is_risky_is_noted() {
    let check = |toml: &str, expect: &[&str]| {
        let app = super::APP;
        let notes = read(&format!("[gateway]\n{toml}\n{app}"), &[("WNS_SECRET", SECRET)]).unwrap().warnings();
        let fits =
            notes.len() == expect.len() && notes.iter().zip(expect).all(|(it, start)| it.starts_with(start));
        assert!(fits, "{toml}: {notes:#?}");
    };
    check("", &[]);
    check("session_auth = \"212\"", &["gateway.session_auth is \"212\": whoever"]);
    let proxied = "auth = [\"proxy-cert\"]\nsession_auth = \"212\"\n";
    check(&format!("{proxied}trusted_proxies = [\"10.0.0.1\"]"), &[]);
    for (networks, expect) in [
        (&["10.0.0.0/24", "2001:db8::/64"][..], None),
        (&["192.168.0.0/16"][..], Some("gateway.trusted_proxies holds networks that are wider")),
        (&["2001:db8::/48"][..], Some("gateway.trusted_proxies holds networks that are wider")),
        (&["0.0.0.0/1", "128.0.0.0/1"][..], Some("gateway.trusted_proxies holds every address")),
    ] {
        check(&format!("trusted_proxies = {networks:?}"), expect.as_slice());
    }
    check(
        &format!("{proxied}trusted_proxies = [\"::/0\"]\ncertificate_name = \"san\""),
        &[
            "gateway.trusted_proxies holds every address",
            "gateway.certificate_name is set, and certificates come",
        ],
    );
}

#[test]
fn mistakes_of_identity_are_sentences() {
    let check =
        |toml: &str, expect: &str| assert_eq!(mistakes(&format!("[gateway]\n{toml}")), [expect], "{toml}");
    check(
        "auth = []",
        "gateway.auth is empty, and no device could prove who it is: write \"md5\", \"basic\", \"client-cert\" or \
         \"proxy-cert\".",
    );
    check(
        "require = \"both\"",
        "gateway.require is \"both\", but gateway.auth has not both a certificate (\"client-cert\" or \"proxy-cert\") \
         and a credential (\"md5\" or \"basic\"): add what is missing, or write \"either\".",
    );
    check(
        "auth = [\"proxy-cert\"]",
        "gateway.trusted_proxies is empty, so that no header counts, but gateway.auth has \"proxy-cert\": write the \
         proxy's address, such as [\"10.0.0.5\"].",
    );
    check(
        "trusted_proxies = [\"proxy.test\"]",
        "gateway.trusted_proxies has \"proxy.test\", which is no network: write an address or a CIDR such as \
         \"10.0.0.5/32\".",
    );
    check(
        "proxy_cert_header = \"Client Cert\"",
        "gateway.proxy_cert_header is no name of a header: write one such as \"Client-Cert\".",
    );
    check(
        "proxy_cert_header = \"X-SSL-Client-Cert\"",
        "gateway.proxy_cert_header has no use: certificates in it count only with \"proxy-cert\" in gateway.auth.",
    );
    check("max_reply_bytes = 100", "gateway.max_reply_bytes is 100: write 4096 or more.");
    check("max_text_bytes = 10", "gateway.max_text_bytes is 10: write 4096 or more.");
    check(
        "certificate_name = \"cn\"",
        "gateway.certificate_name needs \"client-cert\" or \"proxy-cert\" in gateway.auth: add one of them, or write \
         \"off\".",
    );
    check(
        "server_user = \"Reveille\"",
        "gateway.server_password is missing: write where the password of gateway.server_user is, { env = \"NAME\" } or \
         { file = \"PATH\" }.",
    );
    check("max_header_bytes = 4096", "gateway.max_header_bytes is 4096: write 8192 or more.");
    check(
        "max_buffered_bytes = 4096",
        "gateway.max_buffered_bytes is less than gateway.max_message_bytes: no message would fit.",
    );
}

#[test]
fn mistakes_of_tls_name_the_file() {
    let files = Files::new();
    let check = |toml: &str, expect: &[&str]| {
        let found = mistakes(&files.section(toml));
        let fits =
            found.len() == expect.len() && found.iter().zip(expect).all(|(it, start)| it.starts_with(start));
        assert!(fits, "{toml}: {found:#?}");
    };
    check("tls_cert = \"cert.pem\"", &["gateway.tls_key is missing: gateway.tls_cert needs it"]);
    check("tls_key = \"key.pem\"", &["gateway.tls_cert is missing: gateway.tls_key needs it"]);
    check(
        "auth = [\"client-cert\"]",
        &["gateway.tls_cert is missing: \"client-cert\" in gateway.auth needs TLS"],
    );
    let tls = |more: &str| format!("tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n{more}");
    check(
        &tls("auth = [\"client-cert\"]"),
        &["gateway.client_ca is missing: write the path of a PEM file with the CAs"],
    );
    check(&tls("client_ca = \"cert.pem\""), &["gateway.client_ca has no use: "]);
    check("tls_cert = \"none.pem\"\ntls_key = \"key.pem\"", &["gateway.tls_cert names the file "]);
    check("tls_cert = \"key.pem\"\ntls_key = \"key.pem\"", &["gateway.tls_cert holds no certificate: "]);
    check(
        "tls_cert = \"cert.pem\"\ntls_key = \"cert.pem\"",
        &["gateway.tls_key holds no private key in PEM"],
    );
    check(
        "tls_cert = \"cert.pem\"\ntls_key = \"other.pem\"",
        &["gateway.tls_key is not the key of the certificate in tls_cert."],
    );
    check(
        &tls("auth = [\"client-cert\"]\nclient_ca = \"key.pem\""),
        &["gateway.client_ca holds no certificate: "],
    );
}

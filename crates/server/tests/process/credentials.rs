//! Credentials and certificates: checked by `check`, replaced at SIGHUP.

use std::{fs, io::Write, net::TcpStream, process::Command, sync::Arc, time::Duration};

use rustls::{ClientConfig, ClientConnection, RootCertStore, pki_types::pem::PemObject};
use simulator::{
    device::{Backoff, Opening},
    wns::{App, Script, TokenFault},
};

use super::{NAME, NEVER, Place, Running, emulator, secret, text};

impl Place {
    /// Changes the configuration file.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let toml = fs::read_to_string(self.path().join("reveille.toml")).unwrap();
        assert!(toml.contains(old), "{old} is not in the configuration");
        self.write("reveille.toml", &toml.replace(old, new));
    }

    /// The push app, as `push-apps show --json` tells it.
    fn push_app(&self) -> serde_json::Value {
        let output = self.run(&["push-apps", "show", "main", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)))
    }
}

impl Running {
    pub(crate) fn hang_up(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_put_right_without_a_restart() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    place.edit("{ env = \"TEST_WNS_SECRET\" }", "{ file = \"secret\" }");
    place.write("secret", "planted-wrong-secret\n");
    let service = place.serve();
    place.create_device();
    let mut device = place.device();
    place.client(&origin).sync(&mut device).await.unwrap();
    let mut deliveries = wns.deliveries();
    let asked = place.run(&["wake", NAME, "--deadline", "10m", "--json"]);
    let asked: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let fault = service.says("held back");
    assert!(fault.contains("invalid_client") && !fault.contains("planted"), "{fault}");
    assert!(place.push_app()["fault"]["description"].as_str().unwrap().contains("invalid_client"));
    let ready = place.get("/readyz").unwrap();
    assert!(ready.starts_with("HTTP/1.1 200") && ready.contains("main: "), "ready, and telling: {ready}");

    place.write("secret", &secret());
    service.hang_up();
    service.says("new credentials are in use");
    // The next probe of the fault would have come after a minute.
    let delivery = tokio::time::timeout(NEVER, deliveries.recv()).await;
    assert_eq!(delivery.expect("a push with the new secret").unwrap().device, NAME);
    place.client(&origin).sync_as(&mut device, Opening::Push, Backoff::NONE).await.unwrap();
    assert_eq!(place.wake(asked["id"].as_str().unwrap())["state"], "answered");
    assert!(place.push_app()["fault"].is_null(), "{}", place.push_app());

    // What is named otherwise waits for a restart, and so does its secret.
    place.edit("name = \"main\"", "name = \"other\"");
    service.hang_up();
    service.says("only a restart applies it");
    wns.revoke_tokens();
    place.run(&["wake", NAME, "--deadline", "10m"]);
    let delivery = tokio::time::timeout(NEVER, deliveries.recv()).await;
    assert_eq!(delivery.expect("a push with the new secret").unwrap().device, NAME);
}

#[test]
fn a_configuration_that_cannot_be_applied_is_told() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    place.edit("[gateway]", "[gateway]\nserver_user = \"server\"\nserver_password = { file = \"server\" }");
    place.write("server", "planted-one");
    let service = place.serve();
    place.edit("min_gap = \"50ms\"", "min_gap = \"soon\"");
    service.hang_up();
    let refused = service.says("nothing of the configuration is applied");
    assert!(refused.contains("push.min_gap is \"soon\""), "{refused}");
    place.edit("min_gap = \"soon\"", "min_gap = \"60ms\"");
    place.edit("name = \"main\"", "name = \"other\"");
    place.write("server", "planted-two");
    service.hang_up();
    let told = service.says("only a restart applies it");
    assert!(!told.contains("planted"), "{told}");
    for setting in
        ["push.min_gap", "gateway.server_password", "push_app \"main\".pfn", "push_app \"other\".pfn"]
    {
        assert!(told.contains(setting), "{setting} is not in {told}");
    }
    assert!(place.get("/readyz").unwrap().starts_with("HTTP/1.1 200"), "it goes on as it was");
}

/// A certificate and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Whether the gateway shows this certificate.
fn shows(place: &Place, certificate: &str) -> bool {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", place.gateway)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    while tls.is_handshaking() {
        if tls.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    stream.flush().is_ok()
}

#[test]
fn certificates_are_replaced_at_sighup() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    place.edit("[gateway]", "[gateway]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"");
    let [(old, old_key), (new, new_key)] = [certificate(), certificate()];
    place.write("cert.pem", &old);
    place.write("key.pem", &old_key);
    let service = place.serve();
    assert!(shows(&place, &old));
    place.write("cert.pem", &new);
    service.hang_up();
    service.says("gateway.tls_key is not the key");
    assert!(shows(&place, &old), "half a pair changes nothing");
    place.write("key.pem", &new_key);
    service.hang_up();
    service.says("certificates are in use");
    assert!(shows(&place, &new) && !shows(&place, &old));
}

#[test]
fn certificates_wait_together_with_whether_devices_are_asked_for_theirs() {
    let place = Place::new("http://127.0.0.1:1", &App::example());
    place.edit("[gateway]", "[gateway]\nauth = [\"md5\"]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"");
    let [(old, old_key), (new, new_key)] = [certificate(), certificate()];
    place.write("cert.pem", &old);
    place.write("key.pem", &old_key);
    let service = place.serve();
    place.edit("auth = [\"md5\"]", "auth = [\"client-cert\"]\nclient_ca = \"cert.pem\"");
    place.write("cert.pem", &new);
    place.write("key.pem", &new_key);
    service.hang_up();
    let told = service.says("only a restart applies it");
    for setting in ["gateway.auth", "gateway.tls_cert", "gateway.client_ca"] {
        assert!(told.contains(setting), "{setting} is not in {told}");
    }
    assert!(shows(&place, &old) && !shows(&place, &new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_what_works_and_what_to_do() {
    let (wns, origin, _stop) = emulator().await;
    let place = Place::new(&origin, &App::example());
    let check = |status: i32, words: &[&str]| {
        let output = place.run(&["check"]);
        assert_eq!(output.status.code(), Some(status), "{}", text(&output));
        for words in words {
            assert!(text(&output).contains(words), "{words:?} is not in:\n{}", text(&output));
        }
    };
    check(0, &["There is no database", "Push app main gets a token", "one line says `look`."]);
    assert!(!place.path().join("reveille.db").exists(), "nothing was made");
    assert!(place.run(&["migrate", "up"]).status.success());
    for key in
        ["YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="]
    {
        place.write("reveille.key", key);
        check(0, &["It has no key yet", "Push app main gets a token"]);
    }
    place.serve().kill();
    check(0, &["works     The database can be opened", "Push app main gets a token"]);
    for (fault, words) in [
        (TokenFault::no_longer_supported(), "Register an app with Entra"),
        (TokenFault::error("invalid_client", ""), "SID or secret is wrong"),
        (TokenFault::error("invalid_client", "AADSTS7000222: expired"), "The client secret has expired"),
        (TokenFault::status(503, None), "Can this machine reach 127.0.0.1?"),
        (TokenFault::Closed, "Can this machine reach 127.0.0.1?"),
    ] {
        wns.fail_tokens(Script::once(fault));
        check(1, &["works     The database", "broken    Push app main gets no token", words, "One thing"]);
    }
    wns.advance(Duration::from_hours(2));
    check(0, &["look      This machine's clock is ", "behind that of the token endpoint of push app main"]);
    fs::write(place.path().join("reveille.key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
    check(
        1,
        &["broken    ", "must be the key that this database was made with", "Push app main gets a token"],
    );
}

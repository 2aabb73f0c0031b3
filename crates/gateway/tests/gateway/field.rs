//! A gateway on a real port.

use std::{collections::BTreeMap, path::Path};

use gateway::{ClientAuth, Gateway, Tls};
use model::{CertificateFingerprint, DeviceId};
use secrecy::SecretString;
use simulator::{
    device::{Client, Device, Identity, Profile},
    wns::EmulatedWns,
};
use store::{Credential, DeviceRecord, DeviceRef, Key, NewDevice, Retention, Store};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::authority::{Authority, Issued};

/// The only push app.
const APP: &str = "main";
/// The user name and the password of every device.
pub(crate) const ACCOUNT: (&str, &str) = ("user", "password");
/// The usual device.
pub(crate) const NAME: &str = "0123456789ABCDEF0123456789ABCDEF";
/// What Windows sends.
pub(crate) const SYNCML: &str = "application/vnd.syncml.dm+xml";

/// A gateway over a new SQLite database, and an emulated WNS that hands out channels. Dropping it stops both.
pub(crate) struct Field {
    pub(crate) url: Url,
    pub(crate) store: Store,
    pub(crate) wns: simulator::wns::Handle,
    pub(crate) pfn: String,
    pub(crate) draining: CancellationToken,
    /// Who issues certificates for the gateway and its devices.
    pub(crate) authority: Authority,
    wns_url: Url,
    _stop: DropGuard,
    _directory: tempfile::TempDir,
}

impl Field {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A gateway with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut gateway::Settings)) -> Self {
        Self::start(|settings, _| change(settings)).await
    }

    /// A gateway that terminates TLS and believes certificates, and nothing else.
    pub(crate) async fn secured(change: impl FnOnce(&mut gateway::Settings)) -> Self {
        let secured = Self::start(|settings, authority| {
            settings.tls = Some(tls(authority));
            settings.client_certificates = true;
            settings.sessions.schemes = dm::Schemes::new([]);
            change(settings);
        });
        secured.await
    }

    async fn start(change: impl FnOnce(&mut gateway::Settings, &Authority)) -> Self {
        // Another test of this binary may have done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let directory = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let emulator = EmulatedWns::bind(([127, 0, 0, 1], 0).into(), simulator::wns::Settings::default());
        let emulator = emulator.await.unwrap();
        let store = open_store(directory.path(), &emulator).await;
        let (wns, wns_url) = (emulator.handle(), emulator.url());
        tokio::spawn(emulator.serve(stop.clone()));
        let pfn = simulator::wns::App::example().pfn;
        let apps = BTreeMap::from([(APP.parse().unwrap(), pfn.parse().unwrap())]);
        let mut settings = gateway::Settings { apps, ..gateway::Settings::default() };
        let authority = Authority::new();
        change(&mut settings, &authority);
        let draining = CancellationToken::new();
        let url = serve(&store, settings, &draining, &stop).await;
        let stop = stop.drop_guard();
        Self { url, store, wns, pfn, draining, authority, wns_url, _stop: stop, _directory: directory }
    }

    /// Creates a device and the machine that plays it.
    pub(crate) async fn enroll(&self, name: &str) -> Device {
        self.create(name).await;
        self.device(name, ACCOUNT.1)
    }

    /// Creates a device with the usual account.
    pub(crate) async fn create(&self, name: &str) {
        self.create_as(name, Some(ACCOUNT), None).await;
    }

    /// Creates a device with a user and a password, a certificate, or both.
    pub(crate) async fn create_as(
        &self,
        name: &str,
        account: Option<(&str, &str)>,
        certificate: Option<CertificateFingerprint>,
    ) {
        let credential = account.map(|(user, password)| Credential {
            user: user.into(),
            inner_hash: SecretString::from(dm::inner_hash(user, password).expose()),
        });
        let new = NewDevice {
            id: self.store.new_id::<DeviceId>(),
            name: name.parse().unwrap(),
            provider_id: "Reveille".parse().unwrap(),
            push_app: APP.parse().unwrap(),
            labels: model::Labels::default(),
            external_id: None,
            credential,
            certificate,
        };
        self.store.create_device(new, self.store.now()).await.unwrap();
    }

    /// The machine that plays a device, whether there is one or not.
    pub(crate) fn device(&self, name: &str, password: &str) -> Device {
        let identity = Identity::new(name, ACCOUNT.0, password);
        Device::new(identity, Profile::new("Reveille"), self.url.as_str())
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.url.clone(), Some(self.wns_url.clone())).unwrap()
    }

    /// The HTTP of a device with this certificate.
    pub(crate) fn client_with(&self, issued: &Issued) -> Client {
        let identity = format!("{}{}", issued.certificate, issued.key);
        let ca = self.authority.pem();
        let wns = Some(self.wns_url.clone());
        Client::with_certificate(self.url.clone(), wns, identity.as_bytes(), ca.as_bytes()).unwrap()
    }

    pub(crate) async fn record(&self, name: &str) -> DeviceRecord {
        self.store.device(&DeviceRef::Name(name.parse().unwrap())).await.unwrap()
    }

    /// The device's last sessions, the newest first.
    pub(crate) async fn sessions(&self, name: &str) -> Vec<store::SessionRecord> {
        let device = self.record(name).await.device.id;
        self.store.last_sessions(device, 10).await.unwrap()
    }

    pub(crate) async fn post(&self, media: &str, body: impl Into<reqwest::Body>) -> (u16, Vec<u8>) {
        let request = reqwest::Client::new().post(self.url.clone()).header("content-type", media).body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
    }
}

async fn open_store(directory: &Path, emulator: &EmulatedWns) -> Store {
    let database = format!("sqlite://{}", directory.join("test.db").display());
    store::schema_up(&database).await.unwrap();
    let extra_origins = push::ExtraOrigins::parse(&[emulator.origin()]).unwrap();
    let rules = push::Settings { extra_origins, ..push::Settings::default() };
    Store::open(&database, Key::random().unwrap(), rules, Retention::default()).await.unwrap()
}

fn tls(authority: &Authority) -> Tls {
    let Issued { certificate, key, .. } = authority.server();
    let clients = authority.pem();
    Tls::from_pem(certificate.as_bytes(), key.as_bytes(), ClientAuth::Optional(clients.as_bytes())).unwrap()
}

async fn serve(
    store: &Store,
    settings: gateway::Settings,
    draining: &CancellationToken,
    stop: &CancellationToken,
) -> Url {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let path = settings.path.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}{path}", listener.local_addr().unwrap());
    let gateway = Gateway::new(store.clone(), settings, draining.clone());
    let stop = stop.clone();
    tokio::spawn(async move { gateway.serve(listener, stop).await });
    url.parse().unwrap()
}

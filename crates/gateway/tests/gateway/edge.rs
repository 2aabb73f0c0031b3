//! Connections: how many there may be, what they are met with, how they end.

use std::{sync::Arc, time::Duration};

use gateway::{ClientAuth, ConnectionLimits, Gateway, Tls};
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::{
    authority::Authority,
    field::{Field, SYNCML},
};

/// A gateway of which nothing but its connections matters.
struct Edge {
    gateway: Gateway,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
    _field: Field,
}

impl Edge {
    async fn new(change: impl FnOnce(&mut gateway::Settings)) -> Self {
        let field = Field::new().await;
        let mut settings = gateway::Settings::default();
        change(&mut settings);
        let shutdown = CancellationToken::new();
        let gateway = Gateway::new(field.store.clone(), settings, shutdown.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (serving, stop) = (gateway.clone(), shutdown.clone());
        let served = tokio::spawn(async move { serving.serve(listener, stop).await });
        Self { gateway, address, shutdown, served, _field: field }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The gateway's certificate, as a client sees it that trusts this CA.
    async fn certificate(&self, trusted: &str) -> Option<Vec<u8>> {
        let mut roots = RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = "127.0.0.1".try_into().unwrap();
        let connected =
            TlsConnector::from(Arc::new(config)).connect(name, self.connect().await).await.ok()?;
        let (_, session) = connected.get_ref();
        Some(session.peer_certificates()?[0].to_vec())
    }
}

/// The first line of the answer to a GET; None if the connection is closed instead.
async fn ask(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(b"GET /dm HTTP/1.1\r\nHost: gateway.test\r\n\r\n").await.ok()?;
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).await.ok().filter(|length| *length > 0)?;
    String::from_utf8_lossy(&answer[..length]).lines().next().map(str::to_owned)
}

const ANSWERED: Option<&str> = Some("HTTP/1.1 405 Method Not Allowed");

#[tokio::test]
async fn one_address_gets_so_many_connections_and_a_proxy_any() {
    let two = || ConnectionLimits { open_per_address: 2, ..ConnectionLimits::default() };
    let edge = Edge::new(|settings| settings.connections = two()).await;
    let (mut first, mut second) = (edge.connect().await, edge.connect().await);
    assert_eq!(ask(&mut first).await.as_deref(), ANSWERED);
    assert_eq!(ask(&mut second).await.as_deref(), ANSWERED);
    assert_eq!(ask(&mut edge.connect().await).await, None, "one too many");
    assert_eq!(ask(&mut first).await.as_deref(), ANSWERED, "the others go on");
    let loopback: IpNet = "127.0.0.0/8".parse().unwrap();
    let proxied = Edge::new(|settings| {
        settings.connections = two();
        settings.trusted_proxies = vec![loopback];
    })
    .await;
    let mut connections = Vec::new();
    for _ in 0..5 {
        let mut connection = proxied.connect().await;
        assert_eq!(ask(&mut connection).await.as_deref(), ANSWERED);
        connections.push(connection);
    }
}

#[tokio::test]
async fn a_gateway_that_is_nearly_full_says_so_before_it_sends_anybody_away() {
    let message = "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><SessionID>1</SessionID><MsgID>2</MsgID><Target><LocURI>/\
                   </LocURI></Target><Source><LocURI>NOBODY</LocURI></Source></SyncHdr><SyncBody><Final/></SyncBody></SyncML>";
    for (max_under_way, raised) in [(0, 1), (1, 0), (2, 0), (4, 0)] {
        let edge = Edge::new(|settings| settings.max_under_way = max_under_way).await;
        let url = format!("http://{}/dm", edge.address);
        let post = reqwest::Client::new().post(url).header("content-type", SYNCML).body(message);
        let status = post.send().await.unwrap().status().as_u16();
        assert_eq!((status, edge.gateway.overload().count()), (200, raised), "of {max_under_way}");
    }
}

#[tokio::test]
async fn a_gateway_without_a_place_for_another_connection_says_so() {
    let two = ConnectionLimits { open: 2, ..ConnectionLimits::default() };
    let edge = Edge::new(|settings| settings.connections = two).await;
    let overload = edge.gateway.overload();
    let (mut first, mut second) = (edge.connect().await, edge.connect().await);
    assert_eq!(ask(&mut first).await.as_deref(), ANSWERED);
    assert_eq!(ask(&mut second).await.as_deref(), ANSWERED);
    let raised = async {
        while overload.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), raised).await.expect("it says so");
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart() {
    let [old, new] = [Authority::new(), Authority::new()];
    let tls = |authority: &Authority| {
        let issued = authority.server();
        let (certificate, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
        Tls::from_pem(certificate, key, ClientAuth::Off).unwrap()
    };
    let edge = Edge::new(|settings| settings.tls = Some(tls(&old))).await;
    assert!(edge.certificate(&old.pem()).await.is_some());
    assert!(edge.certificate(&new.pem()).await.is_none(), "not trusted yet");
    edge.gateway.reload_tls(tls(&new));
    assert!(edge.certificate(&new.pem()).await.is_some());
    assert!(edge.certificate(&old.pem()).await.is_none(), "not shown any more");
}

#[tokio::test]
async fn half_a_request_does_not_keep_a_gateway_from_stopping() {
    let edge = Edge::new(|_| {}).await;
    let mut stranger = edge.connect().await;
    assert_eq!(ask(&mut stranger).await.as_deref(), ANSWERED);
    stranger.write_all(b"POST /dm HTTP/1.1\r\nHost: gateway.te").await.unwrap();
    edge.shutdown.cancel();
    // A connection on which something is under way may take 35 s.
    tokio::time::timeout(Duration::from_secs(4), edge.served).await.expect("it stops").unwrap();
}

#[tokio::test]
async fn a_gateway_that_stops_closes_idle_connections_and_answers_what_is_under_way() {
    let edge = Edge::new(|_| {}).await;
    let (mut idle, mut busy) = (edge.connect().await, edge.connect().await);
    assert_eq!(ask(&mut idle).await.as_deref(), ANSWERED);
    let head =
        b"POST /dm HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    busy.write_all(head).await.unwrap();
    let mut go_on = [0; 25];
    busy.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on[..], b"HTTP/1.1 100 Continue\r\n\r\n", "the body is waited for");
    edge.shutdown.cancel();
    assert_eq!(idle.read(&mut [0; 64]).await.unwrap(), 0, "closed");
    busy.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    edge.served.await.unwrap();
    assert!(TcpStream::connect(edge.address).await.is_err(), "nobody listens");
}

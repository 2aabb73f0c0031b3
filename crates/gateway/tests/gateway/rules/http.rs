//! The HTTP binding.

use super::{
    PACKAGE_1, WELCOME,
    reply::Reply,
    rule::{Identity, Rule, Sender, Setup, rule},
    scene::Scene,
};
use crate::field::SYNCML;

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§1.1", "both media types, with and without charset, in any case, or none at all")
            .sees(|scene| Box::pin(media_types(scene))),
        rule("§1.1", "WBXML is answered 415 with an explanation").sees(|scene| Box::pin(wbxml(scene))),
        rule("§12.1", "any other content type is answered 415").sees(|scene| Box::pin(other_types(scene))),
        rule("§2.1", "UTF-16 of either byte order, with a byte order mark, is read like UTF-8")
            .sees(|scene| Box::pin(utf_16(scene))),
        rule("§2.1", "UTF-8 with a byte order mark").sees(|scene| Box::pin(utf_8_mark(scene))),
        rule("§2.1", "what is no SyncML is answered 400 and says why")
            .sees(|scene| Box::pin(malformed(scene))),
        rule("§6", "a body over the limit is answered 413").sees(|scene| Box::pin(too_large(scene))),
        rule("§1.1", "mode and Platform of the query are recorded, once per session")
            .sees(|scene| Box::pin(query(scene))),
        rule("§1.1", "UserAgentOrigin 3, as a header or a field, says that a push brought it")
            .sees(|scene| Box::pin(origin(scene))),
        rule("§1.1", "HTTP/1.1, one message after the other on a connection")
            .sees(|scene| Box::pin(http_1(scene))),
        rule("§1.1", "HTTP/2 by prior knowledge in the clear, by ALPN under TLS")
            .sees(|scene| Box::pin(http_2(scene))),
        rule("§1.1", "Expect: 100-continue is answered before the body is sent")
            .only(&[Identity::Md5])
            .sees(|scene| Box::pin(expect_continue(scene))),
        rule("§1.2", "a reply: 200, SyncML, Content-Length, no chunks, no compression, not cached")
            .sees(|scene| Box::pin(reply_headers(scene))),
        rule("§1.2", "GET says what this is, HEAD says as much as it can").sees(|scene| Box::pin(get(scene))),
        rule("§1.2", "overload: 429 for who begins a session, not for who is in one")
            .at(Setup::Overloaded)
            .says(PACKAGE_1)
            .gets("HTTP 429")
            .says(PACKAGE_1)
            .gets_each("0:407+Chal 2:407 3:407 Final", WELCOME),
        rule("§1.1", "the User-Agent makes no difference").sees(|scene| Box::pin(user_agents(scene))),
    ]
}

/// A package 1 that is believed, or challenged in the manner of the identity.
const ANSWERED: &str = "0:407";

impl Scene {
    fn message(&self) -> String {
        format!(
            "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1\
             </SessionID><MsgID>1</MsgID><Target><LocURI>/</LocURI></Target><Source><LocURI>{}</LocURI></Source></SyncHdr>\
             <SyncBody>{}</SyncBody></SyncML>",
            self.name,
            self.fill(PACKAGE_1)
        )
    }

    fn request(&self) -> reqwest::RequestBuilder {
        self.http(Sender::Device).post(self.field.url.clone())
    }

    /// Whether the first message was taken for what it is: challenged, or believed.
    async fn is_taken(&self, request: reqwest::RequestBuilder) -> Result<(), String> {
        let response = request.send().await.unwrap();
        let reply = Reply::read(response.status().as_u16(), response.text().await.unwrap());
        let expect = if self.identity == Identity::Md5 { ANSWERED } else { "0:200" };
        if reply.shape.starts_with(expect) { Ok(()) } else { Err(format!("{} {}", reply.shape, reply.text)) }
    }
}

async fn media_types(scene: &mut Scene) {
    for media in [
        SYNCML,
        "application/vnd.syncml+xml",
        "application/vnd.syncml.dm+xml; charset=utf-8",
        "application/vnd.syncml+xml;charset=\"UTF-8\"",
        "Application/VND.SyncML.DM+XML",
    ] {
        let request = scene.request().header("content-type", media).body(scene.message());
        scene.is_taken(request).await.unwrap_or_else(|why| panic!("{media}: {why}"));
    }
    let silent = scene.request().body(scene.message().into_bytes());
    scene.is_taken(silent).await.unwrap();
}

async fn wbxml(scene: &mut Scene) {
    for media in ["application/vnd.syncml.dm+wbxml", "application/vnd.syncml+wbxml"] {
        let body = b"\x02\xa4\x01\x6a\x00".to_vec();
        let response = scene.request().header("content-type", media).body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 415, "{media}");
        let text = response.text().await.unwrap();
        assert!(text.contains("WBXML") && text.contains(SYNCML), "{text}");
    }
}

async fn other_types(scene: &mut Scene) {
    for media in
        ["text/plain", "application/json", "application/xml", "nonsense", "multipart/form-data; boundary=x"]
    {
        let request = scene.request().header("content-type", media).body(scene.message());
        assert_eq!(request.send().await.unwrap().status().as_u16(), 415, "{media}");
    }
}

async fn utf_16(scene: &mut Scene) {
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{}", scene.message());
    let units: Vec<u16> = std::iter::once(0xfeff).chain(text.encode_utf16()).collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    for body in [little, big] {
        scene.is_taken(scene.request().header("content-type", SYNCML).body(body)).await.unwrap();
    }
}

async fn utf_8_mark(scene: &mut Scene) {
    let body = format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n{}\r\n", scene.message());
    scene.is_taken(scene.request().header("content-type", SYNCML).body(body)).await.unwrap();
}

async fn malformed(scene: &mut Scene) {
    let doctype = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><SyncML>&a;</SyncML>";
    for body in
        ["", "hello", "<SyncML>", "<html/>", doctype, "<SyncML><SyncHdr/><SyncBody/></SyncML>", "<a></b>"]
    {
        let request = scene.request().header("content-type", SYNCML).body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 400, "{body}");
        assert!(response.text().await.unwrap().contains("expected"), "{body}");
    }
}

async fn too_large(scene: &mut Scene) {
    let body = scene.message().replace("Contoso", &"x".repeat(2 << 20));
    let request = scene.request().header("content-type", SYNCML).body(body);
    // Whoever goes on sending may find the connection closed before it reads the answer.
    match request.send().await {
        Ok(response) => assert_eq!(response.status().as_u16(), 413),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
    }
    scene.open(PACKAGE_1).await;
    assert_eq!(scene.reply.shape, WELCOME, "and the gateway serves on");
}

async fn query(scene: &mut Scene) {
    for (query, mode, platform) in [
        ("?mode=Machine&Platform=WoA", Some("Machine"), Some("WoA")),
        ("?Mode=Maintenance", Some("Maintenance"), None),
        ("", None, None),
    ] {
        query.clone_into(&mut scene.query);
        scene.session = format!("1{}", query.len());
        scene.open(PACKAGE_1).await;
        assert_eq!(scene.reply.shape, WELCOME, "{query}");
        let session = scene.sessions().await.remove(0);
        assert_eq!((session.mode.as_deref(), session.platform.as_deref()), (mode, platform), "{query}");
    }
    scene.query.clear();
}

async fn origin(scene: &mut Scene) {
    let table = [
        ("3,2", "", Some("push")),
        ("2", "", Some("other")),
        ("", "?mode=Machine&UserAgentOrigin=3", Some("push")),
        ("2", "?UserAgentOrigin=3", Some("other")),
        ("", "", None),
    ];
    for (session, (header, query, expect)) in (10..).zip(table) {
        scene.origin = header;
        query.clone_into(&mut scene.query);
        scene.session = format!("{session}");
        scene.open(PACKAGE_1).await;
        assert_eq!(scene.sessions().await[0].origin.as_deref(), expect, "{header} {query}");
    }
}

async fn http_1(scene: &mut Scene) {
    let client = scene.builder().http1_only().build().unwrap();
    for _ in 0..3 {
        let request =
            client.post(scene.field.url.clone()).header("content-type", SYNCML).body(scene.message());
        let response = request.send().await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_11, 200));
    }
}

async fn http_2(scene: &mut Scene) {
    let builder = scene.builder();
    let builder = if scene.identity == Identity::Md5 { builder.http2_prior_knowledge() } else { builder };
    let client = builder.build().unwrap();
    let request = client.post(scene.field.url.clone()).header("content-type", SYNCML).body(scene.message());
    let response = request.send().await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
}

async fn expect_continue(scene: &mut Scene) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = (scene.field.url.host_str().unwrap(), scene.field.url.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let body = scene.message();
    let head = format!(
        "POST /dm HTTP/1.1\r\nHost: x\r\nContent-Type: {SYNCML}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(told, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn reply_headers(scene: &mut Scene) {
    let request = scene.request().header("content-type", SYNCML).header("accept-encoding", "gzip");
    let response = request.body(scene.message()).send().await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("content-type").as_deref(), Some(SYNCML));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert_eq!(
        (header("transfer-encoding"), header("content-encoding"), header("set-cookie")),
        (None, None, None)
    );
    let length: usize = header("content-length").expect("a length").parse().unwrap();
    let text = response.text().await.unwrap();
    assert_eq!(text.len(), length);
    assert!(!text.contains(">\n") && !text.contains("> <") && !text.contains("CDATA"), "compact: {text}");
}

async fn get(scene: &mut Scene) {
    let client = scene.http(Sender::Stranger);
    let response = client.get(scene.field.url.clone()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 405);
    assert!(response.headers()["allow"].to_str().unwrap().contains("POST"));
    assert!(response.text().await.unwrap().contains("POST"), "says what to do");
    let response = client.head(scene.field.url.clone()).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 405);
    assert_eq!(response.text().await.unwrap(), "");
    let elsewhere = scene.field.url.join("/elsewhere").unwrap();
    assert_eq!(client.get(elsewhere).send().await.unwrap().status().as_u16(), 404);
}

async fn user_agents(scene: &mut Scene) {
    for agent in ["MSFT OMA DM Client/1.2.0.1", "Enrollment", "MSFT Windows OMA DM Client/2.7", "curl/8", ""]
    {
        let request = scene.request().header("user-agent", agent).header("content-type", SYNCML);
        scene.is_taken(request.body(scene.message())).await.unwrap_or_else(|why| panic!("{agent}: {why}"));
    }
}

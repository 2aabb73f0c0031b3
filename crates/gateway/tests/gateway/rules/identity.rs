//! The device is what the credential vouches for.

use base64::prelude::{BASE64_STANDARD as B64, Engine as _};
use gateway::CertificateName;

use super::{
    PACKAGE_1, WELCOME,
    reply::Reply,
    rule::{Envelope, Identity, Rule, Sender, from, rule},
    scene::Scene,
};
use crate::{
    authority::Issued,
    field::{Field, SYNCML},
};

const OTHER_DEV_ID: &str = "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Replace><CmdID>3</CmdID><Item><Source>\
    <LocURI>./DevInfo/DevId</LocURI></Source><Data>SOMEBODY-ELSE</Data></Item></Replace><Final/>";

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§7.4", "the Source of another device is answered like an unknown one")
            .sends(Envelope { source: "{name}-NEIGHBOUR", ..from(Sender::Nonce("")) }, PACKAGE_1)
            .gets_each("0:401+Chal 2:401 3:401 Final", "0:401 2:401 3:401 Final")
            .sees(|scene| Box::pin(neighbour_has_no_session(scene))),
        rule(
            "§7.4",
            "that a certificate spoke for another device is recorded with the device that it is bound to",
        )
        .only(&[Identity::Certificate])
        .sends(Envelope { source: "{name}-NEIGHBOUR", ..Envelope::default() }, PACKAGE_1)
        .sees(|scene| Box::pin(refusal_is_recorded(scene, "certificate"))),
        rule("§7.4", "another DevId than Source is refused with 403 and recorded")
            .opens(OTHER_DEV_ID)
            .gets("0:403 2:403 3:403 Final")
            .sees(|scene| Box::pin(refusal_is_recorded(scene, "dev_id")))
            .sees(|scene| Box::pin(no_session(scene))),
        rule("§7.4", "likewise within a session, which goes on as it was")
            .opens(PACKAGE_1)
            .says(format!("{{header}}{}", OTHER_DEV_ID.replace("1201", "1224")))
            .gets("0:403 2:403 3:403 Final")
            .says("{header}{404}<Final/>")
            .gets("0:200 Final"),
        rule("§2.2", "DevId is compared without case and without white space around it")
            .sees(|scene| Box::pin(dev_id_in_small_letters(scene))),
        rule("§7.4", "a certificate binds by its fingerprint, whatever its names say")
            .only(&[Identity::Certificate])
            .opens(PACKAGE_1)
            .gets(WELCOME),
        rule("DESIGN §3", "by rule: the subject's CN is the device's name")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(bound_by_name(scene, CertificateName::CommonName))),
        rule("DESIGN §3", "by rule: an alternative name is the device's name")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(bound_by_name(scene, CertificateName::AlternativeName))),
        rule("§7.4", "a certificate of a CA that is not configured does not get in")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(foreign_ca(scene))),
        rule("§1.3", "a certificate in a header of a trusted proxy: RFC 9440, nginx, Envoy")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(behind_proxies(scene))),
        rule("§1.3", "such a header from anybody else is as good as none")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(header_of_strangers(scene))),
        rule("§1.3", "a header of a trusted proxy that is malformed, or there twice, is answered 400")
            .only(&[Identity::Certificate])
            .sees(|scene| Box::pin(malformed_header(scene))),
    ]
}

async fn no_session(scene: &mut Scene) {
    assert!(scene.sessions().await.is_empty());
}

async fn neighbour_has_no_session(scene: &mut Scene) {
    let neighbour = format!("{}-NEIGHBOUR", scene.name);
    assert!(scene.field.sessions(&neighbour).await.is_empty());
}

async fn refusal_is_recorded(scene: &mut Scene, reason: &str) {
    let refusal = scene.record().await.device.last_refusal.expect("a refusal");
    assert_eq!(refusal.reason, reason);
}

async fn dev_id_in_small_letters(scene: &mut Scene) {
    let small = PACKAGE_1.replacen("{name}", &format!(" {} ", scene.name.to_lowercase()), 1);
    scene.open(&small).await;
    assert_eq!(scene.reply.shape, WELCOME);
}

async fn foreign_ca(scene: &mut Scene) {
    let foreign = crate::authority::Authority::new().common_name(&scene.name);
    let ca = reqwest::Certificate::from_pem(scene.field.authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).identity(foreign.identity());
    let request = builder.build().unwrap().post(scene.field.url.clone()).header("content-type", SYNCML);
    let error = request.body(message(&scene.name)).send().await.unwrap_err();
    assert!(error.is_connect() || error.is_request(), "{error:?}");
}

/// A device that is known by name only, at a gateway with this rule.
async fn bound_by_name(scene: &mut Scene, rule: CertificateName) {
    let field = Field::secured(|settings| settings.certificate_name = rule).await;
    let issue = |name: &str| match rule {
        CertificateName::AlternativeName => field.authority.alternative_name(name),
        _ => field.authority.common_name(name),
    };
    field.create_as(&scene.name, None, None).await;
    field.create_as("FINGERPRINTED", None, Some(field.authority.common_name("x").fingerprint())).await;
    for (certified, claimed, expect) in [
        (scene.name.as_str(), scene.name.as_str(), WELCOME),
        ("SOMEBODY", &scene.name, "0:407 2:407 3:407 Final"),
        // A stored fingerprint is not overridden by a name.
        ("FINGERPRINTED", "FINGERPRINTED", "0:407 2:407 3:407 Final"),
    ] {
        let reply = post_with(&field, &issue(certified), claimed).await;
        assert_eq!(reply.shape, expect, "{certified} for {claimed}");
    }
}

async fn post_with(field: &Field, issued: &Issued, claimed: &str) -> Reply {
    let ca = reqwest::Certificate::from_pem(field.authority.pem().as_bytes()).unwrap();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).identity(issued.identity());
    let request = builder.build().unwrap().post(field.url.clone()).header("content-type", SYNCML);
    read(request.body(message(claimed))).await
}

async fn read(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    Reply::read(response.status().as_u16(), response.text().await.unwrap())
}

/// A gateway behind a proxy at this network, which tells the certificate in this header.
async fn proxied(header: &'static str, proxies: &str) -> Field {
    let proxies = proxies.parse().unwrap();
    let change = move |settings: &mut gateway::Settings| {
        settings.proxy_certificates = Some(header.parse().unwrap());
        settings.trusted_proxies = vec![proxies];
        settings.sessions.schemes = dm::Schemes::new([]);
    };
    Field::with(change).await
}

/// What a proxy makes of a certificate.
fn forwarded(issued: &Issued) -> [(&'static str, String); 3] {
    let escaped: String = issued.certificate.bytes().map(escape).collect();
    [
        ("Client-Cert", format!(":{}:", B64.encode(&issued.der))),
        ("ssl-client-cert", escaped.clone()),
        ("X-Forwarded-Client-Cert", format!("By=spiffe://x;Hash=00;Cert=\"{escaped}\";Subject=\"\"")),
    ]
}

fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

async fn behind_proxies(scene: &mut Scene) {
    for place in 0..3 {
        let header = ["Client-Cert", "ssl-client-cert", "X-Forwarded-Client-Cert"][place];
        let field = proxied(header, "127.0.0.0/8").await;
        let issued = field.authority.common_name("nobody");
        field.create_as(&scene.name, None, Some(issued.fingerprint())).await;
        let (_, value) = &forwarded(&issued)[place];
        let request = reqwest::Client::new().post(field.url.clone()).header("content-type", SYNCML);
        let reply = read(request.header(header, value).body(message(&scene.name))).await;
        assert_eq!(reply.shape, WELCOME, "{header}");
    }
}

async fn header_of_strangers(scene: &mut Scene) {
    let field = proxied("Client-Cert", "203.0.113.0/24").await;
    let issued = field.authority.common_name("nobody");
    field.create_as(&scene.name, None, Some(issued.fingerprint())).await;
    let [(header, value), ..] = forwarded(&issued);
    let request = reqwest::Client::new().post(field.url.clone()).header("content-type", SYNCML);
    let reply = read(request.header(header, value).body(message(&scene.name))).await;
    assert_eq!(reply.shape, "0:407 2:407 3:407 Final");
}

async fn malformed_header(scene: &mut Scene) {
    let field = proxied("Client-Cert", "127.0.0.1/32").await;
    let issued = field.authority.common_name("nobody");
    let [(header, value), ..] = forwarded(&issued);
    for values in [vec!["nonsense"], vec![":bm90IGEgY2VydA==:"], vec![value.as_str(), value.as_str()]] {
        let mut request = reqwest::Client::new().post(field.url.clone()).header("content-type", SYNCML);
        for value in &values {
            request = request.header(header, *value);
        }
        let reply = read(request.body(message(&scene.name))).await;
        assert_eq!(reply.status, 400, "{values:?} {}", reply.text);
    }
}

/// A first message in this name, without a Cred.
fn message(name: &str) -> String {
    format!(
        "<SyncML><SyncHdr><SessionID>1</SessionID><MsgID>1</MsgID><Source><LocURI>{name}</LocURI></Source></SyncHdr>\
         <SyncBody>{}</SyncBody></SyncML>",
        PACKAGE_1.replace("{name}", name)
    )
}

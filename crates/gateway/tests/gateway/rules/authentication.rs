//! Who is let in, and what strangers get.

use super::{
    PACKAGE_1, WELCOME,
    reply::Reply,
    rule::{Envelope, Identity, Rule, Sender, Setup, from, rule},
    scene::Scene,
};
use crate::other_client;

const REFUSED_BY_CERTIFICATE: &str = "0:407 2:407 3:407 Final";

pub(crate) fn rules() -> Vec<Rule> {
    vec![
        rule("§7.2", "no credential: 407 for everything, a challenge, no commands")
            .sends(from(Sender::Stranger), PACKAGE_1)
            .gets_each("0:407+Chal 2:407 3:407 Final", REFUSED_BY_CERTIFICATE)
            .sees(|scene| Box::pin(nothing_is_stored(scene))),
        rule("§7.2", "a wrong credential: 401 for everything, another challenge")
            .sends(from(Sender::Neighbour), PACKAGE_1)
            .gets_each("0:401+Chal 2:401 3:401 Final", REFUSED_BY_CERTIFICATE)
            .sees(|scene| Box::pin(nothing_is_stored(scene))),
        rule("§7.2", "a first Cred over the empty nonce gets a fresh one, which works")
            .sends(from(Sender::Nonce("")), PACKAGE_1)
            .gets_each("0:401+Chal 2:401 3:401 Final", WELCOME)
            .says(PACKAGE_1)
            .gets(WELCOME),
        rule("§7.2", "a first Cred over a stale nonce gets a fresh one, which works")
            .sends(from(Sender::Nonce("c3RhbGU=")), PACKAGE_1)
            .gets_each("0:401+Chal 2:401 3:401 Final", WELCOME)
            .says(PACKAGE_1)
            .gets(WELCOME),
        rule("§7.2", "a wrong Cred later than any session lasts gets no further challenge")
            .sends(Envelope { ahead: 65, ..from(Sender::Neighbour) }, PACKAGE_1)
            .gets_each("0:401 2:401 3:401 Final", REFUSED_BY_CERTIFICATE),
        rule("§7.2", "the challenge is md5 with Type, Format and NextNonce of 128 bits or more")
            .only(&[Identity::Md5])
            .sends(from(Sender::Stranger), PACKAGE_1)
            .checks(challenge_is_whole),
        rule("§7.1", "basic is user and password in base64")
            .sends(from(Sender::Basic), PACKAGE_1)
            .gets(WELCOME),
        rule("§0.5", "after 200 each message needs its Cred; without it the session is as it was")
            .opens(PACKAGE_1)
            .gets(WELCOME)
            .sends(from(Sender::Stranger), "{header}{404}<Final/>")
            .gets_each("0:407+Chal Final", "0:407 Final")
            .says("{header}{404}<Final/>")
            .gets("0:200 Final"),
        rule("§7.2", "212 accepts the whole session; a certificate is wanted with each message")
            .at(Setup::WholeSession)
            .opens(PACKAGE_1)
            .gets_each("0:212 2:200 3:200 Get Final", WELCOME)
            .sends(from(Sender::Stranger), "{header}{404}<Final/>")
            .gets_each("0:212 Final", "0:407 Final"),
        rule("§7.2", "a Cred that comes all the same after 212 is verified")
            .at(Setup::WholeSession)
            .only(&[Identity::Md5])
            .opens(PACKAGE_1)
            .sends(from(Sender::Neighbour), "{header}{404}<Final/>")
            .gets("0:401+Chal Final")
            .says("{header}{404}<Final/>")
            .gets("0:212 Final"),
        rule("§7.2", "who is not believed leaves an open session as it is")
            .opens(PACKAGE_1)
            .sends(from(Sender::Stranger), PACKAGE_1)
            .gets_each("0:407+Chal 2:407 3:407 Final", REFUSED_BY_CERTIFICATE)
            .sends(from(Sender::Neighbour), "<Alert><CmdID>2</CmdID><Data>1223</Data></Alert><Final/>")
            .gets_each("0:401+Chal 2:401 Final", "0:407 2:407 Final")
            .sees(|scene| Box::pin(one_session_is_open(scene)))
            .says("{header}{404}<Final/>")
            .gets("0:200 Final"),
        rule("§7.2", "an unknown device is answered like a known one, byte for byte but the nonce")
            .sees(|scene| Box::pin(unknown_devices_look_alike(scene))),
        rule("§7.2", "a digest is good for one session: package 1 played again opens none")
            .only(&[Identity::Md5])
            .opens(PACKAGE_1)
            .sees(|scene| Box::pin(old_package_1_opens_nothing(scene))),
        rule(
            "DESIGN §3",
            "guesses are slowed: 429 with Retry-After, but never for the device that was right before",
        )
        .at(Setup::FewGuesses)
        .only(&[Identity::Md5])
        .opens(PACKAGE_1)
        .gets(WELCOME)
        .sees(|scene| Box::pin(guesses_are_slowed(scene)))
        .says("{header}{404}<Final/>")
        .gets("0:200 Final"),
        rule("§7.2", "mutual md5: a client that challenges us gets our credential, in both modes")
            .only(&[Identity::Md5])
            .sees(|_| Box::pin(other_client::with_a_proven_server())),
        rule("§7.2", "mutual md5: without a credential of ours we carry on, in both modes")
            .only(&[Identity::Md5])
            .sees(|_| Box::pin(other_client::with_a_silent_server())),
        rule("§7.2", "mutual md5: a client that does not believe us is asked nothing more")
            .only(&[Identity::Md5])
            .sees(|_| Box::pin(other_client::with_an_impostor())),
        rule("§7.3", "both proofs are wanted: a certificate without a Cred is challenged")
            .at(Setup::BothProofs)
            .only(&[Identity::Certificate])
            .sends(from(Sender::Stranger), PACKAGE_1)
            .gets("0:407+Chal 2:407 3:407 Final")
            .opens(PACKAGE_1)
            .gets(WELCOME)
            .sends(from(Sender::Neighbour), "{header}{404}<Final/>")
            .gets("0:401+Chal Final"),
    ]
}

async fn nothing_is_stored(scene: &mut Scene) {
    assert!(scene.sessions().await.is_empty());
    let device = scene.record().await.device;
    assert_eq!((device.device_session, device.info.manufacturer), (None, None));
}

async fn one_session_is_open(scene: &mut Scene) {
    let [session] = &scene.sessions().await[..] else { panic!("one session") };
    assert_eq!(session.ended_at, None);
}

fn challenge_is_whole(scene: &Scene) {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let chal = scene.reply.text.split("<Chal>").nth(1).unwrap().split("</Chal>").next().unwrap();
    let nonce = scene.reply.nonce.as_deref().unwrap();
    assert_eq!(
        chal,
        format!(
            "<Meta><Type xmlns=\"syncml:metinf\">syncml:auth-md5</Type><Format xmlns=\"syncml:metinf\">b64</Format>\
             <NextNonce xmlns=\"syncml:metinf\">{nonce}</NextNonce></Meta>"
        )
    );
    assert!(BASE64_STANDARD.decode(nonce).unwrap().len() >= 16);
}

async fn unknown_devices_look_alike(scene: &mut Scene) {
    for sender in [Sender::Stranger, Sender::Neighbour] {
        let envelope = from(sender);
        scene.send(envelope, PACKAGE_1).await;
        let known = without_nonce(&scene.reply);
        // As long as the name that is known.
        scene.send(Envelope { source: "NOBODY-0001", ..envelope }, PACKAGE_1).await;
        let unknown = without_nonce(&scene.reply).replace("NOBODY-0001", &scene.name);
        assert_eq!(known, unknown, "{sender:?}");
    }
}

fn without_nonce(reply: &Reply) -> String {
    let nonce = reply.nonce.as_deref().unwrap_or("no nonce at all");
    reply.text.replace(nonce, "the nonce")
}

/// Somebody at the device's own address guesses the password of another one.
async fn guesses_are_slowed(scene: &mut Scene) {
    let guess = Envelope { source: "{name}-NEIGHBOUR", ..from(Sender::Neighbour) };
    let mut answers = Vec::new();
    for _ in 0..8 {
        scene.send(guess, PACKAGE_1).await;
        answers.push(scene.reply.shape.clone());
        if scene.reply.status == 429 {
            break;
        }
    }
    assert!(answers[0].starts_with("0:401"), "{answers:?}");
    assert_eq!(answers.last().map(String::as_str), Some("HTTP 429"), "{answers:?}");
    assert!(answers.len() > 2, "a mistake is no guess: {answers:?}");
}

/// The bytes of a package 1 that was believed, after the next session began.
async fn old_package_1_opens_nothing(scene: &mut Scene) {
    let (old, _) = scene.last.clone();
    scene.open(PACKAGE_1).await;
    assert_eq!(scene.sessions().await.len(), 2);
    scene.post(old, Sender::Neighbour).await;
    assert!(scene.reply.shape.starts_with("0:401"), "{}", scene.reply.shape);
    assert_eq!(scene.sessions().await.len(), 2);
}

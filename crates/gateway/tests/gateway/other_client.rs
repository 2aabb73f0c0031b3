//! A second OMA DM client, written from oma-dm.md alone and in another manner than `simulator`: it begins with a
//! credential over the empty nonce, challenges the server, sends `vnd.syncml+xml`, indents, quotes singly, puts Results
//! before Status, numbers its commands from 1, and is silent about its credential after 212. None of the crates that
//! speak SyncML is used here.

mod client;
mod digest;
mod letter;
mod reply;

use push::ChannelState;

use self::{
    client::{CHANNEL_URI, Other, Wants},
    digest::Account,
};
use crate::field::{ACCOUNT, Field, NAME};

const DEVICE: Account = Account { user: ACCOUNT.0, password: ACCOUNT.1 };
const SERVER: Account = Account { user: "reveille", password: "the server's" };

/// For how long the server accepts the device.
const MODES: [(dm::SessionAuth, u16); 2] =
    [(dm::SessionAuth::EachMessage, 200), (dm::SessionAuth::WholeSession, 212)];

async fn field(auth: dm::SessionAuth, server: Option<Account>) -> Field {
    let field = Field::with(|settings| {
        settings.sessions.session_auth = auth;
        settings.sessions.server = server.map(|account| dm::ServerAccount {
            user: account.user.to_owned(),
            inner_hash: dm::inner_hash(account.user, account.password),
        });
    });
    let field = field.await;
    field.create(NAME).await;
    field
}

/// The server knows the channel, and the device has the PFN.
async fn assert_housekeeping_is_done(field: &Field, client: &Other) {
    let pfn = "./Vendor/MSFT/DMClient/Provider/Reveille/Push/PFN";
    assert_eq!(client.nodes.get(pfn), Some(&field.pfn));
    let record = field.record(NAME).await;
    assert_eq!(record.channel.state(), ChannelState::Live);
    assert_eq!(record.channel.uri().map(push::ChannelUri::expose), Some(CHANNEL_URI));
    assert_eq!(record.device.info.manufacturer.as_deref(), Some("Other & Sons"));
    assert_eq!(record.device.info.os_version.as_deref(), Some("10.0.19045.3693"));
    let [session] = &field.sessions(NAME).await[..] else { panic!("one session") };
    assert_eq!((session.session_id.as_str(), session.ending.as_deref()), ("C0DE", Some("completed")));
}

#[tokio::test]
async fn it_completes_housekeeping_without_a_credential_of_the_server() {
    with_a_silent_server().await;
}

#[tokio::test]
async fn it_completes_housekeeping_with_a_server_that_proves_itself() {
    with_a_proven_server().await;
}

#[tokio::test]
async fn it_does_nothing_for_a_server_that_does_not_prove_itself() {
    with_an_impostor().await;
}

/// It asks for our credential, and we have none: both carry on.
pub(crate) async fn with_a_silent_server() {
    for (auth, accepted) in MODES {
        let field = field(auth, None).await;
        let mut client = Other::new(field.url.clone(), NAME, DEVICE, Wants::Nothing);
        assert!(client.hold().await, "{auth:?}");
        assert_housekeeping_is_done(&field, &client).await;
        assert_eq!(client.verdicts[0], 401, "the empty nonce is not ours");
        assert!(client.verdicts[1..].iter().all(|code| *code == accepted), "{:?}", client.verdicts);
        let silent = client.with_cred[2..].iter().all(|with| !with);
        assert_eq!(silent, accepted == 212, "no credential after 212: {:?}", client.with_cred);
    }
}

/// It asks for our credential, and gets it.
pub(crate) async fn with_a_proven_server() {
    for (auth, accepted) in MODES {
        let field = field(auth, Some(SERVER)).await;
        let wants = Wants::Proof { of: SERVER, code: accepted };
        let mut client = Other::new(field.url.clone(), NAME, DEVICE, wants);
        assert!(client.hold().await, "{auth:?} {:?}", client.judged);
        assert_housekeeping_is_done(&field, &client).await;
        assert!(client.judged.contains(&accepted), "{:?}", client.judged);
        assert!(!client.judged.contains(&401), "no digest was wrong: {:?}", client.judged);
    }
}

/// It wants our credential, and does not get the right one.
pub(crate) async fn with_an_impostor() {
    for server in [None, Some(Account { password: "a guess", ..SERVER })] {
        let field = field(dm::SessionAuth::EachMessage, server).await;
        let wants = Wants::Proof { of: SERVER, code: 200 };
        let mut client = Other::new(field.url.clone(), NAME, DEVICE, wants);
        assert!(!client.hold().await, "{:?}", client.judged);
        assert_eq!(client.judged.contains(&401), server.is_some(), "{:?}", client.judged);
        assert!(!client.nodes.keys().any(|node| node.contains("Push")), "nothing was written");
        assert_ne!(field.record(NAME).await.channel.state(), ChannelState::Live);
        let [session] = &field.sessions(NAME).await[..] else { panic!("one session") };
        assert_eq!(session.ending.as_deref(), Some("aborted"));
    }
}

//! Sessions, messages and their numbers.

use super::{
    PACKAGE_1, WELCOME,
    rule::{Rule, Sender, Setup, ahead, from, rule},
    scene::Scene,
};

const USER_PACKAGE_1: &str = "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Alert><CmdID>3</CmdID><Data>1224</Data>\
    <Item><Meta><Type>com.microsoft.mdm.synctype</Type></Meta><Data>user</Data></Item></Alert><Final/>";

const KEEP_ALIVE: &str = "<Alert><CmdID>5</CmdID><Data>1224</Data><Item><Meta><Type>Reversed-Domain-Name:\
    com.microsoft.mdm.requestpending</Type></Meta><Data>1</Data></Item></Alert>";

/// The device's answer that leaves housekeeping nothing to do.
const ANSWER: &str = "{header}{404}<Final/>";

const ABORT: &str = "{header}<Alert><CmdID>5</CmdID><Data>1223</Data></Alert><Final/>";

const LEAVE: &str = "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Alert><CmdID>3</CmdID><Data>1226</Data><Item>\
    <Meta><Type>com.microsoft:mdm.unenrollment.userrequest</Type><Format>int</Format></Meta><Data>1</Data></Item>\
    </Alert><Final/>";

const INSTALLED: &str = "{header}<Alert><CmdID>5</CmdID><Data>1226</Data><Item><Meta><Type>Reversed-Domain-Name:\
    com.microsoft.mdm.EnterpriseHostedAppInstall.result</Type><Format>int</Format></Meta><Data>0</Data></Item></Alert>\
    {404}<Final/>";

pub(crate) fn rules() -> Vec<Rule> {
    [numbers(), commands(), endings()].into_iter().flatten().collect()
}

/// `SessionID` and `MsgID`.
fn numbers() -> Vec<Rule> {
    vec![
        rule("§2.2", "a SessionID is opaque: 0, hex, five characters, 64 bytes")
            .sees(|scene| Box::pin(session_ids_are_opaque(scene))),
        rule("§2.2", "a SessionID of more than 64 bytes is refused")
            .sees(|scene| Box::pin(endless_id(scene))),
        rule("§3.5", "the same message again gets the same reply, byte for byte, and is not taken twice")
            .opens(PACKAGE_1)
            .repeats()
            .gets(WELCOME)
            .sees(|scene| Box::pin(reply_is_the_same(scene))),
        rule("§3.5", "another body under the last MsgID is refused")
            .opens(PACKAGE_1)
            .sends(ahead(0), "{header}<Alert><CmdID>7</CmdID><Data>1224</Data></Alert><Final/>")
            .gets("0:400 7:400 Final")
            .says(ANSWER)
            .gets("0:200 Final"),
        rule("§3.5", "a package 1 under numbers of an open session begins a new one")
            .opens(PACKAGE_1)
            .opens("<Alert><CmdID>9</CmdID><Data>1201</Data></Alert><Final/>")
            .gets("0:200 9:200 Get Final")
            .sees(|scene| Box::pin(first_was_superseded(scene))),
        rule("§3.5", "a MsgID that skips some is accepted")
            .opens(PACKAGE_1)
            .sends(ahead(5), ANSWER)
            .gets("0:200 Final"),
        rule("§3.5", "a lower MsgID is refused")
            .opens(PACKAGE_1)
            .sends(ahead(5), KEEP_ALIVE)
            .sends(ahead(-2), "{header}<Final/>")
            .gets("0:400 Final"),
    ]
}

/// What stands in a message, and how it goes on.
fn commands() -> Vec<Rule> {
    vec![
        rule("§4.1", "1201, client initiated, opens a session")
            .opens("<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Final/>")
            .gets("0:200 2:200 Get Final"),
        rule("§4.1", "1200, server initiated, opens a session")
            .opens("<Alert><CmdID>2</CmdID><Data>1200</Data></Alert><Final/>")
            .gets("0:200 2:200 Get Final"),
        rule("§3.3", "CmdIDs in any order, of any size")
            .opens(
                "<Alert><CmdID>70001</CmdID><Data>1201</Data></Alert><Alert><CmdID>3</CmdID><Data>1224</Data></Alert>\
                 <Alert><CmdID>44</CmdID><Data>1224</Data></Alert><Final/>",
            )
            .gets("0:200 70001:200 3:200 44:200 Get Final"),
        rule("§3.3", "a command without CmdID gets 400 with an empty CmdRef")
            .opens(
                "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Alert><Data>1224</Data></Alert><Replace><CmdID/>\
                 </Replace><Final/>",
            )
            .gets("0:200 2:200 :400 :400 Get Final"),
        rule("§3.1", "commands that clients may not send are answered and not executed: 405 or 406")
            .opens(
                "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Exec><CmdID>3</CmdID><Item><Target><LocURI>./X\
                 </LocURI></Target></Item></Exec><Final/>",
            )
            .checks(exec_is_not_allowed),
        rule("§5.1", "an element that is no command gets 400, one of data synchronization 406")
            .opens(
                "<Alert><CmdID>2</CmdID><Data>1201</Data></Alert><Nonsense><CmdID>3</CmdID></Nonsense><Copy><CmdID>4\
                 </CmdID></Copy><Final/>",
            )
            .gets("0:200 2:200 3:400 4:406 Get Final"),
        rule("§3.6", "a user's session beside the device's: neither ends the other")
            .sees(|scene| Box::pin(two_scopes(scene))),
        rule("§4.3", "a keep-alive without Final: Statuses, no commands, no Final, and the answers still count")
            .opens(PACKAGE_1)
            .says(KEEP_ALIVE)
            .gets("0:200 5:200")
            .says(ANSWER)
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ended_as(scene, "completed"))),
        rule("§4.1", "1222: a package in several messages is asked for and read as one")
            .opens(PACKAGE_1)
            .says("{header}<Alert><CmdID>5</CmdID><Data>1222</Data></Alert>")
            .gets("0:200 5:200 Alert1222")
            .says("{404}<Final/>")
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ended_as(scene, "completed"))),
    ]
}

/// How sessions and enrollments end.
fn endings() -> Vec<Rule> {
    vec![
        rule("§3.4", "1223 ends the session: Statuses, no commands")
            .opens(PACKAGE_1)
            .says(ABORT)
            .gets("0:200 5:200 Final")
            .sees(|scene| Box::pin(ended_as(scene, "aborted")))
            .says(ANSWER)
            .gets("0:200 Final"),
        rule("§4.1", "1225: the rest of an object will not come; the session goes on")
            .opens(PACKAGE_1)
            .says("{header}<Alert><CmdID>5</CmdID><Data>1225</Data></Alert>{404}<Final/>")
            .gets("0:200 5:200 Final"),
        rule("§3.4", "1226 of the user's request ends the enrollment")
            .opens(LEAVE)
            .gets("0:200 2:200 3:200 Final")
            .sees(|scene| Box::pin(unenrolled(scene, true))),
        rule("§4.2", "1226 of an installation does not")
            .opens(PACKAGE_1)
            .says(INSTALLED)
            .gets("0:200 5:200 Final")
            .sees(|scene| Box::pin(unenrolled(scene, false))),
        rule("§0.10", "a device that enrolled again begins at SessionID 1 again")
            .opens(LEAVE)
            .opens(PACKAGE_1)
            .gets(WELCOME)
            .sees(|scene| Box::pin(unenrolled(scene, false))),
        rule("§3.4", "an answer to a session that is over: Statuses and Final")
            .opens(PACKAGE_1)
            .says(ANSWER)
            .gets("0:200 Final")
            .says(ANSWER)
            .gets("0:200 Final"),
        rule("§9.3", "15 minutes of silence end a session")
            .opens(PACKAGE_1)
            .sees(|scene| Box::pin(silence(scene))),
        rule("§9.3", "a session has so many messages and no more (64; three in this row)")
            .at(Setup::ThreeMessages)
            .opens(PACKAGE_1)
            .says(KEEP_ALIVE)
            .gets("0:200 5:200")
            .says(KEEP_ALIVE)
            .gets("0:200 5:200 Final")
            .sees(|scene| Box::pin(ended_as(scene, "too_many_messages"))),
        rule("§3.2", "package 1 may leave out DevInfo")
            .opens("<Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/>")
            .gets("0:200 1:200 Get Final"),
        rule("§7.2", "nobody but the device ends its session")
            .opens(PACKAGE_1)
            .sends(from(Sender::Neighbour), ABORT)
            .says(ANSWER)
            .gets("0:200 Final")
            .sees(|scene| Box::pin(ended_as(scene, "completed"))),
    ]
}

async fn session_ids_are_opaque(scene: &mut Scene) {
    for id in ["0", "1F", "0xA3", "AbC5e", "ünï", &"7".repeat(64)] {
        id.clone_into(&mut scene.session);
        scene.open(PACKAGE_1).await;
        assert_eq!(scene.reply.shape, WELCOME, "{id}");
        assert!(scene.reply.text.contains(&format!("<SessionID>{id}</SessionID>")), "{}", scene.reply.text);
        assert_eq!(scene.sessions().await[0].session_id, id);
    }
}

async fn endless_id(scene: &mut Scene) {
    scene.session = "7".repeat(65);
    scene.open(PACKAGE_1).await;
    assert_eq!(scene.reply.shape, "0:400 2:400 3:400 Final");
    assert!(scene.sessions().await.is_empty());
}

async fn reply_is_the_same(scene: &mut Scene) {
    assert_eq!(scene.earlier.last().unwrap().text, scene.reply.text);
    let [session] = &scene.sessions().await[..] else { panic!("one session") };
    assert_eq!(session.messages, 1);
}

async fn first_was_superseded(scene: &mut Scene) {
    let [new, old] = &scene.sessions().await[..] else { panic!("two sessions") };
    assert_eq!((new.ending.as_deref(), old.ending.as_deref()), (None, Some("superseded")));
    let unknown = !old.outcomes.is_empty() && old.outcomes.iter().all(|outcome| outcome.status.is_none());
    assert!(unknown && new.outcomes.is_empty(), "what was asked is unknown for good: {:?}", old.outcomes);
}

fn exec_is_not_allowed(scene: &Scene) {
    let shape = &scene.reply.shape;
    assert!(
        ["0:200 2:200 3:405 Get Final", "0:200 2:200 3:406 Get Final"].contains(&shape.as_str()),
        "{shape}"
    );
}

async fn two_scopes(scene: &mut Scene) {
    scene.open(PACKAGE_1).await;
    let (nonce, msg_id) = (scene.nonce.clone(), scene.msg_id);
    scene.session = "2".into();
    scene.open(USER_PACKAGE_1).await;
    assert_eq!(scene.reply.shape, "0:200 2:200 3:200 Final", "no housekeeping in a user's session");
    (scene.nonce, scene.msg_id, scene.session) = (nonce, msg_id, "1".into());
    scene.say(ANSWER).await;
    assert_eq!(scene.reply.shape, "0:200 Final");
    let sessions = scene.sessions().await;
    let mut scopes: Vec<_> =
        sessions.iter().map(|session| (format!("{:?}", session.scope), session.ending.as_deref())).collect();
    scopes.sort();
    assert_eq!(scopes, [("Device".into(), Some("completed")), ("User".into(), Some("completed"))]);
}

async fn silence(scene: &mut Scene) {
    let store = scene.field.store.clone();
    let quarter = std::time::Duration::from_mins(15);
    let ended = |sessions: Vec<store::SessionRecord>, device| sessions.iter().any(|it| it.device == device);
    let device = scene.record().await.device.id;
    let early = store.end_silent_sessions(store.now() + quarter / 2).await.unwrap();
    assert!(!ended(early, device));
    let late = store.end_silent_sessions(store.now() + quarter).await.unwrap();
    assert!(ended(late, device));
    ended_as(scene, "silent").await;
    scene.say(ANSWER).await;
    assert_eq!(scene.reply.shape, "0:200 Final");
}

async fn ended_as(scene: &mut Scene, ending: &str) {
    assert_eq!(scene.sessions().await[0].ending.as_deref(), Some(ending));
}

async fn unenrolled(scene: &mut Scene, expect: bool) {
    assert_eq!(scene.record().await.device.unenrolled_at.is_some(), expect);
}

//! A row of the table: a rule, where it comes from, and a short play that shows whether it is kept.

use std::{borrow::Cow, future::Future, pin::Pin};

use super::scene::Scene;

/// How a device shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// By md5 in the message, over plain HTTP.
    Md5,
    /// By a client certificate, at a gateway that knows no passwords.
    Certificate,
}

pub(crate) const IDENTITIES: [Identity; 2] = [Identity::Md5, Identity::Certificate];

/// Which gateway a rule is played at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setup {
    /// The defaults.
    Usual,
    /// A credential counts for the whole session.
    WholeSession,
    /// A session has three messages.
    ThreeMessages,
    /// A certificate and a password, both.
    BothProofs,
    /// Three wrong credentials from an address, and it has to wait.
    FewGuesses,
    /// There is always too much to do.
    Overloaded,
}

/// A rule and its play.
pub(crate) struct Rule {
    /// Where it is written: a section of oma-dm.md unless it says DESIGN.
    pub(crate) section: &'static str,
    pub(crate) says: &'static str,
    pub(crate) setup: Setup,
    /// The identities that the rule is about.
    pub(crate) identities: &'static [Identity],
    pub(crate) steps: Vec<Step>,
}

/// The content of a `SyncBody`; see `Scene::fill` for its places.
pub(crate) type Text = Cow<'static, str>;

/// One step of a play.
pub(crate) enum Step {
    /// The device begins a session with this body and is believed.
    Opens(Text),
    /// Its next message.
    Says(Text),
    /// Its last message once more, byte for byte.
    Repeats,
    /// A message that is not as it should be.
    Sends(Envelope, Text),
    /// What came back: Statuses as `CmdRef:Data`, other commands by name, in order; `+Chal` with the header's Status.
    Gets(&'static str),
    /// What came back, where the identities differ.
    GetsEach { md5: &'static str, certificate: &'static str },
    /// Something about the last reply that its shape does not show.
    Checks(fn(&Scene)),
    /// Something that no other step can show.
    Sees(Look),
}

/// A look at what is stored, or a longer play.
pub(crate) type Look = for<'s> fn(&'s mut Scene) -> Pin<Box<dyn Future<Output = ()> + Send + 's>>;

/// What is odd about a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    /// Another Source; `{name}` stands for the device's.
    pub(crate) source: &'static str,
    /// How far its `MsgID` is from the last one.
    pub(crate) ahead: i64,
    /// Whose credential it carries.
    pub(crate) sender: Sender,
}

/// Who a message comes from in truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The device.
    #[default]
    Device,
    /// Somebody without a credential: no Cred, no client certificate.
    Stranger,
    /// Somebody with the credential of another device.
    Neighbour,
    /// The device, with a digest over this nonce (base64); with a certificate, that as well.
    Nonce(&'static str),
    /// The device, with its user's name and password as `syncml:auth-basic`.
    Basic,
}

/// A rule that both identities play at the usual gateway.
pub(crate) fn rule(section: &'static str, says: &'static str) -> Rule {
    Rule { section, says, setup: Setup::Usual, identities: &IDENTITIES, steps: Vec::new() }
}

impl Rule {
    pub(crate) fn at(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    pub(crate) fn only(mut self, identities: &'static [Identity]) -> Self {
        self.identities = identities;
        self
    }

    pub(crate) fn opens(self, body: impl Into<Text>) -> Self {
        self.step(Step::Opens(body.into()))
    }

    pub(crate) fn says(self, body: impl Into<Text>) -> Self {
        self.step(Step::Says(body.into()))
    }

    pub(crate) fn repeats(self) -> Self {
        self.step(Step::Repeats)
    }

    pub(crate) fn sends(self, envelope: Envelope, body: impl Into<Text>) -> Self {
        self.step(Step::Sends(envelope, body.into()))
    }

    pub(crate) fn gets(self, shape: &'static str) -> Self {
        self.step(Step::Gets(shape))
    }

    pub(crate) fn gets_each(self, md5: &'static str, certificate: &'static str) -> Self {
        self.step(Step::GetsEach { md5, certificate })
    }

    pub(crate) fn sees(self, look: Look) -> Self {
        self.step(Step::Sees(look))
    }

    pub(crate) fn checks(self, check: fn(&Scene)) -> Self {
        self.step(Step::Checks(check))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Default for Envelope {
    fn default() -> Self {
        Self { source: "{name}", ahead: 1, sender: Sender::Device }
    }
}

/// A message that somebody else sends in the device's name.
pub(crate) fn from(sender: Sender) -> Envelope {
    Envelope { sender, ..Envelope::default() }
}

/// A message of the device whose `MsgID` is not the next one.
pub(crate) fn ahead(ahead: i64) -> Envelope {
    Envelope { ahead, ..Envelope::default() }
}

impl Sender {
    /// Whether it is the device that speaks, however well.
    pub(crate) fn is_device(self) -> bool {
        !matches!(self, Self::Stranger | Self::Neighbour)
    }
}

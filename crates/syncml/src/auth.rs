use std::{borrow::Cow, fmt};

use crate::meta::Meta;

/// `Cred` (oma-dm.md §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cred<'a> {
    /// `Meta`: the scheme as `Type`, the encoding as `Format`.
    pub meta: Meta<'a>,
    /// `Data`: a digest or a password.
    pub data: Secret<'a>,
}

/// `Chal` (oma-dm.md §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chal<'a> {
    /// `Meta`: the scheme as `Type`, and with md5 the `NextNonce`.
    pub meta: Meta<'a>,
}

/// Text that must not be shown: its `Debug` form tells the length only.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret<'a>(Cow<'a, str>);

impl<'a> Secret<'a> {
    /// Wraps a secret.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    pub(crate) fn into_owned(self) -> Secret<'static> {
        Secret(Cow::Owned(self.0.into_owned()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

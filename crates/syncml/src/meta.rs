use std::borrow::Cow;

use crate::auth::Secret;

/// `Meta`. Its children are matched by local name, since devices, documents and servers disagree
/// about their namespace (oma-dm.md §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Meta<'a> {
    /// `Format`, such as `chr`, `int` or `b64`.
    pub format: Option<Cow<'a, str>>,
    /// `Type`: a media type, an alert's type or an authentication scheme.
    pub kind: Option<Cow<'a, str>>,
    /// `Mark`: how important an alert is.
    pub mark: Option<Cow<'a, str>>,
    /// `Size` of a large object in bytes, in its first chunk.
    pub size: Option<Cow<'a, str>>,
    /// `NextNonce`, in base64.
    pub next_nonce: Option<Secret<'a>>,
    /// `MaxMsgSize` in bytes.
    pub max_msg_size: Option<Cow<'a, str>>,
    /// `MaxObjSize` in bytes.
    pub max_obj_size: Option<Cow<'a, str>>,
}

impl<'a> Meta<'a> {
    /// A `Meta` with `Format` only.
    pub fn format(format: impl Into<Cow<'a, str>>) -> Self {
        Self { format: Some(format.into()), ..Self::default() }
    }

    /// A `Meta` with `Type` only.
    pub fn kind(kind: impl Into<Cow<'a, str>>) -> Self {
        Self { kind: Some(kind.into()), ..Self::default() }
    }
}

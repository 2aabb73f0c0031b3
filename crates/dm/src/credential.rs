//! Credentials of a device (oma-dm.md §7.1).

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};
use syncml::{Chal, Cred, Meta, Secret};

use crate::nonce::Nonce;

/// How a device proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A digest over the password and a nonce.
    Md5,
    /// User and password as they are.
    Basic,
}

/// The schemes that are accepted, at least one. A device is challenged with the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schemes(Vec<Scheme>);

/// What a device's credential is checked against.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user name. A device puts it into the Source's `LocName`.
    pub user: String,
    /// What is known of the password.
    pub inner_hash: InnerHash,
}

/// `B64(MD5(user ":" password))`: enough to verify every scheme, and as good as the password to
/// a thief. Never shown.
#[derive(Clone)]
pub struct InnerHash(SecretString);

/// The inner hash of a user's password.
pub fn inner_hash(user: &str, password: &str) -> InnerHash {
    let digest = Md5::new().chain_update(user).chain_update(":").chain_update(password);
    InnerHash(SecretString::from(BASE64.encode(digest.finalize())))
}

/// A nonce that a digest may be made with. One that is not valid is computed with all the same, so
/// that the time tells nothing.
pub(crate) struct Candidate {
    pub(crate) nonce: Nonce,
    pub(crate) valid: bool,
}

/// A credential that was right.
pub(crate) struct Proven {
    /// The nonce it was made with; basic has none.
    pub(crate) nonce: Option<Nonce>,
}

/// Checks a credential. The work is the same whether the account exists or not.
pub(crate) fn verify(
    cred: &Cred<'_>,
    schemes: &Schemes,
    account: Option<&Account>,
    candidates: &[Candidate],
) -> Option<Proven> {
    let scheme = Scheme::of(cred.meta.kind.as_deref()?)?;
    if !schemes.0.contains(&scheme) {
        return None;
    }
    let nobody = Account {
        user: String::new(),
        inner_hash: InnerHash(SecretString::from("AAAAAAAAAAAAAAAAAAAAAA==")),
    };
    let against = account.unwrap_or(&nobody);
    let proven = match scheme {
        Scheme::Md5 => md5_nonce(cred, against, candidates).map(|nonce| Proven { nonce: Some(nonce) }),
        Scheme::Basic => is_password(cred, against).then_some(Proven { nonce: None }),
    };
    proven.filter(|_| account.is_some())
}

/// The nonce that the digest was made with, if there is one. All of them are tried.
fn md5_nonce(cred: &Cred<'_>, account: &Account, candidates: &[Candidate]) -> Option<Nonce> {
    let claimed = decode(cred.data.expose()).unwrap_or_default();
    candidates.iter().fold(None, |found, candidate| {
        let expected = digest(&account.inner_hash, &candidate.nonce);
        let matches = expected.ct_eq(&claimed) & Choice::from(u8::from(candidate.valid));
        found.or(bool::from(matches).then_some(candidate.nonce))
    })
}

/// `MD5(inner ":" nonce)`.
fn digest(inner_hash: &InnerHash, nonce: &Nonce) -> Vec<u8> {
    let inner = inner_hash.expose();
    let digest = Md5::new().chain_update(inner).chain_update(":").chain_update(nonce.bytes());
    digest.finalize().to_vec()
}

fn is_password(cred: &Cred<'_>, account: &Account) -> bool {
    let pair = decode(cred.data.expose()).and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = pair.unwrap_or_default();
    let (user, password) = pair.split_once(':').unwrap_or_default();
    let hash = inner_hash(user, password);
    let same_hash = hash.expose().as_bytes().ct_eq(account.inner_hash.expose().as_bytes());
    let same_user = user.as_bytes().ct_eq(account.user.as_bytes());
    bool::from(same_hash & same_user)
}

impl Scheme {
    fn of(kind: &str) -> Option<Self> {
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        match () {
            () if is(Self::Md5.kind()) => Some(Self::Md5),
            () if is(Self::Basic.kind()) => Some(Self::Basic),
            () => None,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Md5 => "syncml:auth-md5",
            Self::Basic => "syncml:auth-basic",
        }
    }
}

impl Schemes {
    /// The schemes in the order of preference; None if there is none.
    pub fn new(schemes: impl IntoIterator<Item = Scheme>) -> Option<Self> {
        let schemes: Vec<Scheme> = schemes.into_iter().collect();
        (!schemes.is_empty()).then_some(Self(schemes))
    }

    /// The challenge by the preferred scheme. Only md5 wants a nonce.
    pub(crate) fn challenge(&self, nonce: &Nonce) -> Chal<'static> {
        let scheme = self.0.first().copied().unwrap_or(Scheme::Md5);
        let next_nonce = match scheme {
            Scheme::Md5 => Some(Secret::new(encode(nonce.bytes()))),
            Scheme::Basic => None,
        };
        let mut meta = Meta::kind(scheme.kind());
        meta.format = Some("b64".into());
        meta.next_nonce = next_nonce;
        Chal { meta }
    }
}

impl Default for Schemes {
    fn default() -> Self {
        Self(vec![Scheme::Md5, Scheme::Basic])
    }
}

impl InnerHash {
    /// An inner hash in its stored or imported form; None if it is not base64 of 16 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = decode(text).filter(|bytes| bytes.len() == 16)?;
        Some(Self(SecretString::from(encode(&bytes))))
    }

    /// The hash in base64, to be sealed and stored.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for InnerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InnerHash(…)")
    }
}

/// Padding may be missing; devices differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// White space between the characters is possible (oma-dm.md §6).
fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account { user: "Bruce2".to_owned(), inner_hash: inner_hash("Bruce2", "OhBehave") }
    }

    fn cred(kind: &'static str, data: &str) -> Cred<'static> {
        Cred { meta: Meta::kind(kind), data: Secret::new(data.to_owned()) }
    }

    #[test]
    fn the_known_answer() {
        // oma-dm.md §7.1; its nonce is five bytes long, ours are always sixteen.
        let digest = Md5::new().chain_update(account().inner_hash.expose()).chain_update(":Nonce");
        assert_eq!(encode(&digest.finalize()), "Zz6EivR3yeaaENcRN6lpAQ==");
    }

    #[test]
    fn a_digest_is_right_with_a_valid_nonce_only() {
        let [right, other] = [Nonce::of([7; 16]), Nonce::of([8; 16])];
        let data = encode(&digest(&account().inner_hash, &right));
        let candidate = |nonce, valid| Candidate { nonce, valid };
        for (candidates, expect) in [
            (vec![candidate(right, true)], true),
            (vec![candidate(other, true), candidate(right, true)], true),
            (vec![candidate(right, false)], false),
            (vec![candidate(other, true)], false),
            (vec![], false),
        ] {
            let proven =
                verify(&cred("syncml:auth-md5", &data), &Schemes::default(), Some(&account()), &candidates);
            assert_eq!(proven.map(|it| it.nonce), expect.then_some(Some(right)));
        }
    }

    #[test]
    fn basic_wants_user_and_password() {
        for (pair, expect) in [
            ("Bruce2:OhBehave", true),
            ("Bruce2:ohbehave", false),
            ("bruce2:OhBehave", false),
            ("Bruce2", false),
            (":", false),
            ("", false),
        ] {
            let cred = cred("syncml:auth-basic", &encode(pair.as_bytes()));
            let proven = verify(&cred, &Schemes::default(), Some(&account()), &[]);
            assert_eq!(proven.is_some(), expect, "{pair}");
        }
    }

    #[test]
    fn basic_cannot_tell_a_colon_in_the_user_from_the_one_after_it() {
        let user = "a:b".to_owned();
        let account = Account { inner_hash: inner_hash(&user, "c"), user };
        let cred = cred("syncml:auth-basic", &encode(b"a:b:c"));
        assert!(verify(&cred, &Schemes::default(), Some(&account), &[]).is_none());
    }

    #[test]
    fn nobody_is_never_right() {
        let nonce = Nonce::of([7; 16]);
        let nobody = InnerHash::parse("AAAAAAAAAAAAAAAAAAAAAA==").unwrap();
        let md5 = cred("syncml:auth-md5", &encode(&digest(&nobody, &nonce)));
        let valid = true;
        assert!(verify(&md5, &Schemes::default(), None, &[Candidate { nonce, valid }]).is_none());
        let basic = cred("syncml:auth-basic", &encode(b":"));
        assert!(verify(&basic, &Schemes::default(), None, &[]).is_none());
    }

    #[test]
    fn a_scheme_that_is_not_offered_is_not_accepted() {
        let cred = cred("syncml:auth-basic", &encode(b"Bruce2:OhBehave"));
        let md5 = Schemes::new([Scheme::Md5]).unwrap();
        assert!(verify(&cred, &md5, Some(&account()), &[]).is_none());
        assert_eq!(Schemes::new([]), None);
    }

    #[test]
    fn inner_hashes_are_parsed_and_never_shown() {
        let hash = inner_hash("Bruce2", "OhBehave");
        assert_eq!(InnerHash::parse(hash.expose()).unwrap().expose(), hash.expose());
        assert!(!format!("{:?}", account()).contains(hash.expose()));
        for text in ["", "AAAA", "not base64 at all!!", "AAAAAAAAAAAAAAAAAAAAAAAAAA=="] {
            assert!(InnerHash::parse(text).is_none(), "{text}");
        }
    }
}

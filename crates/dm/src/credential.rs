//! Credentials of a device (oma-dm.md §7.1).

use subtle::{Choice, ConstantTimeEq};
use syncml::{Chal, Cred, Meta, Secret};

use crate::{
    account::{Account, InnerHash, decode, digest, encode, inner_hash},
    nonce::Nonce,
};

/// How a device proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// A digest over the password and a nonce.
    Md5,
    /// User and password as they are.
    Basic,
}

/// The schemes that are accepted. A device is challenged with the first; where there is none, only
/// certificates count, and nobody is challenged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schemes(Vec<Scheme>);

/// A nonce that a digest may be made with.
pub(crate) struct Candidate {
    pub(crate) nonce: Nonce,
    /// Otherwise it is outdated: it was valid once.
    pub(crate) valid: bool,
}

/// What a credential is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The nonce that it was made with; basic has none.
    Right(Option<Nonce>),
    /// A digest over the password and a nonce that is outdated or empty: the first of a device that was not challenged.
    Stale,
    Wrong,
}

/// Checks a credential. The work is the same whether the account exists or not.
pub(crate) fn verify(
    cred: &Cred<'_>,
    schemes: &Schemes,
    account: Option<&Account>,
    candidates: &[Candidate],
) -> Verdict {
    let scheme = cred.meta.kind.as_deref().and_then(Scheme::of);
    let Some(scheme) = scheme.filter(|scheme| schemes.0.contains(scheme)) else { return Verdict::Wrong };
    let nobody = Account { user: String::new(), inner_hash: InnerHash::of_nobody() };
    let against = account.unwrap_or(&nobody);
    let verdict = match scheme {
        Scheme::Md5 => verify_digest(cred, against, candidates),
        Scheme::Basic if is_password(cred, against) => Verdict::Right(None),
        Scheme::Basic => Verdict::Wrong,
    };
    if account.is_some() { verdict } else { Verdict::Wrong }
}

/// All nonces are tried, whichever it is, so that the time tells nothing.
fn verify_digest(cred: &Cred<'_>, account: &Account, candidates: &[Candidate]) -> Verdict {
    let claimed = decode(cred.data.expose()).unwrap_or_default();
    let is_over = |nonce: &[u8]| digest(&account.inner_hash, nonce).ct_eq(&claimed);
    let (mut right, mut stale) = (None, is_over(&[]));
    for Candidate { nonce, valid } in candidates {
        let matches = is_over(nonce.bytes());
        let valid = Choice::from(u8::from(*valid));
        right = right.or(bool::from(matches & valid).then_some(*nonce));
        stale |= matches & !valid;
    }
    match right {
        Some(nonce) => Verdict::Right(Some(nonce)),
        None if stale.into() => Verdict::Stale,
        None => Verdict::Wrong,
    }
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
    pub(crate) fn of(kind: &str) -> Option<Self> {
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        match () {
            () if is(Self::Md5.kind()) => Some(Self::Md5),
            () if is(Self::Basic.kind()) => Some(Self::Basic),
            () => None,
        }
    }

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Md5 => "syncml:auth-md5",
            Self::Basic => "syncml:auth-basic",
        }
    }
}

impl Schemes {
    /// The schemes in the order of preference.
    pub fn new(schemes: impl IntoIterator<Item = Scheme>) -> Self {
        let mut distinct = Vec::new();
        for scheme in schemes {
            if !distinct.contains(&scheme) {
                distinct.push(scheme);
            }
        }
        Self(distinct)
    }

    /// Whether no credential is accepted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The challenge by the preferred scheme, if there is one. Only md5 wants a nonce.
    pub(crate) fn challenge(&self, nonce: &Nonce) -> Option<Chal<'static>> {
        let scheme = *self.0.first()?;
        let next_nonce = match scheme {
            Scheme::Md5 => Some(Secret::new(encode(nonce.bytes()))),
            Scheme::Basic => None,
        };
        let meta = Meta { format: Some("b64".into()), next_nonce, ..Meta::kind(scheme.kind()) };
        Some(Chal { meta })
    }
}

impl Default for Schemes {
    fn default() -> Self {
        Self(vec![Scheme::Md5, Scheme::Basic])
    }
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
    fn a_digest_is_right_with_a_valid_nonce_only() {
        let [right, other] = [Nonce::of([7; 16]), Nonce::of([8; 16])];
        let data = |nonce: &[u8]| encode(&digest(&account().inner_hash, nonce));
        let candidate = |nonce, valid| Candidate { nonce, valid };
        let is_right = Verdict::Right(Some(right));
        for (nonce, candidates, expect) in [
            (&right.bytes()[..], vec![candidate(right, true)], is_right),
            (right.bytes(), vec![candidate(other, true), candidate(right, true)], is_right),
            (right.bytes(), vec![candidate(right, false), candidate(right, true)], is_right),
            (right.bytes(), vec![candidate(right, false), candidate(other, true)], Verdict::Stale),
            (&[], vec![candidate(right, true)], Verdict::Stale),
            (right.bytes(), vec![candidate(other, true)], Verdict::Wrong),
            (right.bytes(), vec![], Verdict::Wrong),
        ] {
            let cred = cred("syncml:auth-md5", &data(nonce));
            let verdict =
                |account: Option<Account>| verify(&cred, &Schemes::default(), account.as_ref(), &candidates);
            let other = Account { inner_hash: inner_hash("Bruce2", "ohbehave"), ..account() };
            let verdicts = [Some(account()), Some(other), None].map(verdict);
            assert_eq!(verdicts, [expect, Verdict::Wrong, Verdict::Wrong]);
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
            let verdict = verify(&cred, &Schemes::default(), Some(&account()), &[]);
            assert_eq!(verdict == Verdict::Right(None), expect, "{pair}");
        }
    }

    #[test]
    fn basic_cannot_tell_a_colon_in_the_user_from_the_one_after_it() {
        let user = "a:b".to_owned();
        let account = Account { inner_hash: inner_hash(&user, "c"), user };
        let cred = cred("syncml:auth-basic", &encode(b"a:b:c"));
        assert_eq!(verify(&cred, &Schemes::default(), Some(&account), &[]), Verdict::Wrong);
    }

    #[test]
    fn nobody_is_never_right() {
        let nonce = Nonce::of([7; 16]);
        let nobody = InnerHash::parse("AAAAAAAAAAAAAAAAAAAAAA==").unwrap();
        let md5 = cred("syncml:auth-md5", &encode(&digest(&nobody, nonce.bytes())));
        let valid = true;
        assert_eq!(verify(&md5, &Schemes::default(), None, &[Candidate { nonce, valid }]), Verdict::Wrong);
        let basic = cred("syncml:auth-basic", &encode(b":"));
        assert_eq!(verify(&basic, &Schemes::default(), None, &[]), Verdict::Wrong);
    }

    #[test]
    fn a_scheme_that_is_not_offered_is_not_accepted() {
        let cred = cred("syncml:auth-basic", &encode(b"Bruce2:OhBehave"));
        for schemes in [Schemes::new([Scheme::Md5]), Schemes::new([])] {
            assert_eq!(verify(&cred, &schemes, Some(&account()), &[]), Verdict::Wrong);
        }
    }
}

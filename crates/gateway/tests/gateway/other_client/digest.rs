//! md5 as oma-dm.md §7.1 writes it down: `B64(MD5(B64(MD5(user:password)):nonce))`, the nonce in raw bytes.

use base64::prelude::{BASE64_STANDARD as B64, Engine as _};
use md5::{Digest as _, Md5};

/// Whoever proves something, and to whom.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
}

impl Account {
    /// The `Data` of a `Cred` that answers this nonce, which is base64 as on the wire.
    pub(crate) fn digest(self, nonce: &str) -> String {
        let secret = B64.encode(md5(format!("{}:{}", self.user, self.password).as_bytes()));
        let mut input = secret.into_bytes();
        input.push(b':');
        input.extend(B64.decode(nonce.trim()).expect("a nonce is base64"));
        B64.encode(md5(&input))
    }
}

fn md5(bytes: &[u8]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(bytes);
    hash.finalize().into()
}

#[test]
fn the_known_answer() {
    let bruce = Account { user: "Bruce2", password: "OhBehave" };
    assert_eq!(bruce.digest(&B64.encode("Nonce")), "Zz6EivR3yeaaENcRN6lpAQ==");
}

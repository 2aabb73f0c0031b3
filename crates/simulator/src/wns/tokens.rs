//! Access tokens: who they belong to and how long they are good.

use std::collections::{HashMap, VecDeque};

use base64::{Engine, engine::general_purpose::STANDARD};
use model::Timestamp;

use super::machine::Random;

/// The tokens that were issued and may still be good.
#[derive(Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Issued>,
    /// By PFN, the oldest first.
    by_app: HashMap<String, VecDeque<String>>,
}

struct Issued {
    pfn: String,
    good_until: Timestamp,
}

impl Tokens {
    /// Issues a token to the app; of its older ones only so many stay good that there are `live` in all.
    pub(super) fn issue(&mut self, pfn: &str, good_until: Timestamp, live: usize, random: Random) -> String {
        // The real ones begin like this, and they hold characters that must survive a header: `+`, `/`, `=`.
        let token = format!("EgAe{}", STANDARD.encode(random));
        let of_app = self.by_app.entry(pfn.to_owned()).or_default();
        of_app.push_back(token.clone());
        while of_app.len() > live.max(1) {
            if let Some(oldest) = of_app.pop_front() {
                self.issued.remove(&oldest);
            }
        }
        self.issued.insert(token.clone(), Issued { pfn: pfn.to_owned(), good_until });
        token
    }

    /// The PFN of the app that the token belongs to, if it is good at `now`.
    pub(super) fn owner(&self, token: &str, now: Timestamp) -> Option<&str> {
        self.issued.get(token).filter(|issued| now < issued.good_until).map(|issued| issued.pfn.as_str())
    }

    /// From now on no token that was issued is good.
    pub(super) fn revoke_all(&mut self) {
        self.issued.clear();
        self.by_app.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_is_good_until_its_end_or_until_too_many_newer_ones() {
        let mut tokens = Tokens::default();
        let end = Timestamp::EPOCH + Duration::from_secs(5);
        let [first, second, third] = [1, 2, 3].map(|n| tokens.issue("a", end, 2, [n; 32]));
        assert_eq!(tokens.owner(&first, Timestamp::EPOCH), None);
        assert_eq!(tokens.owner(&second, Timestamp::EPOCH), Some("a"));
        assert_eq!(tokens.owner(&third, end - Duration::from_micros(1)), Some("a"));
        assert_eq!(tokens.owner(&third, end), None);
        tokens.revoke_all();
        assert_eq!(tokens.owner(&third, Timestamp::EPOCH), None);
    }
}

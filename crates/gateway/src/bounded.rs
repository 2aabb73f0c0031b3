//! A memory of so many entries and no more.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

/// A map of at most so many entries. What was not touched for longest is forgotten first.
pub(crate) struct Bounded<K, V> {
    most: usize,
    touches: u64,
    entries: HashMap<K, (u64, V)>,
    by_touch: BTreeMap<u64, K>,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), touches: 0, entries: HashMap::new(), by_touch: BTreeMap::new() }
    }

    /// What is remembered of `key`. Looking is no touch.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    /// What is remembered of `key`, or something new, to be changed.
    pub(crate) fn touch(&mut self, key: K, new: impl FnOnce() -> V) -> &mut V {
        self.touches += 1;
        let touch = self.touches;
        if let Some((last, _)) = self.entries.get(&key) {
            self.by_touch.remove(last);
        } else if self.entries.len() >= self.most
            && let Some((_, oldest)) = self.by_touch.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.by_touch.insert(touch, key);
        let (last, value) = self.entries.entry(key).or_insert_with(|| (touch, new()));
        *last = touch;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut memory = Bounded::new(2);
        *memory.touch("a", || 0) += 1;
        *memory.touch("b", || 0) += 1;
        *memory.touch("a", || 0) += 1;
        *memory.touch("c", || 0) += 1;
        let seen = ["a", "b", "c"].map(|key| memory.get(&key).copied());
        assert_eq!(seen, [Some(2), None, Some(1)]);
        for key in ["d", "e", "f", "d"] {
            memory.touch(key, || 0);
        }
        assert_eq!((memory.entries.len(), memory.by_touch.len()), (2, 2));
    }
}

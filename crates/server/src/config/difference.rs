//! What differs between two configurations.

use std::collections::{BTreeMap, BTreeSet};

use super::Effective;

impl Effective {
    /// The settings that differ, such as `push.min_gap`. An entry of a list goes by its name, `push_app "main".secret`, or
    /// else by its number.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let (one, other) = (self.by_path(), other.by_path());
        let differs = |path: &&String| one.get(*path) != other.get(*path);
        one.keys().chain(other.keys()).filter(differs).cloned().collect()
    }

    fn by_path(&self) -> BTreeMap<String, &str> {
        let mut numbers = BTreeMap::new();
        let mut settings = BTreeMap::new();
        for (header, table) in self.tables() {
            let section = match header.strip_prefix("[[") {
                None => header.trim_matches(['[', ']']).to_owned(),
                Some(list) => {
                    let list = list.trim_end_matches(']');
                    let number = numbers.entry(list).or_insert(0_usize);
                    *number += 1;
                    let name = table.iter().find(|(key, _)| *key == "name").map(|(_, name)| name.as_str());
                    name.map_or_else(|| format!("{list}[{}]", *number - 1), |name| format!("{list} {name}"))
                }
            };
            settings.extend(table.iter().map(|(key, value)| (format!("{section}.{key}"), value.as_str())));
        }
        settings
    }
}

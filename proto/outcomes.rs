//! `docs/outcomes.md` names every value of the contract that says what became of a wake.

use prost::Message;
use prost_types::FileDescriptorSet;

const PAGE: &str = include_str!("../docs/outcomes.md");

/// The enums that the page explains.
const EXPLAINED: [&str; 6] =
    ["Attribution", "ExpectationKind", "PushAppFaultKind", "PushVerdict", "WakeEndReason", "WakeState"];

#[test]
fn every_outcome_has_a_row() {
    let missing: Vec<_> =
        EXPLAINED.iter().flat_map(|name| values(name)).filter(|row| !has_row(PAGE, row)).collect();
    assert!(missing.is_empty(), "docs/outcomes.md has no row for {missing:?}");
}

#[test]
fn a_missing_row_is_found() {
    let [name, value] = ["WakeEndReason", "NO_SESSION"];
    let without = PAGE.replace("\n| `NO_SESSION` |", "\n| |");
    assert!(has_row(PAGE, &(name.into(), value.into())));
    assert!(!has_row(&without, &(name.into(), value.into())));
    assert!(!has_row(PAGE, &(name.into(), "SENT".into())), "a verdict is not an end reason");
}

/// Whether the table headed by the enum has a row for the value.
fn has_row(page: &str, (name, value): &(String, String)) -> bool {
    let Some((_, table)) = page.split_once(&format!("\n| `{name}` |")) else { return false };
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.into_iter().any(|row| row.starts_with(&format!("| `{value}` |")))
}

/// The values of an enum but the unspecified one, without their prefix, each with the enum's name.
fn values(name: &str) -> Vec<(String, String)> {
    let set = FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).expect("descriptors");
    let it = set.file.iter().flat_map(|file| &file.enum_type).find(|it| it.name() == name).expect(name);
    let prefix = it.value[0].name().strip_suffix("UNSPECIFIED").expect("a prefix").to_owned();
    let values = it.value.iter().skip(1).filter_map(|value| value.name().strip_prefix(&prefix));
    values.map(|value| (name.to_owned(), value.to_owned())).collect()
}

//! The rules of style that callers feel, checked on the descriptors. `buf lint` knows more of them (`buf.yaml`); these
//! hold where it is not installed.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

/// Numbers of the fields of descriptors, from which the paths of comments are made (`descriptor.proto`).
mod tag {
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const ENUM: i32 = 5;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const NESTED_MESSAGE: i32 = 3;
    pub(super) const NESTED_ENUM: i32 = 4;
    pub(super) const ONEOF: i32 = 8;
    /// A field of a message, a value of an enum, a method of a service.
    pub(super) const MEMBER: i32 = 2;
}

#[test]
fn everything_has_a_comment() {
    let silent: Vec<_> = contract().iter().flat_map(undocumented).collect();
    assert!(silent.is_empty(), "without a comment: {silent:#?}");
}

#[test]
fn zero_is_unspecified_and_values_carry_the_name_of_their_enum() {
    for it in contract().iter().flat_map(enums) {
        let prefix = upper_snake(it.name());
        let zero = it.value.first().map(|value| (value.name(), value.number()));
        assert_eq!(zero, Some((format!("{prefix}_UNSPECIFIED").as_str(), 0)), "{}", it.name());
        for value in &it.value {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}: {}", it.name(), value.name());
        }
    }
}

#[test]
fn services_and_their_messages_are_named_alike() {
    let mut seen = BTreeSet::new();
    for file in contract() {
        for service in &file.service {
            assert!(service.name().ends_with("Service"), "{}", service.name());
            for method in &service.method {
                for (ty, suffix) in [(method.input_type(), "Request"), (method.output_type(), "Response")] {
                    assert_eq!(ty, format!(".reveille.v1.{}{suffix}", method.name()), "{}", method.name());
                    assert!(seen.insert(ty.to_owned()), "{ty} is used twice");
                    let name = ty.rsplit('.').next();
                    let here = file.message_type.iter().any(|message| Some(message.name()) == name);
                    assert!(here, "{ty} is not in the file of its service");
                }
            }
        }
    }
}

#[test]
fn lists_page() {
    let messages: BTreeMap<_, _> = contract()
        .into_iter()
        .flat_map(|file| file.message_type)
        .map(|message| (message.name().to_owned(), message))
        .collect();
    let has = |message: &str, fields: &[&str]| {
        let message = &messages[message];
        fields.iter().all(|name| message.field.iter().any(|field| field.name() == *name))
    };
    for list in methods().iter().map(MethodDescriptorProto::name).filter(|name| name.starts_with("List")) {
        assert!(has(&format!("{list}Request"), &["page_size", "page_token"]), "{list}");
        assert!(has(&format!("{list}Response"), &["next_page_token"]), "{list}");
    }
}

#[test]
fn names_are_in_snake_case_and_every_language_has_a_namespace() {
    for file in contract() {
        let options = file.options.as_ref().expect("options");
        assert_eq!(options.csharp_namespace(), "Reveille.V1", "{}", file.name());
        assert_eq!(options.go_package(), "reveille/v1;reveillev1", "{}", file.name());
        for field in file.message_type.iter().flat_map(|message| &message.field) {
            let snake =
                field.name().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            assert!(snake, "{}", field.name());
        }
    }
}

/// Each call says how it fails: `// Errors: A, B.` or `// Errors of rows: A. Errors of the stream: B.`, with values of
/// `ErrorReason` and nothing else.
#[test]
fn calls_name_their_errors_and_those_exist() {
    let files = contract();
    let reasons = files.iter().flat_map(enums).find(|it| it.name() == "ErrorReason").expect("ErrorReason");
    let known: BTreeSet<_> =
        reasons.value.iter().filter_map(|value| value.name().strip_prefix("ERROR_REASON_")).collect();
    let mut calls = 0;
    for (path, text) in files.iter().flat_map(comments) {
        let [tag::SERVICE, _, tag::MEMBER, _] = path[..] else { continue };
        let (_, errors) = text.split_once("\n Errors").unwrap_or_else(|| panic!("no errors: {text}"));
        let is_shouted =
            |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let mut reasons =
            errors.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(is_shouted).peekable();
        assert!(reasons.peek().is_some(), "which errors? {text}");
        reasons.for_each(|reason| assert!(known.contains(reason), "{reason} in: {text}"));
        calls += 1;
    }
    assert_eq!(calls, methods().len(), "each has a comment");
}

#[test]
fn the_rules_find_what_they_look_for() {
    assert_eq!(upper_snake("WakeEndReason"), "WAKE_END_REASON");
    let mut file =
        contract().into_iter().find(|file| file.name().ends_with("device_service.proto")).expect("file");
    assert_eq!(undocumented(&file), Vec::<String>::new());
    for location in &mut file.source_code_info.as_mut().expect("comments").location {
        location.leading_comments = None;
    }
    let silent = undocumented(&file);
    assert!(silent.contains(&"CreateDeviceRequest.name".to_owned()), "{silent:?}");
    assert!(silent.contains(&"DeviceService.CreateDevice".to_owned()), "{silent:?}");
    assert!(silent.contains(&"Credential.secret (oneof)".to_owned()), "{silent:?}");
}

/// The files of the contract, without those that it imports.
fn contract() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).expect("descriptors");
    set.file.into_iter().filter(|file| file.package() == "reveille.v1").collect()
}

fn methods() -> Vec<MethodDescriptorProto> {
    contract().into_iter().flat_map(|file| file.service).flat_map(|service| service.method).collect()
}

/// All enums of a file. None of ours is nested more than once.
fn enums(file: &FileDescriptorProto) -> Vec<&EnumDescriptorProto> {
    file.enum_type.iter().chain(file.message_type.iter().flat_map(|message| &message.enum_type)).collect()
}

/// What stands before each item of a file, by the item's path.
fn comments(file: &FileDescriptorProto) -> BTreeMap<&[i32], &str> {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations
        .filter(|location| !location.leading_comments().trim().is_empty())
        .map(|location| (location.path.as_slice(), location.leading_comments()))
        .collect()
}

/// Every item of a file that has no comment before it.
fn undocumented(file: &FileDescriptorProto) -> Vec<String> {
    let comments = comments(file);
    let mut items = Vec::new();
    for (path, message) in numbered(&[], tag::MESSAGE, &file.message_type) {
        of_message(&path, message, &mut items);
    }
    for (path, it) in numbered(&[], tag::ENUM, &file.enum_type) {
        of_enum(&path, it, &mut items);
    }
    for (path, service) in numbered(&[], tag::SERVICE, &file.service) {
        for (path, method) in numbered(&path, tag::MEMBER, &service.method) {
            items.push((path, format!("{}.{}", service.name(), method.name())));
        }
        items.push((path, service.name().to_owned()));
    }
    items
        .into_iter()
        .filter(|(path, _)| !comments.contains_key(path.as_slice()))
        .map(|(_, name)| name)
        .collect()
}

fn of_message(path: &[i32], message: &DescriptorProto, items: &mut Vec<(Vec<i32>, String)>) {
    let is_map_entry =
        |it: &DescriptorProto| it.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
    items.push((path.to_vec(), message.name().to_owned()));
    for (path, field) in numbered(path, tag::MEMBER, &message.field) {
        items.push((path, format!("{}.{}", message.name(), field.name())));
    }
    for (path, oneof) in numbered(path, tag::ONEOF, &message.oneof_decl) {
        // `optional` makes one that nobody wrote.
        if !oneof.name().starts_with('_') {
            items.push((path, format!("{}.{} (oneof)", message.name(), oneof.name())));
        }
    }
    for (path, nested) in numbered(path, tag::NESTED_MESSAGE, &message.nested_type) {
        if !is_map_entry(nested) {
            of_message(&path, nested, items);
        }
    }
    for (path, nested) in numbered(path, tag::NESTED_ENUM, &message.enum_type) {
        of_enum(&path, nested, items);
    }
}

fn of_enum(path: &[i32], it: &EnumDescriptorProto, items: &mut Vec<(Vec<i32>, String)>) {
    items.push((path.to_vec(), it.name().to_owned()));
    for (path, value) in numbered(path, tag::MEMBER, &it.value) {
        items.push((path, value.name().to_owned()));
    }
}

/// Each of these with its path below `parent`.
fn numbered<'a, T>(parent: &[i32], tag: i32, items: &'a [T]) -> impl Iterator<Item = (Vec<i32>, &'a T)> {
    (0..).zip(items).map(move |(index, item)| ([parent, &[tag, index]].concat(), item))
}

/// `WakeState` as `WAKE_STATE`.
fn upper_snake(name: &str) -> String {
    let words = name.chars().enumerate().map(|(index, c)| match c {
        c if c.is_uppercase() && index > 0 => format!("_{c}"),
        c => c.to_ascii_uppercase().to_string(),
    });
    words.collect()
}

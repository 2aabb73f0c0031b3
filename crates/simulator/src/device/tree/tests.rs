use super::*;

const PFN: &str = "./Device/Vendor/MSFT/DMClient/Provider/A%20B/Push/PFN";
const URI: &str = "./Vendor/MSFT/DMClient/Provider/A%20B/Push/ChannelURI";

fn tree(profile: &Profile) -> Tree {
    Tree::new("DEVICE", profile)
}

fn read(tree: &Tree, uri: &str, profile: &Profile) -> Result<String, u16> {
    tree.get(uri, profile, Timestamp::EPOCH).map(|value| value.data)
}

#[test]
fn the_pfn_is_added_once_and_replaced_afterwards() {
    let profile = Profile::new("A B");
    let mut tree = tree(&profile);
    assert_eq!(read(&tree, PFN, &profile), Err(404));
    assert_eq!(tree.replace(PFN, "one", &profile), 404);
    assert_eq!(tree.add(PFN, "one", &profile), 200);
    assert_eq!(tree.add(PFN, "one", &profile), 418);
    assert_eq!(tree.replace(PFN, "two", &profile), 200);
    assert_eq!(read(&tree, PFN, &profile), Ok("two".to_owned()));
    assert_eq!(read(&tree, URI, &profile), Err(404));
    assert_eq!(tree.replace(URI, "x", &profile), 405);
    assert_eq!(tree.delete("./Vendor/MSFT/DMClient/Provider/A%20B/Push"), 200);
    assert_eq!(tree.delete("./Vendor/MSFT/DMClient/Provider/A%20B/Push"), 404);
}

#[test]
fn interior_nodes_list_their_children_encoded() {
    let profile = Profile::new("A B");
    let mut tree = tree(&profile);
    let providers = "./Vendor/MSFT/DMClient/Provider";
    assert_eq!(read(&tree, providers, &profile), Ok("A%20B".to_owned()));
    assert_eq!(tree.add(PFN, "one", &profile), 200);
    assert_eq!(read(&tree, &format!("{providers}/a%20b"), &profile), Ok("Push".to_owned()));
    let poll = format!("{providers}/Other/Poll/PollOnLogin");
    assert_eq!(tree.add(&poll, "true", &profile), 200);
    assert_eq!(read(&tree, providers, &profile), Ok("A%20B/Other".to_owned()));
    assert_eq!(tree.delete(&format!("{providers}/other")), 200);
    assert_eq!(read(&tree, &poll, &profile), Err(404));
    assert_eq!(tree.delete(providers), 405);
}

#[test]
fn profiles_differ() {
    let creates = Profile { replace_missing: ReplaceMissing::Creates, ..Profile::new("A B") };
    assert_eq!(tree(&creates).replace(PFN, "one", &creates), 200);
    let refused = Profile { pfn_write: PfnWrite::Refused(404), ..Profile::new("A B") };
    assert_eq!(tree(&refused).add(PFN, "one", &refused), 404);
    let empty = Profile { no_channel: NoChannelReply::Empty, ..Profile::new("A B") };
    let mut tree = tree(&empty);
    tree.add(PFN, "one", &empty);
    assert_eq!(read(&tree, URI, &empty), Ok(String::new()));
}

#[test]
fn what_is_not_there_is_not_found() {
    let profile = Profile::new("A B");
    for (uri, expect) in [
        ("./Vendor/MSFT/Nothing", 404),
        ("./DevDetail/Nothing", 404),
        ("/Vendor", 404),
        ("./DevDetail/SwV?prop=Type", 406),
    ] {
        assert_eq!(read(&tree(&profile), uri, &profile), Err(expect), "{uri}");
    }
}

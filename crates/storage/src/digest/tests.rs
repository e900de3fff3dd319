use super::*;

/// The digests of assertions with these contents, in this order.
fn check(contents: &[&str]) -> Digests {
    let mut digests = Digests::default();
    for content in contents {
        let id = RecordId::of(content.as_bytes());
        digests.add_assertion(&id);
        digests.add_subject("subject", &id);
    }
    digests
}

#[test]
fn order_does_not_matter_and_every_element_does() {
    assert_eq!(check(&["a", "b", "c"]), check(&["c", "a", "b"]));
    assert_ne!(check(&["a", "b"]), check(&["a", "b", "c"]));
    assert_ne!(check(&["a", "b"]), check(&["a", "c"]));
    assert_ne!(check(&["a"]), check(&["a", "a"]));
}

#[test]
fn the_family_that_differs_is_named() {
    let one = check(&["a"]);
    let mut other = one;
    other.add_vote(&RecordId::of(b"a"), &RecordId::of(b"v"));
    assert_eq!(one.differing(&other), [Family::Votes]);
    assert!(one.differing(&one).is_empty());
    assert_ne!(one.assertions, one.subjects);
    assert_ne!(one.to_string(), other.to_string());
}

#[test]
fn digests_read_back_as_they_were_stored() {
    let digests = check(&["a", "b"]);
    assert_eq!(Digests::from_bytes(&digests.to_bytes()), Some(digests));
    assert_eq!(Digests::from_bytes(&digests.to_bytes()[1..]), None);
}

#[test]
fn the_bytes_of_a_digest_are_the_same_in_every_build() {
    let digests = check(&["annals"]);
    assert_eq!(digests.to_string(), "a7581196ed2e98c08668858c8d84947c64cd87f1031585e888d087653be1821a");
}

use super::*;

#[test]
fn keys_are_as_the_format_says_and_read_back() {
    let (assertion, vote) = (RecordId::from_bytes([1; 32]), RecordId::from_bytes([2; 32]));
    let key = vote_key(&assertion, &vote);
    assert_eq!(key.as_slice(), [b"V:".as_slice(), &[1; 32], b":", &[2; 32]].concat());
    assert_eq!(vote_of_key(&key), Some((assertion, vote)));
    assert_eq!(vote_of_key(&key[..66]), None);

    let epoch = EpochId::from_bytes([0xab; 32]);
    let key = epoch_key(&epoch, Offset::new(258));
    assert_eq!(
        key.as_slice(),
        [b"E:".as_slice(), "ab".repeat(32).as_bytes(), b":\0\0\0\0\0\0\x01\x02"].concat()
    );
    assert_eq!(epoch_of_key(&key), Some((epoch, Offset::new(258))));
    assert_eq!(epoch_of_key(&key[1..]), None);

    assert_eq!(id_of_key(&assertion_key(&vote)), Some(vote));
    assert_eq!(readable(&assertion_key(&vote)), format!("H:{vote}"));
}

#[test]
fn an_upper_case_epoch_key_is_not_a_second_name_of_the_same_key() {
    let mut key = epoch_key(&EpochId::from_bytes([0xab; 32]), Offset::ZERO);
    key[2] = b'A';
    assert_eq!(epoch_of_key(&key), None);
}

#[test]
fn a_prefix_bounds_the_ids_that_begin_so() {
    let prefix: IdPrefix = "0123456789aBc".parse().unwrap();
    let (low, high) = prefix.bounds();
    assert!(low.to_string().starts_with("0123456789abc000"));
    assert!(high.to_string().starts_with("0123456789abcfff"));
    assert_eq!(prefix.to_string(), "0123456789abc");
    assert_eq!(prefix.whole(), None);
    let id = RecordId::of(b"x");
    assert_eq!(id.to_string().parse::<IdPrefix>().unwrap().whole(), Some(id));
}

#[test]
fn what_is_no_prefix_is_refused() {
    for text in ["0123456", "", "0123456g", &"0".repeat(65), "ää012345"] {
        assert!(matches!(text.parse::<IdPrefix>(), Err(Error::NotAPrefix { .. })), "{text}");
    }
}

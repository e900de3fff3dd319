use super::*;

#[test]
fn a_name_has_1_to_1024_bytes_without_control_characters() {
    let check = |name: &str| check_name("subject", name);
    for good in ["a", " ", "Müggelsee", "漢字", "a b", "\u{200b}", "\u{feff}", "🦀", &"n".repeat(1_024)]
    {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    assert_eq!(check(""), Err(LimitError::Empty { field: "subject" }));
    let limit = 1_024;
    assert_eq!(check(&"n".repeat(1_025)), Err(LimitError::TooLong { field: "subject", bytes: 1_025, limit }));
    assert_eq!(
        check(&"é".repeat(513)),
        Err(LimitError::TooLong { field: "subject", bytes: 1_026, limit }),
        "bytes"
    );
    for (name, character, at) in [
        ("\0", '\0', 0),
        ("a\n", '\n', 1),
        ("é\u{7f}", '\u{7f}', 2),
        ("a\u{7f}", '\u{7f}', 1),
        ("a\u{85}", '\u{85}', 1),
    ] {
        assert_eq!(check(name), Err(LimitError::Control { field: "subject", character, at }));
    }
}

#[test]
fn an_error_names_the_field_and_the_limit() {
    for (error, expected) in [
        (check_name("voter", "").unwrap_err(), "voter is empty; it takes 1 to 1024 bytes"),
        (
            check_name("unit", "k\u{85}").unwrap_err(),
            "unit has the control character U+0085 at byte 1; only texts may have any",
        ),
        (check_count("sources", 1_025).unwrap_err(), "sources has 1025 entries, at most 1024 are allowed"),
    ] {
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), Kind::Fix);
    }
    assert_eq!(check_count("sources", 1_024), Ok(()));
}

use super::*;

#[test]
fn every_name_comes_back_from_its_directory_and_stays_in_it() {
    let names = [
        "sensors",
        "Sensors",
        "a/b",
        "..",
        ".",
        ".hidden",
        "...",
        "a..b",
        "Météo Süd",
        "100%",
        "%2f",
        "a\\b",
        "store=x",
        "日本語",
        " ",
        "a b",
        "-",
        "date=2026-01-01",
        "😀",
        "CON",
        "a:b",
        "\u{202e}x",
    ];
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        let checked = StreamName::new(name).unwrap();
        let directory = checked.directory();
        assert!(directory.is_ascii() && !directory.contains(['/', '\\']), "{directory}");
        assert_eq!(directory, directory.to_lowercase(), "no two differ in case alone");
        assert!(!directory.starts_with('.') && directory.len() <= 255);
        assert_eq!(StreamName::of_directory(&directory).unwrap().as_str(), name);
        assert!(seen.insert(directory));
    }
    assert_eq!(StreamName::new("gps.2-b_c").unwrap().directory(), "store=gps.2-b_c");
    assert_eq!(StreamName::new("Ä/.").unwrap().directory(), "store=%c3%84%2f.");
}

#[test]
fn what_cannot_be_a_name_is_refused_with_its_reason() {
    for (name, reason) in [("", "empty"), ("a\nb", "control"), ("a\0", "control"), ("\u{85}", "control")] {
        let error = StreamName::new(name).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.kind(), annals_record::Kind::Fix);
    }
    assert!(StreamName::new(&"a".repeat(240)).is_ok() && StreamName::new(&"Ä".repeat(40)).is_ok());
    for long in ["a".repeat(241), "A".repeat(81), "Ä".repeat(41), "x".repeat(1 << 20)] {
        let error = StreamName::new(&long).unwrap_err().to_string();
        assert!(error.contains("too long") && error.len() < 1000);
    }
}

#[test]
fn a_directory_that_is_not_written_exactly_so_is_not_ours() {
    for foreign in [
        "store=",
        "store",
        "x",
        "store=A",
        "store=%41x%",
        "store=%4",
        "store=%4G",
        "store=%4F",
        "store=%61",
        "store=.a",
        "store=a b",
        "store=%ff",
        "store=%00",
        "Store=a",
        "store=ä",
    ] {
        assert_eq!(StreamName::of_directory(foreign), None, "{foreign}");
    }
}

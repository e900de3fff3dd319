use proptest::prelude::*;

use super::*;
use crate::samples;

fn check(text: &str) -> Result<String, DecimalError> {
    text.parse().map(|number: Decimal| number.to_string())
}

#[test]
fn a_number_is_kept_digit_by_digit() {
    for text in ["0", "5", "5.2", "5.20", "-12.50", "0.001", "-0.0", "9223372036854775808"] {
        assert_eq!(check(text), Ok(text.to_owned()));
    }
    let longest = format!("-{}.{}", "9".repeat(400), "0".repeat(600));
    assert_eq!(check(&longest), Ok(longest));
}

#[test]
fn what_is_no_number_is_refused_with_the_place() {
    for (text, expected) in [
        ("", DecimalError::Malformed { at: 0 }),
        ("-", DecimalError::Malformed { at: 1 }),
        ("+5", DecimalError::Malformed { at: 0 }),
        (".5", DecimalError::Malformed { at: 0 }),
        ("5.", DecimalError::Malformed { at: 2 }),
        ("5.x", DecimalError::Malformed { at: 2 }),
        ("1e3", DecimalError::Malformed { at: 1 }),
        ("1 000", DecimalError::Malformed { at: 1 }),
        ("٣", DecimalError::Malformed { at: 0 }),
        ("05", DecimalError::LeadingZero),
        ("-00.5", DecimalError::LeadingZero),
    ] {
        assert_eq!(check(text), Err(expected), "{text}");
    }
    assert_eq!(check(&"1".repeat(1_001)), Err(DecimalError::TooLong));
    assert_eq!(check(&format!("{}.{}", "1".repeat(500), "1".repeat(501))), Err(DecimalError::TooLong));
}

#[test]
fn an_exponent_is_written_out() {
    for (text, expected) in [
        ("1.5e3", "1500"),
        ("1.5E+3", "1500"),
        ("5.20e1", "52.0"),
        ("5.20e2", "520"),
        ("5.20e-1", "0.520"),
        ("52e-2", "0.52"),
        ("-1e-3", "-0.001"),
        ("0e3", "0"),
        ("0.00e1", "0.0"),
        ("0.0015e3", "1.5"),
        ("7e0", "7"),
        ("7e-0000000000000000000000", "7"),
        ("7.00", "7.00"),
    ] {
        assert_eq!(
            Decimal::from_scientific(text).map(|number| number.to_string()),
            Ok(expected.to_owned()),
            "{text}"
        );
    }
    for (text, expected) in [
        ("1e", DecimalError::Malformed { at: 2 }),
        ("1e+", DecimalError::Malformed { at: 3 }),
        ("1e5x", DecimalError::Malformed { at: 3 }),
        ("1x5", DecimalError::Malformed { at: 1 }),
        ("1e1000", DecimalError::TooLong),
        ("1e-1000", DecimalError::TooLong),
        ("0e1001", DecimalError::TooLong),
        ("1e10000000000000000000000", DecimalError::TooLong),
        ("1e-2147483649", DecimalError::TooLong),
    ] {
        assert_eq!(Decimal::from_scientific(text), Err(expected), "{text}");
    }
    assert!(Decimal::from_scientific("1e999").is_ok_and(|number| number.as_str().len() == 1_000));
}

#[test]
fn amounts_are_ordered_as_numbers() {
    let ordered = ["-100", "-99.5", "-1", "-0.01", "0", "0.005", "0.04", "0.1", "2", "10", "10.01"];
    let numbers = ordered.map(|text| text.parse::<Decimal>().unwrap());
    assert!(numbers.is_sorted_by(|a, b| a.cmp_amount(b).is_lt()));
    assert!(numbers.iter().rev().is_sorted_by(|a, b| a.cmp_amount(b).is_gt()));
    for (a, b) in [("5.2", "5.20"), ("0", "-0.0"), ("-3", "-3.000")] {
        let (a, b): (Decimal, Decimal) = (a.parse().unwrap(), b.parse().unwrap());
        assert_ne!(a, b);
        assert!(a.cmp_amount(&b).is_eq(), "{a} {b}");
    }
}

#[test]
fn parts_per_million_are_exact_or_refused() {
    let ppm = |text: &str| text.parse::<Decimal>().unwrap().to_ppm();
    assert_eq!(ppm("0.95"), Some(950_000));
    assert_eq!(ppm("0.9500000000"), Some(950_000));
    assert_eq!(ppm("0.000001"), Some(1));
    assert_eq!(ppm("0.0000001"), None);
    assert_eq!(ppm("-0.5"), None);
    assert_eq!(ppm("-0.0"), Some(0));
    assert_eq!(ppm("1000"), Some(1_000_000_000));
    assert_eq!(ppm(&"9".repeat(30)), None);
    for (ppm, text) in
        [(0, "0.0"), (1, "0.000001"), (950_000, "0.95"), (1_000_000, "1.0"), (u32::MAX, "4294.967295")]
    {
        assert_eq!(Decimal::from_ppm(ppm).as_str(), text);
    }
}

proptest! {
    #[test]
    fn every_part_per_million_comes_back(ppm in any::<u32>()) {
        let written = Decimal::from_ppm(ppm);
        prop_assert_eq!(written.to_string().parse(), Ok(written.clone()));
        prop_assert_eq!(written.to_ppm(), Some(u64::from(ppm)));
    }

    #[test]
    fn an_exponent_moves_the_point_and_nothing_else(number in samples::decimal(), exponent in -30_i32..30) {
        let there = Decimal::from_scientific(&format!("{number}e{exponent}"));
        let Ok(there) = there else { return Ok(()) };
        let back = Decimal::from_scientific(&format!("{there}e{}", -exponent));
        prop_assert!(back.is_ok_and(|back| back.cmp_amount(&number).is_eq()));
    }

    #[test]
    fn whole_numbers_are_ordered_as_integers(a in any::<i64>(), b in any::<i64>()) {
        prop_assert_eq!(Decimal::from(a).cmp_amount(&Decimal::from(b)), a.cmp(&b));
        prop_assert_eq!(Decimal::from(a).check(), Ok(()));
    }

    #[test]
    fn any_text_is_a_number_as_it_stands_or_none(text in "[-+0-9.eE]{0,12}") {
        if let Ok(number) = text.parse::<Decimal>() {
            prop_assert_eq!(number.as_str(), &text);
        }
        if let Ok(number) = Decimal::from_scientific(&text) {
            prop_assert_eq!(number.check(), Ok(()));
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::samples;

/// What a text is written as again, or why it is no time.
fn check(text: &str) -> Result<String, TimeError> {
    text.parse().map(|time: Time| time.to_string())
}

#[test]
fn every_precision_is_read_and_written() {
    for (text, precision) in [
        ("2024", Precision::Year),
        ("-0044", Precision::Year),
        ("0000", Precision::Year),
        ("2024-05", Precision::Month),
        ("-9999-01-01", Precision::Day),
        ("2024-02-29", Precision::Day),
        ("2024-05-03T10:00Z", Precision::Minute),
        ("2024-05-03T10:00:59Z", Precision::Second),
        ("2024-05-03T10:00:00.000Z", Precision::Millisecond),
        ("1969-12-31T23:59:59.999999Z", Precision::Microsecond),
        ("9999-12-31T23:59:59.999999Z", Precision::Microsecond),
    ] {
        assert_eq!(text.parse::<Time>().map(|time| time.precision), Ok(precision), "{text}");
        assert_eq!(check(text), Ok(text.to_owned()));
    }
}

#[test]
fn microseconds_count_from_1970_in_utc() {
    let micros = |text: &str| text.parse::<Time>().map(|time| time.micros);
    assert_eq!(micros("1970"), Ok(0));
    assert_eq!(micros("1969-12-31T23:59:59.999999Z"), Ok(-1));
    assert_eq!(micros("2000-03-01"), Ok(951_868_800_000_000));
    assert_eq!(micros("1970-01-01T02:00+02:00"), Ok(0));
    assert_eq!(micros("-9999"), Ok(MIN_MICROS));
    assert_eq!(micros("9999-12-31T23:59:59.999999Z"), Ok(MAX_MICROS));
}

#[test]
fn an_offset_becomes_utc() {
    assert_eq!(check("2024-05-03T01:30+02:00"), Ok("2024-05-02T23:30Z".to_owned()));
    assert_eq!(check("2024-12-31T23:59:59-00:30"), Ok("2025-01-01T00:29:59Z".to_owned()));
    assert_eq!(check("-9999-01-01T00:00+00:01"), Err(TimeError::OutOfRange));
    assert_eq!(check("9999-12-31T23:59-00:01"), Err(TimeError::OutOfRange));
}

#[test]
fn what_is_no_time_is_refused() {
    for (text, expected) in [
        ("", TimeError::Malformed { at: 0 }),
        ("24", TimeError::Malformed { at: 2 }),
        ("20240503", TimeError::Malformed { at: 4 }),
        ("12024", TimeError::Malformed { at: 4 }),
        ("+2024", TimeError::Malformed { at: 0 }),
        ("2024-", TimeError::Malformed { at: 5 }),
        ("2024-5-3", TimeError::Malformed { at: 6 }),
        ("2024-05-03 10:00Z", TimeError::Malformed { at: 10 }),
        ("2024-05-03T10Z", TimeError::Malformed { at: 13 }),
        ("2024-05-03T10:00Zx", TimeError::Malformed { at: 17 }),
        ("2024-05-03T10:00+0200", TimeError::Malformed { at: 19 }),
        ("2024-05-03T10:00:00.Z", TimeError::Malformed { at: 20 }),
        ("2024-05-03T10:00:00.1234567890Z", TimeError::Malformed { at: 29 }),
        ("2024-00", TimeError::NoSuch("month")),
        ("2024-13", TimeError::NoSuch("month")),
        ("2023-02-29", TimeError::NoSuch("day")),
        ("2024-05-00", TimeError::NoSuch("day")),
        ("-0000", TimeError::NoSuch("year")),
        ("2024-05-03T24:00Z", TimeError::NoSuch("hour")),
        ("2024-05-03T10:60Z", TimeError::NoSuch("minute")),
        ("2024-05-03T23:59:60Z", TimeError::NoSuch("second")),
        ("2024-05-03T10:00+24:00", TimeError::NoSuch("offset")),
        ("2024-05-03T10:00", TimeError::NoZone),
        ("2024-05-03T10:00:00", TimeError::NoZone),
        ("2024-05-03T10:00:00.5Z", TimeError::Fraction { digits: 1 }),
        ("2024-05-03T10:00:00.123456789Z", TimeError::Fraction { digits: 9 }),
    ] {
        assert_eq!(check(text), Err(expected), "{text}");
    }
}

#[test]
fn a_time_begins_the_period_it_names() {
    let day = "2024-05-03".parse::<Time>().unwrap().micros;
    assert_eq!(Time::new(day, Precision::Day), Ok(Time { micros: day, precision: Precision::Day }));
    assert_eq!(
        Time::new(day, Precision::Month),
        Err(TimeError::NotABeginning { micros: day, precision: "month" })
    );
    assert_eq!(Time::new(day + 1, Precision::Microsecond).map(|time| time.micros), Ok(day + 1));
    for (precision, name) in [
        (Precision::Year, "year"),
        (Precision::Month, "month"),
        (Precision::Day, "day"),
        (Precision::Minute, "minute"),
        (Precision::Second, "second"),
        (Precision::Millisecond, "millisecond"),
    ] {
        let expected = TimeError::NotABeginning { micros: day + 1, precision: name };
        assert_eq!(Time::new(day + 1, precision), Err(expected));
        assert_eq!(Time::new(MIN_MICROS, precision).map(|time| time.micros), Ok(MIN_MICROS));
    }
    assert_eq!(Time::new(MIN_MICROS - 1, Precision::Microsecond), Err(TimeError::OutOfRange));
    assert_eq!(Time::new(i64::MAX, Precision::Year), Err(TimeError::OutOfRange));
    assert_eq!(Time::new(i64::MIN, Precision::Year), Err(TimeError::OutOfRange));
}

#[test]
fn an_instant_is_read_and_written_as_rfc_3339_does() {
    for (text, micros, written) in [
        ("1970-01-01T00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("1970-01-01T00:00:01.5Z", 1_500_000, "1970-01-01T00:00:01.500Z"),
        ("1970-01-01T01:00:00.000001+01:00", 1, "1970-01-01T00:00:00.000001Z"),
        ("1969-12-31T23:59:59.999000Z", -1_000, "1969-12-31T23:59:59.999Z"),
        ("2024-05-03T10:00:00.123456000Z", 1_714_730_400_123_456, "2024-05-03T10:00:00.123456Z"),
    ] {
        assert_eq!(parse_instant(text), Ok(micros), "{text}");
        assert_eq!(format_instant(micros), written);
    }
    assert_eq!(parse_instant("2024-05-03"), Err(TimeError::DateOnly));
    assert_eq!(parse_instant("2024-05-03T10:00:00.1234567Z"), Err(TimeError::TooFine));
    assert_eq!(parse_instant("2024-05-03T10:00:00"), Err(TimeError::NoZone));
    assert_eq!(format_instant(i64::MAX), "9999-12-31T23:59:59.999999Z");
    assert_eq!(format_instant(i64::MIN), "-9999-01-01T00:00:00Z");
}

proptest! {
    #[test]
    fn every_time_comes_back_from_its_text(time in samples::time()) {
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(Time::new(time.micros, time.precision), Ok(time));
    }

    #[test]
    fn every_instant_comes_back_from_its_text(micros in MIN_MICROS..=MAX_MICROS) {
        prop_assert_eq!(parse_instant(&format_instant(micros)), Ok(micros));
    }

    #[test]
    fn a_later_time_of_one_precision_has_a_later_text(a in MIN_MICROS..=MAX_MICROS, b in MIN_MICROS..=MAX_MICROS) {
        // The signs of years turn the order of texts round, so only years after 0 are compared.
        prop_assume!(a > -62_135_596_800_000_000 && b > -62_135_596_800_000_000);
        let text = |micros| Time { micros, precision: Precision::Microsecond }.to_string();
        prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
    }

    #[test]
    fn any_text_is_a_time_or_an_error(text in "[-+0-9TZ:.]{0,30}") {
        if let Ok(time) = text.parse::<Time>() {
            prop_assert_eq!(Time::new(time.micros, time.precision), Ok(time));
        }
        if let Ok(micros) = parse_instant(&text) {
            prop_assert!((MIN_MICROS..=MAX_MICROS).contains(&micros));
        }
    }
}

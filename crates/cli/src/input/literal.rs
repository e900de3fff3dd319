//! RDF's literals as values.
//!
//!   "5"^^xsd:int -> Int      "5.20"^^xsd:decimal -> Decimal      "2024-05"^^xsd:gYearMonth -> Time
//!   "x"@en -> Text           "x" -> Text                         anything else -> Text, and its datatype beside it
//!
//! V1: a literal that has no value of ours keeps its text and its datatype, so nothing of it is lost.

use annals::{Decimal, Precision, Time, Value};
use oxrdf::Literal;

const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// The value of a literal; with it the literal's datatype, where the value alone does not tell it.
pub(super) fn value(literal: Literal) -> (Value, Option<String>) {
    let (text, datatype, language) = literal.destruct();
    let Some(datatype) = datatype else {
        return (Value::Text { text, language }, None);
    };
    match datatype.as_str().strip_prefix(XSD).and_then(|name| typed(name, &text)) {
        Some(value) => (value, None),
        None => (Value::text(text), Some(datatype.into_string())),
    }
}

/// The value of a text under a datatype of XML Schema; none if it has no value of ours.
fn typed(datatype: &str, text: &str) -> Option<Value> {
    match datatype {
        "boolean" => boolean(text).map(Value::Bool),
        "decimal" => decimal(text).map(Value::Decimal),
        "double" | "float" => float(text).map(Value::Float),
        "dateTime" | "dateTimeStamp" => date_time(text).map(Value::Time),
        "date" => date(text, Precision::Day).map(Value::Time),
        "gYearMonth" => date(text, Precision::Month).map(Value::Time),
        "gYear" => date(text, Precision::Year).map(Value::Time),
        _ => integer(text, range(datatype)?),
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The least and the greatest number of a type of the integer family, as far as it has one; none for other types.
fn range(datatype: &str) -> Option<(Option<i128>, Option<i128>)> {
    Some(match datatype {
        "integer" => (None, None),
        "nonNegativeInteger" => (Some(0), None),
        "positiveInteger" => (Some(1), None),
        "nonPositiveInteger" => (None, Some(0)),
        "negativeInteger" => (None, Some(-1)),
        "long" => (Some(i64::MIN.into()), Some(i64::MAX.into())),
        "int" => (Some(i32::MIN.into()), Some(i32::MAX.into())),
        "short" => (Some(i16::MIN.into()), Some(i16::MAX.into())),
        "byte" => (Some(i8::MIN.into()), Some(i8::MAX.into())),
        "unsignedLong" => (Some(0), Some(u64::MAX.into())),
        "unsignedInt" => (Some(0), Some(u32::MAX.into())),
        "unsignedShort" => (Some(0), Some(u16::MAX.into())),
        "unsignedByte" => (Some(0), Some(u8::MAX.into())),
        _ => return None,
    })
}

/// A whole number within a range: an `Int` where it fits, else a `Decimal`.
fn integer(text: &str, (least, greatest): (Option<i128>, Option<i128>)) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let Ok(number) = text.parse::<i128>() else {
        // Beyond 128 bits: only a type without an end on that side has such numbers.
        let end = if text.starts_with('-') { least } else { greatest };
        return if end.is_none() { decimal(text).map(Value::Decimal) } else { None };
    };
    if least.is_some_and(|least| number < least) || greatest.is_some_and(|greatest| number > greatest) {
        return None;
    }
    match i64::try_from(number) {
        Ok(number) => Some(Value::Int(number)),
        Err(_) => decimal(text).map(Value::Decimal),
    }
}

/// A decimal number with all its digits; a `+`, needless zeros in front and a point at either end are written our way.
fn decimal(text: &str) -> Option<Decimal> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    // What stands behind a sign that was taken off must not bring another.
    if whole.len() + fraction.len() == 0 || whole.starts_with(['+', '-']) {
        return None;
    }
    let trimmed = whole.trim_start_matches('0');
    let whole = if trimmed.is_empty() { "0" } else { trimmed };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}").parse().ok()
}

/// A binary floating-point number. A finite number too large for one is none.
fn float(text: &str) -> Option<f64> {
    match text {
        "INF" | "+INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        // Rust reads `inf` and `nan` in any case; XML Schema does not.
        _ if text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) => None,
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// A date and a time of day. Without a zone it is read as UTC; a fraction is filled up to 3 or 6 digits.
fn date_time(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once('T')?;
    let (clock, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest, "Z"),
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, fill(fraction)?),
        None => (clock, String::new()),
    };
    // The seconds are not optional here.
    if clock.len() != "12:00:00".len() {
        return None;
    }
    format!("{date}T{clock}{fraction}{zone}").parse().ok()
}

/// The point and 3 or 6 digits; none if it takes more, or if there are none.
fn fill(fraction: &str) -> Option<String> {
    if fraction.is_empty() {
        return None;
    }
    let digits = if fraction.len() > 6 { fraction.trim_end_matches('0') } else { fraction };
    match digits.len() {
        0..=3 if fraction.len() <= 3 => Some(format!(".{digits:0<3}")),
        0..=6 => Some(format!(".{digits:0<6}")),
        _ => None,
    }
}

/// A day, a month or a year, in UTC: elsewhere it begins and ends at another time than ours of that name.
fn date(text: &str, precision: Precision) -> Option<Time> {
    let utc = ["Z", "+00:00", "-00:00"].iter().find_map(|zone| text.strip_suffix(zone));
    let time: Time = utc.unwrap_or(text).parse().ok()?;
    (time.precision == precision).then_some(time)
}

#[cfg(test)]
mod tests;

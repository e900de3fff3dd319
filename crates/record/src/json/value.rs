//! Values: a text, a number and a truth stand for themselves; everything else is an object that says what it is.

use super::field::Field;
use super::{Fields, JsonError};
use crate::{Decimal, Value};

const EXPECTED: &str = "a text, a number, true, false, or an object that names one of entity, text, decimal, float, time, \
                        quantity, bytes, assertion, some, none";

const KEYS: &[&str] = &[
    "entity",
    "text",
    "language",
    "decimal",
    "float",
    "time",
    "quantity",
    "unit",
    "bytes",
    "assertion",
    "some",
    "none",
];

/// Reads the object of an assertion or the value of a qualifier.
pub(super) fn read(field: Field<'_>) -> Result<Value, JsonError> {
    match field.first() {
        b'"' => field.text().map(Value::text),
        b't' | b'f' => field.truth().map(Value::Bool),
        b'{' => {
            let mut fields = field.fields(KEYS, EXPECTED)?;
            let named = read_named(&mut fields).map_err(|error| error.within(field.key()))?;
            let value = named.ok_or_else(|| field.says(EXPECTED))?;
            fields.finish().map_err(|error| error.within(field.key()))?;
            Ok(value)
        }
        _ if field.is_number() => read_number(field),
        _ => Err(field.not(EXPECTED)),
    }
}

/// A whole number that fits is an integer; every other number keeps its digits.
fn read_number(field: Field<'_>) -> Result<Value, JsonError> {
    match field.raw().parse() {
        Ok(number) => Ok(Value::Int(number)),
        Err(_) => field.decimal().map(Value::Decimal),
    }
}

/// Reads the object form by the first of its keys that names a kind; the other keys are left.
fn read_named(fields: &mut Fields<'_>) -> Result<Option<Value>, JsonError> {
    if let Some(field) = fields.take("entity") {
        return field.text().map(|name| Some(Value::Entity(name)));
    }
    if let Some(field) = fields.take("text") {
        let language = fields.take("language").map(|field| field.text()).transpose()?;
        return Ok(Some(Value::Text { text: field.text()?, language }));
    }
    if let Some(field) = fields.take("decimal") {
        return field.decimal_or_text().map(|number| Some(Value::Decimal(number)));
    }
    if let Some(field) = fields.take("float") {
        return read_float(field).map(|number| Some(Value::Float(number)));
    }
    if let Some(field) = fields.take("time") {
        return field.time().map(|time| Some(Value::Time(time)));
    }
    if let Some(field) = fields.take("quantity") {
        let amount: Decimal = field.decimal_or_text()?;
        return Ok(Some(Value::Quantity { amount, unit: fields.need("unit")?.text()? }));
    }
    if let Some(field) = fields.take("bytes") {
        return read_hex(field).map(|bytes| Some(Value::Bytes(bytes)));
    }
    if let Some(field) = fields.take("assertion") {
        return field.id().map(|id| Some(Value::Assertion(id)));
    }
    if let Some(field) = fields.take("some") {
        return read_mark(field).map(|()| Some(Value::SomeValue));
    }
    if let Some(field) = fields.take("none") {
        return read_mark(field).map(|()| Some(Value::NoValue));
    }
    Ok(None)
}

/// A number, or one of the three texts for what no number says.
fn read_float(field: Field<'_>) -> Result<f64, JsonError> {
    const EXPECTED: &str = "a number within the range of a 64-bit float, \"NaN\", \"inf\" or \"-inf\"";
    if field.is_number() {
        // The parser rounds to the nearest float, as every language does; only what is beyond them all is refused.
        let number = field.raw().parse().ok().filter(|number: &f64| number.is_finite());
        return number.ok_or_else(|| field.says(EXPECTED));
    }
    match field.raw() {
        "\"NaN\"" => Ok(f64::NAN),
        "\"inf\"" => Ok(f64::INFINITY),
        "\"-inf\"" => Ok(f64::NEG_INFINITY),
        _ => Err(field.says(EXPECTED)),
    }
}

/// Bytes as pairs of hex digits, of either case.
fn read_hex(field: Field<'_>) -> Result<Vec<u8>, JsonError> {
    let text = field.text()?;
    let refused = || field.says("pairs of hex digits");
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(refused());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().ok_or_else(refused)
}

/// `true`, which is all that `some` and `none` can be.
fn read_mark(field: Field<'_>) -> Result<(), JsonError> {
    if field.raw() == "true" { Ok(()) } else { Err(field.not("true")) }
}

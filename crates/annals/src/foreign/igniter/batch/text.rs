//! MessagePack as JSON, as the store itself writes it.

use rmpv::Value;

/// The text of a value; the reason if JSON has none for it.
pub(super) fn json(value: &Value) -> Result<String, String> {
    let mut text = String::new();
    write(value, &mut text)?;
    Ok(text)
}

// As deep as it was unpacked.
fn write(value: &Value, out: &mut String) -> Result<(), String> {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Boolean(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Integer(number) => out.push_str(&number.to_string()),
        Value::F32(number) => float(f64::from(*number), out)?,
        Value::F64(number) => float(*number, out)?,
        Value::String(text) => quote(text.as_bytes(), out)?,
        Value::Binary(bytes) => quote(bytes, out)?,
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(value, out)?;
            }
            out.push(']');
        }
        Value::Map(fields) => {
            out.push('{');
            for (i, (key, value)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                match key {
                    Value::String(text) => quote(text.as_bytes(), out)?,
                    other => quote(json(other)?.as_bytes(), out)?,
                }
                out.push(':');
                write(value, out)?;
            }
            out.push('}');
        }
        Value::Ext(kind, _) => return Err(format!("a value of MessagePack's extension {kind}")),
    }
    Ok(())
}

fn float(number: f64, out: &mut String) -> Result<(), String> {
    if !number.is_finite() {
        return Err(format!("the number {number}, which JSON does not have"));
    }
    // The shortest text that reads back to the same bits.
    out.push_str(&format!("{number:?}"));
    Ok(())
}

fn quote(bytes: &[u8], out: &mut String) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("a text that is no UTF-8: {error}"))?;
    out.push_str(&serde_json::to_string(text).map_err(|error| error.to_string())?);
    Ok(())
}

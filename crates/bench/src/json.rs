//! Rows as JSON: one object per cell, a line each.

use serde_json::json;

use crate::row::Row;

/// All rows.
pub(crate) fn lines(rows: &[Row]) -> String {
    rows.iter().map(|row| line(row) + "\n").collect()
}

fn line(row: &Row) -> String {
    let mut object = json!({
        "work": row.work.name(),
        "size": row.size,
        "threads": row.threads,
        "who": row.who,
        "median": row.median,
        "min": row.min,
        "max": row.max,
        "unit": row.work.unit(),
        "durable": row.promise.durable,
        "checksums": row.promise.checksums,
        "hashes": row.promise.hashes,
    });
    for (name, value) in [("p50_us", row.p50_us), ("p99_us", row.p99_us)] {
        if let Some(value) = value {
            object[name] = json!(value);
        }
    }
    object.to_string()
}

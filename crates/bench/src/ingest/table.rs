//! Rows as text and as JSON.

use std::fmt::Write as _;

use serde_json::json;

use super::contender;
use super::row::{Row, blocks, heading};
use super::work::Work;
use crate::table::short;

const MIB: f64 = 1_048_576.0;

/// All rows, one block for each cell's contenders; the limit aside, the best of a block is 1.00.
pub(crate) fn rows(rows: &[Row]) -> String {
    let mut text = String::new();
    for block in blocks(rows) {
        let _ = writeln!(text, "{}", heading(&block[0]));
        let _ = writeln!(text, "  {:<14} {:>9} {:>21} {:>6}  ", "who", "median", "min - max", "x best");
        let best = best_of(block);
        for row in block {
            let scatter = format!("{} - {}", short(row.min), short(row.max));
            let (who, times) = (row.who, row.median / best);
            let _ = write!(
                text,
                "  {who:<14} {:>9} {scatter:>21} {times:>6.2}  {}",
                short(row.median),
                more(row)
            );
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn best_of(block: &[Row]) -> f64 {
    let stores = block.iter().filter(|row| row.who != "limit").map(|row| row.median);
    let best = if block[0].work.is_rate() { stores.reduce(f64::max) } else { stores.reduce(f64::min) };
    best.unwrap_or(block[0].median)
}

/// What else is to be said of a row.
fn more(row: &Row) -> String {
    match row.work {
        Work::Hot => format!("{} ms", short(1e3 / row.median)),
        Work::Rebuild => match row.peak_bytes {
            Some(bytes) => format!("{:.0} MiB at most", bytes as f64 / MIB),
            None => String::new(),
        },
        Work::Ingest => {
            contender::named(row.who).map(contender::Contender::promise).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// All rows as JSON: an object a cell, a line each. Where a run measures sets of several sizes, each says of which.
pub(crate) fn lines(rows: &[Row]) -> String {
    let sizes = rows.chunk_by(|a, b| a.records == b.records).count();
    let line = |row: &Row| {
        let mut object = json!({
            "work": row.work.name(),
            "who": row.who,
            "median": row.median,
            "min": row.min,
            "max": row.max,
            "unit": row.work.unit(),
        });
        if let Some(load) = row.load {
            object["load"] = json!(load.name());
        }
        if let Some(bytes) = row.peak_bytes {
            object["peak_rss_bytes"] = json!(bytes);
        }
        if sizes > 1 {
            object["records"] = json!(row.records);
        }
        format!("{object}\n")
    };
    rows.iter().map(line).collect()
}

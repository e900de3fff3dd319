//! Rows and verdicts as text.

use std::fmt::Write as _;

use crate::row::Row;
use crate::target::{Goal, Verdict};

/// All rows, one block for each cell's contenders; the best of the logs in a block is 1.00.
pub(crate) fn rows(rows: &[Row]) -> String {
    let mut text = String::new();
    for block in rows.chunk_by(|a, b| (a.work, a.size, a.threads) == (b.work, b.size, b.threads)) {
        let _ = writeln!(text, "{}", heading(&block[0]));
        let _ = writeln!(
            text,
            "  {:<14} {:>9} {:>21} {:>6} {:>8} {:>8}  promise",
            "who", "median", "min - max", "x best", "p50 us", "p99 us"
        );
        let best = best_of(block);
        for row in block {
            let times = [row.p50_us, row.p99_us].map(|time| time.map_or_else(|| "-".to_owned(), short));
            let _ = writeln!(
                text,
                "  {:<14} {:>9} {:>21} {:>6.2} {:>8} {:>8}  {}",
                row.who,
                short(row.median),
                format!("{} - {}", short(row.min), short(row.max)),
                row.median / best,
                times[0],
                times[1],
                promise(row),
            );
        }
        text.push('\n');
    }
    text
}

/// What a block measures: `durable, 1024 B, 8 threads (records/s)`.
pub(crate) fn heading(row: &Row) -> String {
    let threads = if row.threads == 1 { String::new() } else { format!(", {} threads", row.threads) };
    let size = match row.size {
        bytes if bytes >= 1 << 30 => format!("{} GiB", bytes >> 30),
        bytes => format!("{bytes} B"),
    };
    format!("{}, {size}{threads} ({})", row.work.name(), row.work.unit())
}

/// The best of the logs, limits aside.
fn best_of(block: &[Row]) -> f64 {
    let logs = block.iter().filter(|row| !row.is_limit()).map(|row| row.median);
    let best = if block[0].work.is_rate() { logs.reduce(f64::max) } else { logs.reduce(f64::min) };
    best.unwrap_or(block[0].median)
}

fn promise(row: &Row) -> String {
    let all = [(row.promise.durable, "synced"), (row.promise.checksums, "crc"), (row.promise.hashes, "hash")];
    let kept: Vec<&str> = all.iter().filter(|(kept, _)| *kept).map(|(_, name)| *name).collect();
    kept.join("+")
}

/// Three digits that matter: `12.3k`, `1.05M`, `82.1`.
pub(crate) fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        value if value >= 999_500.0 => (1e6, "M"),
        value if value >= 9_995.0 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let scaled = value / scaled;
    match scaled.abs() {
        value if value >= 99.95 => format!("{scaled:.0}{unit}"),
        value if value >= 9.995 => format!("{scaled:.1}{unit}"),
        _ => format!("{scaled:.2}{unit}"),
    }
}

/// Each goal, what was reached, and whether that is enough.
pub(crate) fn verdicts(verdicts: &[Verdict]) -> String {
    let mut text = format!("{:<58} {:>8} {:>8}  verdict\n", "goal", "target", "reached");
    for Verdict { what, goal, reached } in verdicts {
        let target = match goal {
            Goal::AtLeast(least) => format!(">= {least}"),
            Goal::AtMost(most) => format!("<= {most}"),
        };
        let (value, verdict) = match reached {
            None => ("-".to_owned(), "not measured"),
            Some(value) if goal.is_met(*value) => (format!("{value:.2}"), "reached"),
            Some(value) => (format!("{value:.2}"), "missed"),
        };
        let _ = writeln!(text, "{what:<58} {target:>8} {value:>8}  {verdict}");
    }
    text
}

#[cfg(test)]
mod tests;

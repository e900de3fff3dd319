//! How small sealed segments get, and how fast they are read: the codecs of streams on histories of five kinds.
//!
//! ```text
//!   seed -> facts -> json_crc32 frames, compact_delta batches                       bytes a fact
//!                 `-> journal in memory -> sealed segment -> codec -> encoded file  bytes a fact, compared byte for byte
//!                                                             -> decoded, read at random: times
//! ```
//!
//! Sizes are exact and the same on every machine; times are those that one thread has worked, the best of a few passes. The histories and their
//! noise are described in docs/codecs.md, where the goals stand too.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use annals_streams::codec::Codec;
use clap::Args;

use crate::outcome::Outcome;
use crate::svg::{self, Bar, Panel, Side};

mod compact_delta;
mod dice;
mod histories;
mod measured;
mod segment;
mod words;

use histories::History;
use measured::Measured;

/// Measures the codecs of streams.
#[derive(Args)]
pub(crate) struct Codecs {
    /// How many facts of each history; knowledge has 63,906 at most. Default: 131,072.
    #[arg(long, value_name = "N", default_value_t = 131_072)]
    facts: usize,
    /// How many facts are appended at once. Default: 256.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// These histories only; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<History>,
    /// Draw the sizes as bars into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Codecs {
    /// Measures and prints; fails if anything does not come again.
    pub(crate) fn run(&self) -> Outcome<()> {
        let mut rows = Vec::new();
        for history in History::ALL.into_iter().filter(|one| self.only.is_empty() || self.only.contains(one))
        {
            for foreign in [false, true] {
                let row = measured::measure(history, foreign, self.facts, self.batch as usize)?;
                std::io::stderr().write_all(progress(&row).as_bytes())?;
                rows.push(row);
            }
        }
        std::io::stdout().write_all(table(&rows).as_bytes())?;
        if let Some(path) = &self.svg {
            let legend = "Bytes a fact. Blue: sealed segments of Annals, nothing lost. Violet: JSON with its CRC. \
                          Grey: a codec that drops fields.";
            std::fs::write(path, svg::draw_with(&panels(&rows), "Bytes a fact", legend))?;
        }
        Ok(())
    }
}

fn progress(row: &Measured) -> String {
    format!("{} {}\n", row.history, if row.foreign { "with foreign ids" } else { "with native ids" })
}

/// All rows: sizes, ratios, goals, times.
fn table(rows: &[Measured]) -> String {
    let mut text = String::from(
        "| history | ids | facts | json_crc32 B | compact_delta B | zstd B | delta B | delta x | goal | to facts M/s | to frames M/s | encode M/s | one, ms (p50, p99) |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let goal = row.history.goal(row.foreign);
        let ratio = row.json / row.delta.bytes;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} | {} | {:.2} | {:.2} | {ratio:.1} | {goal:.0}{} | {:.2} | {:.2} | {:.2} | {:.2}, {:.2} |",
            row.history,
            if row.foreign { "UUIDv4" } else { "native" },
            row.facts,
            row.json,
            row.compact_delta.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.1}")),
            row.zstd.bytes,
            row.delta.bytes,
            if ratio >= goal { "" } else { " missed" },
            row.delta.to_facts,
            row.delta.to_frames,
            row.delta.encode,
            row.delta.one_ms.0,
            row.delta.one_ms.1,
        );
    }
    text
}

/// A panel for each history: bytes a fact in each form.
fn panels(rows: &[Measured]) -> Vec<Panel> {
    let bar = |who, side, value: f64| Bar { who, side, median: value, min: value, max: value };
    rows.iter()
        .map(|row| {
            let ids = if row.foreign { "a foreign UUIDv4 kept" } else { "native ids" };
            let mut bars = vec![bar("json_crc32", Side::Peer, row.json)];
            bars.extend(row.compact_delta.map(|bytes| bar("compact_delta", Side::Limit, bytes)));
            bars.push(bar("zstd", Side::Ours, row.zstd.bytes));
            bars.push(bar("delta", Side::Ours, row.delta.bytes));
            Panel { heading: format!("{}, {ids}", row.history), bars }
        })
        .collect()
}

/// The codecs that make another file.
const CODECS: [Codec; 2] = [Codec::Zstd, Codec::Delta];

#[cfg(test)]
mod tests;

//! Measures the way from the journal into a store that answers, beside other stores and the one-pass limit.
//!
//! ```text
//!   set -> journal and questions, once
//!   for each repetition, for each contender: journal -> store -> answers     each step a process of its own
//!                                                                            -> rows -> table | json | svg | goals
//! ```
//!
//! `docs/performance.md` says what each work is, and what each contender promises.

mod annals;
mod contender;
mod course;
mod goal;
mod growth;
#[cfg(any(feature = "peers", feature = "rocksdb"))]
mod keyed;
mod keys;
mod limit;
#[cfg(feature = "peers")]
mod peers;
mod place;
mod prepare;
mod process;
mod question;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod row;
mod sample;
pub(crate) mod set;
mod step;
mod table;
mod visible;
mod work;
mod zipf;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

pub(crate) use step::Step;

use self::course::Scale;
use self::place::{Place, remove};
use self::row::{Row, blocks, heading};
use self::work::Work;
use crate::outcome::Outcome;
use crate::svg::{self, Bar, Panel, Side};
use crate::table::verdicts;

/// What to measure and what to make of it.
#[derive(Args)]
pub(crate) struct Ingest {
    /// 100,000 records and three repetitions: under three minutes. So small a set shows what works, not how fast.
    #[arg(long)]
    quick: bool,
    /// One JSON object per cell, a line each, instead of the table.
    #[arg(long)]
    json: bool,
    /// Measure these works only; may be given several times.
    #[arg(long, value_name = "WORK")]
    only: Vec<Work>,
    /// Measure these contenders only; may be given several times.
    #[arg(long, value_name = "NAME")]
    who: Vec<String>,
    /// Draw the rows as bars, or the growth as lines, into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Where journal and stores are written: on the disk to be measured. Emptied afterwards.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    dir: PathBuf,
    /// Repetitions of each cell. Default: 5, or 3 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Records of the set. Default: 2,000,000, or 100,000 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10_000..))]
    records: Option<u64>,
    /// Measure sets of 1, 3 and 10 times as many records, and compare them; ours and the limit alone unless --who says
    /// otherwise.
    #[arg(long)]
    growth: bool,
}

impl Ingest {
    /// Measures, and prints what was found.
    pub(crate) fn run(&self) -> Outcome<()> {
        for name in &self.who {
            contender::named(name)?;
        }
        // A path with symbolic links or `..` in it would be another one for a store that resolves it.
        std::fs::create_dir_all(&self.dir)?;
        let root = self.dir.canonicalize()?.join(format!("ingest-{}", std::process::id()));
        let text = self.measure(&Place::new(root.clone()));
        remove(&root)?;
        std::io::stdout().write_all(text?.as_bytes())?;
        Ok(())
    }

    fn measure(&self, place: &Place) -> Outcome<String> {
        let scale = self.scale();
        if self.growth {
            return growth::run(&scale, place, self.json, self.svg.as_deref());
        }
        let found = course::run(&scale, place)?;
        if let Some(path) = &self.svg {
            let picture = svg::draw(&panels(&found.rows), "Measurements of the store", "other stores");
            std::fs::write(path, picture)?;
        }
        if self.json {
            return Ok(table::lines(&found.rows));
        }
        let head = format!("{} records, {} repetitions\n\n", scale.records, scale.repeat);
        let goals = verdicts(&goal::verdicts(&found.rows, &found.facts));
        Ok(format!("{head}{}{goals}", table::rows(&found.rows)))
    }

    fn scale(&self) -> Scale {
        let (records, repeat, visible_millis) =
            if self.quick { (100_000, 3, 1500) } else { (2_000_000, 5, 5000) };
        Scale {
            records: self.records.unwrap_or(records),
            repeat: self.repeat.unwrap_or(repeat),
            visible_millis,
            only: self.only.clone(),
            who: self.who.clone(),
        }
    }
}

/// All rows as panels of bars, one for each cell.
fn panels(rows: &[Row]) -> Vec<Panel> {
    let bar = |row: &Row| {
        let side = match row.who {
            "annals" => Side::Ours,
            "limit" => Side::Limit,
            _ => Side::Peer,
        };
        Bar { who: row.who, side, median: row.median, min: row.min, max: row.max }
    };
    blocks(rows)
        .map(|rows| Panel { heading: heading(&rows[0]), bars: rows.iter().map(bar).collect() })
        .collect()
}

//! The shipped set: how Chinese characters are read, and which dictionary says so.
//!
//!   DerivedAge.txt   -> epochs       one per version of Unicode
//!   Unihan_*.txt.bz2 -> assertions   one per character, predicate and value
//!                    -> votes        one per dictionary that gives a Mandarin reading
//!
//!     cargo run --release -p annals-cli --example unihan_readings
//!
//! reads `/usr/share/unicode` (Debian's package `unicode-data`) and writes `examples/data/unihan-readings.jsonl.zst`;
//! two arguments name other places. It needs `bzcat`. examples/data/README.md says what is taken and why.

#![allow(clippy::print_stdout, reason = "a recipe says what it has written")]

mod ages;
mod attestation;
mod character;
mod notice;
mod output;
mod unihan;

use std::error::Error;
use std::path::Path;

use ages::Ages;
use character::Character;
use output::Output;
use unihan::Unihan;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let unicode = arguments.next().unwrap_or_else(|| "/usr/share/unicode".to_owned());
    let path = arguments.next().unwrap_or_else(|| "examples/data/unihan-readings.jsonl.zst".to_owned());
    let ages = Ages::read(&Path::new(&unicode).join("DerivedAge.txt"))?;
    let unihan = Unihan::read(Path::new(&unicode), &["Readings", "Variants", "IRGSources"])?;

    let mut output = Output::create(Path::new(&path))?;
    notice::write(&mut output, ages.file_version())?;
    ages.write(&mut output)?;
    for code_point in unihan.code_points("kTGHZ2013") {
        Character::new(code_point, &unihan, &ages)?.write(&mut output)?;
    }
    for (what, count) in output.finish()? {
        println!("{count:>8}  {what}");
    }
    Ok(())
}

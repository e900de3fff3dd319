//! The versions of Unicode, and which characters each brought.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::output::{EpochLine, Extends, Output};

/// What `DerivedAge.txt` says.
pub(crate) struct Ages {
    file_version: String,
    versions: Vec<Version>,
    ranges: Vec<Range>,
}

/// Code points that came with one version, named as its epoch is.
struct Range {
    first: u32,
    last: u32,
    epoch: String,
}

struct Version {
    name: String,
    /// The month of its release: `2001-03`.
    month: String,
    /// The sentence that says so.
    sentence: String,
}

impl Ages {
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(path)?;
        let name =
            text.lines().next().and_then(|line| line.strip_prefix("# DerivedAge-")?.strip_suffix(".txt"));
        let file_version = name.ok_or("the first line of DerivedAge.txt names its version")?.to_owned();
        let mut ages = Self { file_version, versions: Vec::new(), ranges: Vec::new() };
        for line in text.lines() {
            match line.strip_prefix('#') {
                Some(comment) => ages.versions.extend(Version::read(comment.trim())?),
                None => ages.ranges.extend(Range::read(line)?),
            }
        }
        Ok(ages)
    }

    /// The version that brought a character.
    pub(crate) fn epoch_of(&self, code_point: u32) -> Option<&str> {
        let range = self.ranges.iter().find(|range| (range.first..=range.last).contains(&code_point))?;
        Some(&range.epoch)
    }

    /// The version that the file itself is of: `15.0.0`.
    pub(crate) fn file_version(&self) -> &str {
        &self.file_version
    }

    /// Writes every version, the oldest first; each extends the one before it.
    pub(crate) fn write(&self, output: &mut Output) -> Result<(), Box<dyn Error>> {
        let mut before = None;
        for Version { name, month, sentence } in &self.versions {
            let supersedes = before.map(|extends| [Extends { extends }]);
            let line = EpochLine { kind: "epoch", name, description: sentence, supersedes, starts: month };
            output.write("epochs", &line)?;
            before = Some(name.as_str());
        }
        Ok(())
    }
}

impl Version {
    /// Reads `Newly assigned in Unicode 3.1.0 (March, 2001)`; other comments are none.
    fn read(comment: &str) -> Result<Option<Self>, Box<dyn Error>> {
        const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
        let release = comment.strip_suffix(')').and_then(|comment| comment.split_once(" ("));
        let Some((version, date)) =
            release.and_then(|(said, date)| Some((said.rsplit_once(" Unicode ")?.1, date)))
        else {
            return Ok(None);
        };
        let (month, year) = date.split_once(", ").ok_or("a month and a year")?;
        let month = MONTHS.find(month.get(..3).ok_or("a month")?).ok_or("a month")? / 3 + 1;
        // The ranges name the version by two numbers, the sentence by three.
        let name = version.rsplit_once('.').ok_or("a version of three numbers")?.0;
        Ok(Some(Self {
            name: format!("Unicode {name}"),
            month: format!("{year}-{month:02}"),
            sentence: comment.to_owned(),
        }))
    }
}

impl Range {
    /// Reads `3400..4DB5    ; 3.0 # [6582] CJK …`; a blank line is none.
    fn read(line: &str) -> Result<Option<Self>, Box<dyn Error>> {
        let Some((range, rest)) = line.split_once(';') else { return Ok(None) };
        let range = range.trim();
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let version = rest.split('#').next().unwrap_or_default().trim();
        Ok(Some(Self {
            first: u32::from_str_radix(first, 16)?,
            last: u32::from_str_radix(last, 16)?,
            epoch: format!("Unicode {version}"),
        }))
    }
}

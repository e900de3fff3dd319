//! Which segment is meant: by its base, by its file, or by an offset that it holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use annals::Offset;

use super::super::segment;
use crate::exit::{Code, Failure};

/// How many hex digits a segment's name has.
const DIGITS: usize = 16;
const SUFFIX: &str = ".wal";

/// A segment, and where to begin in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    segment: Segment,
    from: Option<Offset>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Base(Offset),
    File(PathBuf),
    /// Whichever holds the offset.
    Holding,
}

impl FromStr for Target {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, from) = match text.rsplit_once('@').map(|(name, from)| (name, from.parse())) {
            Some((name, Ok(from))) => (name, Some(Offset::new(from))),
            _ => (text, None),
        };
        let segment = match (base_of(name.strip_suffix(SUFFIX).unwrap_or(name)), from) {
            (Some(base), _) => Segment::Base(base),
            (None, Some(_)) if name.is_empty() => Segment::Holding,
            (None, _) if name.contains('/') || name.ends_with(SUFFIX) => Segment::File(name.into()),
            _ => {
                return Err(
                    "a segment is expected: the 16 hex digits of its file's name, a path, or @OFFSET",
                );
            }
        };
        Ok(Self { segment, from })
    }
}

/// The base in 16 hex digits.
fn base_of(digits: &str) -> Option<Offset> {
    let hex = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex { u64::from_str_radix(digits, 16).ok().map(Offset::new) } else { None }
}

impl Target {
    /// The file, if it is named as such.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.segment {
            Segment::File(path) => Some(path),
            _ => None,
        }
    }

    /// The directory of that file.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        let parent = self.path()?.parent()?;
        Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
    }

    /// The offset to begin at.
    pub(super) fn from(&self) -> Option<Offset> {
        self.from
    }

    /// The file in a journal's directory.
    ///
    /// # Errors
    /// Exit code 5 if there is no such segment.
    pub(super) fn find(&self, dir: &Path) -> Result<PathBuf, Failure> {
        let bases = bases(dir);
        let found = match (&self.segment, self.from) {
            (Segment::Base(base), _) => bases.iter().find(|found| *found == base),
            (_, Some(from)) => bases.iter().rev().find(|base| **base <= from),
            _ => None,
        };
        found.map(|base| dir.join(segment::name(*base) + SUFFIX)).ok_or_else(|| {
            let wanted = match (&self.segment, self.from) {
                (Segment::Base(base), _) => format!("segment {}", segment::name(*base)),
                (_, Some(from)) => format!("segment that holds offset {from}"),
                _ => "such segment".to_owned(),
            };
            Failure::new(Code::NotFound, format!("{} has no {wanted}", dir.display()))
                .with_help("`annals log segments` lists them")
        })
    }
}

/// Where the segment behind this one begins, by the names beside it.
pub(super) fn next_base(path: &Path, base: Offset) -> Option<Offset> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    bases(dir).into_iter().find(|found| *found > base)
}

/// The bases of the segments in a directory, rising.
fn bases(dir: &Path) -> Vec<Offset> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut bases: Vec<Offset> =
        entries.filter_map(|entry| base_of(entry.file_name().to_str()?.strip_suffix(SUFFIX)?)).collect();
    bases.sort_unstable();
    bases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, segment: Segment, from: Option<u64>) {
        assert_eq!(text.parse(), Ok(Target { segment, from: from.map(Offset::new) }), "{text}");
    }

    #[test]
    fn a_segment_is_named_by_its_base_its_file_or_an_offset() {
        let base = || Segment::Base(Offset::new(0x2000));
        check("0000000000002000", base(), None);
        check("0000000000002000.wal", base(), None);
        check("0000000000002000@9000", base(), Some(9000));
        check("@9000", Segment::Holding, Some(9000));
        check("a@b/c.wal", Segment::File("a@b/c.wal".into()), None);
        check("./0000000000002000.wal@8", Segment::File("./0000000000002000.wal".into()), Some(8));
        for wrong in ["", "@", "2000", "000000000000200g", "data", "0000000000002000@x"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }
}

//! What a digest is compared with: one line of hex, or what another machine's `annals digest --json` wrote.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use annals::{DigestReport, FamilyDigest};
use serde::Deserialize;

use super::differs;
use crate::exit::Failure;

/// As much of a file as is read: a report has less than a thousand bytes.
const LARGEST: u64 = 64 << 10;
const DIGITS: usize = 64;

/// What is expected.
#[derive(Debug)]
pub(super) enum Expected {
    /// A digest: of everything, or of the family that was asked for.
    Digest(String),
    /// Another machine's report.
    Report(Box<Theirs>),
}

/// The part of another machine's report that counts here. A later version may say more.
#[derive(Debug, Deserialize)]
pub(super) struct Theirs {
    as_of: u64,
    log: String,
    projection: u32,
    digest: String,
    families: Families,
}

#[derive(Debug, Deserialize)]
struct Families {
    assertions: Option<Family>,
    votes: Option<Family>,
    epochs: Option<Family>,
    subjects: Option<Family>,
}

#[derive(Debug, Deserialize)]
struct Family {
    digest: String,
}

/// What a comparison found.
#[derive(Debug)]
pub(super) struct Found {
    /// Why it is not the same.
    reason: Option<String>,
    differing: Vec<&'static str>,
}

impl Expected {
    /// Takes the value of `--expect` apart.
    ///
    /// # Errors
    /// Exit code 2 if it is neither a digest nor a report, 1 if the file cannot be read.
    pub(super) fn read(value: &str) -> Result<Self, Failure> {
        let Some(name) = value.strip_prefix('@') else {
            return digest(value).map(Self::Digest).ok_or_else(|| {
                Failure::usage(format!("--expect {value:?} is no digest: {DIGITS} hex digits are, or @FILE"))
            });
        };
        let text = read(name)?;
        if let Some(digest) = digest(text.trim()) {
            return Ok(Self::Digest(digest));
        }
        match serde_json::from_str(&text) {
            Ok(theirs) => Ok(Self::Report(Box::new(theirs))),
            Err(error) => Err(Failure::usage(format!(
                "{name} holds neither a digest nor what `annals digest --json` writes: {error}"
            ))),
        }
    }

    /// Compares everything, or one family.
    pub(super) fn compare(&self, ours: &DigestReport, only: Option<&str>) -> Found {
        let mut families = ours.families.iter().filter(|family| only.is_none_or(|only| only == name(family)));
        let theirs = match self {
            Self::Digest(expected) => {
                let found = families.next().filter(|_| only.is_some());
                let (what, digest) =
                    found.map_or(("all", &ours.sums.all), |found| (name(found), &found.digest));
                let differs = digest != expected;
                let reason = differs.then(|| format!("the digest of {what} is {digest}, not {expected}"));
                return Found {
                    reason,
                    differing: found.filter(|_| differs).map(name).into_iter().collect(),
                };
            }
            Self::Report(theirs) => theirs,
        };
        if theirs.projection != ours.sums.projection {
            let (here, there) = (ours.sums.projection, theirs.projection);
            let reason = format!(
                "the store here was built by projection {here}, the other by {there}: their digests cannot be compared"
            );
            return Found { reason: Some(reason), differing: Vec::new() };
        }
        let mut differing: Vec<_> =
            families.filter(|family| theirs.family(name(family)) != Some(&family.digest)).map(name).collect();
        if differing.is_empty() && only.is_none() && theirs.digest != ours.sums.all {
            // Their own lines do not fit together.
            differing.push("all");
        }
        let reason = (!differing.is_empty()).then(|| {
            let (here, there) = (ours.as_of.get(), theirs.as_of);
            // Of one log the later one holds more: that is said first.
            let apart = if theirs.log == ours.log.to_string() && here != there {
                format!("they are as of different offsets of the log, {here} here and {there} there: ")
            } else {
                String::new()
            };
            format!("{apart}the digests differ in {}", differing.join(", "))
        });
        Found { reason, differing }
    }
}

impl Theirs {
    fn family(&self, name: &str) -> Option<&String> {
        let Families { assertions, votes, epochs, subjects } = &self.families;
        let family = match name {
            "assertions" => assertions,
            "votes" => votes,
            "epochs" => epochs,
            _ => subjects,
        };
        family.as_ref().map(|family| &family.digest)
    }
}

impl Found {
    /// Whether it is what was expected.
    pub(super) fn is_same(&self) -> bool {
        self.reason.is_none()
    }

    /// The families that are not.
    pub(super) fn differing(&self) -> Vec<&'static str> {
        self.differing.clone()
    }

    /// How the comparison ended.
    pub(super) fn verdict(self) -> Result<(), Failure> {
        self.reason.map_or(Ok(()), |reason| Err(differs(reason)))
    }
}

fn name(family: &FamilyDigest) -> &'static str {
    family.family.name()
}

/// A digest in either case of its letters.
fn digest(text: &str) -> Option<String> {
    let is_digest = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| text.to_ascii_lowercase())
}

fn read(name: &str) -> Result<String, Failure> {
    let path = Path::new(name);
    let failed = |error: io::Error| Failure::file("read", path, &error);
    let mut text = String::new();
    let read = match name {
        "-" => io::stdin().lock().take(LARGEST).read_to_string(&mut text),
        _ => File::open(path).map_err(failed)?.take(LARGEST).read_to_string(&mut text),
    };
    read.map_err(failed).map(|_| text)
}

//! The data that a scenario begins with, made once by the same binary on a plain disk.

use std::fs;
use std::path::Path;

use super::process::succeeds;
use super::records::Chunk;
use super::truth::Truth;
use crate::fuse::{Kept, take_up};

/// What a scenario begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// An empty disk.
    Empty,
    /// A few hundred records.
    Small,
    /// Several segments, two projections, a checkpoint and a backup.
    Rich,
    /// As rich, with nothing that holds back a purge.
    Purgeable,
}

/// A disk, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) kept: Kept,
    pub(super) truth: Truth,
}

/// All of them.
pub(super) struct Bases {
    empty: Made,
    small: Made,
    rich: Made,
    purgeable: Made,
}

/// Chunks of a scenario have numbers from here on.
pub(super) const FIRST_CHUNK: u64 = 10;

impl Bases {
    /// Makes them below a directory.
    pub(super) fn make(annals: &Path, at: &Path) -> Result<Self, String> {
        let disk = at.join("disk");
        fs::create_dir_all(&disk).map_err(|error| error.to_string())?;
        let mut truth = Truth::default();
        let up = |truth: &Truth| {
            let kept = take_up(&disk).map_err(|error| error.to_string())?;
            Ok::<_, String>(Made { kept, truth: truth.clone() })
        };
        let empty = up(&truth)?;
        let (data, backup) = (disk.join("data"), disk.join("backup"));
        let does = |words: &[&str]| succeeds(annals, &data, words, at).map(drop);
        let import = |truth: &mut Truth, number, lines| {
            let chunk = Chunk { number, lines, wide: false };
            let (file, acks) = (at.join("chunk.jsonl"), at.join("acks"));
            chunk.write(&file).map_err(|error| error.to_string())?;
            let (file, acks) = (file.display().to_string(), acks.display().to_string());
            does(&["import", "--acks", &acks, &file, "--json"])?;
            truth.chunks.push(chunk);
            truth.acknowledged(&fs::read_to_string(&acks).map_err(|error| error.to_string())?)
        };
        import(&mut truth, 0, 300)?;
        let small = up(&truth)?;
        does(&["projections", "enable", "agent", "source", "--json"])?;
        truth.agent_indexed = true;
        for number in 1..4 {
            does(&["log", "seal", "--json"])?;
            import(&mut truth, number, 120)?;
        }
        does(&["log", "checkpoint", "--body", "here", "--json"])?;
        let backed_up = succeeds(annals, &data, &["backup", &backup.display().to_string(), "--json"], at)?;
        truth.backed_up = backed_up.first().and_then(|report| report["durable"].as_u64());
        truth.backup_tried = true;
        let rich = up(&truth)?;
        does(&["log", "cursors", "--remove", "store", "--json"])?;
        let purgeable = up(&truth)?;
        fs::remove_dir_all(at).map_err(|error| error.to_string())?;
        Ok(Self { empty, small, rich, purgeable })
    }

    pub(super) fn of(&self, base: Base) -> &Made {
        match base {
            Base::Empty => &self.empty,
            Base::Small => &self.small,
            Base::Rich => &self.rich,
            Base::Purgeable => &self.purgeable,
        }
    }
}

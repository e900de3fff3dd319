//! A backup read again, file by file, without the journal it is of.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::vault::{self, Vault};
use crate::disk::{Disk, Mode};
use crate::error::Error;

/// What reading a backup has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// What it should hold.
    pub manifest: Manifest,
    /// Files that are missing or are not as the manifest says, and what was found.
    pub damaged: Vec<(PathBuf, String)>,
}

impl Checked {
    /// Whether every file is as the manifest says.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.damaged.is_empty()
    }
}

pub(super) fn check(
    disk: &dyn Disk,
    dir: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Checked, Error> {
    let (vault, manifest) = Vault::existing(disk, dir)?;
    let (all, mut done) = (manifest.bytes(), 0);
    let mut damaged = Vec::new();
    for file in manifest.files() {
        let path = vault.dir.join(&file.name);
        let mut tell = |bytes| {
            done += bytes;
            progress(done, all);
        };
        let read = disk.open(&path, Mode::Read).and_then(|opened| vault::hash(&*opened, &mut tell));
        let found = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("it is missing".to_owned()),
            Err(error) => Some(format!("it cannot be read: {error}")),
            Ok((len, _)) if len != file.len => Some(format!("it has {len} bytes, not {}", file.len)),
            Ok((_, blake3)) if blake3 != file.blake3 => {
                Some(format!("its BLAKE3 is {blake3}, not {}", file.blake3))
            }
            Ok(_) => None,
        };
        damaged.extend(found.map(|found| (path, found)));
    }
    Ok(Checked { manifest, damaged })
}

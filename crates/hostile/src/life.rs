//! Journals that lived well, for bytes of them to be hurt: their files, and what they must serve.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::{AppendOptions, Consent, Disk, Error, Journal, Keep, Options, SyncPolicy};
use annals_record::Offset;
use annals_testkit::{ManualClock, SimDisk, payload};
use fastrand::Rng;

/// Where a journal lies on its disk.
pub const DIR: &str = "/journal";

/// No file grows beyond this, as none grows beyond what a file system knows.
const LARGEST_FILE: u64 = 16 << 20;

/// The directories of a journal, its own first.
const DIRS: [&str; 4] = ["", "cursors", "purged", "quarantine"];

/// A journal as it was when its process was killed: everything that was written is there.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Its files, by path.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Its records: offset, and payload.
    pub kept: Vec<(u64, Vec<u8>)>,
    /// The first place that is not durable.
    pub durable: u64,
}

impl Life {
    /// The life of a seed: some 20 to 60 groups, with keys and checkpoints; some were purged, some hold a cursor.
    ///
    /// # Errors
    /// None on a disk without faults.
    pub fn of(seed: u8) -> Result<Self, Error> {
        let mut rng = Rng::with_seed(seed.into());
        let segment_bytes = [4 << 10, 6 << 10, 16 << 10][rng.usize(..3)];
        let mut life = Self::begun(&options(segment_bytes), &mut rng, (20, 12), |journal, rng| {
            if seed % 4 == 1 {
                drop(journal.cursor_at("reader", Offset::ZERO)?);
            }
            if seed % 3 == 1 {
                let plan = journal.plan(&Keep::Segments(rng.u64(2..5)))?;
                journal.apply(&plan, Consent::default())?;
            }
            Ok(())
        })?;
        let oldest = life.files.iter().filter_map(|(path, _)| base(path)).min().unwrap_or(0);
        life.kept.retain(|(offset, _)| *offset >= oldest);
        Ok(life)
    }

    /// A life of at least so many bytes of files.
    ///
    /// # Errors
    /// None on a disk without faults.
    pub fn of_bytes(bytes: u64, segment_bytes: u64, seed: u64) -> Result<Self, Error> {
        let mut rng = Rng::with_seed(seed);
        let segments = (bytes / segment_bytes).max(1);
        Self::begun(
            &options(segment_bytes),
            &mut rng,
            ((segments * segment_bytes / 780) as usize, 200),
            |_, _| Ok(()),
        )
    }

    fn begun(
        options: &Options,
        rng: &mut Rng,
        (groups, between): (usize, u32),
        end: impl FnOnce(&Journal, &mut Rng) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let disk = SimDisk::new();
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let clock = Arc::new(ManualClock::at(1_000_000));
        let journal = Journal::open_on(shared, clock, Path::new(DIR), *options)?;
        let mut life = Self::default();
        for i in 0..groups {
            let payloads: Vec<Vec<u8>> = (0..rng.usize(1..5)).map(|_| payload(rng)).collect();
            let name = i.to_le_bytes();
            let key = (rng.u32(..5) == 0).then_some(&name[..]);
            let appended =
                journal.append_with(&payloads, &AppendOptions { key, ..AppendOptions::default() })?;
            life.kept.extend(appended.iter().map(|one| one.offset.get()).zip(payloads));
            if rng.u32(..between) == 0 {
                journal.checkpoint("a place", between < 100 && rng.bool())?;
            }
        }
        end(&journal, rng)?;
        life.durable = journal.durable().get();
        for dir in DIRS {
            let dir = Path::new(DIR).join(dir);
            for path in disk.files(&dir).unwrap_or_default() {
                let bytes = disk.read_file(&path).unwrap_or_default();
                life.files.push((path, bytes));
            }
        }
        Ok(life)
    }

    /// A disk that holds these files.
    #[must_use]
    pub fn disk(&self) -> SimDisk {
        let disk = SimDisk::new();
        disk.set_largest_file(Some(LARGEST_FILE));
        for dir in DIRS {
            let _ = disk.create_dir(&Path::new(DIR).join(dir));
        }
        for (path, bytes) in &self.files {
            let _ = disk.write_file(path, bytes);
        }
        disk
    }
}

/// The base in a segment's name.
#[must_use]
pub fn base(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    u64::from_str_radix(name, 16).ok()
}

/// Small segments, so that a short life rolls often.
#[must_use]
pub fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, max_batch_bytes: 64 << 10, sync: SyncPolicy::Always, ..Options::default() }
}

//! Facts written as a partitioned store again, as JSON in frames.
//!
//! ```text
//!   {root}/wal/store={name}/date=flat/segment-000001.wal, 000002 …    [length][line][CRC-32]…, at most 64 MiB each
//! ```
//!
//! Written into a directory that is new or empty, without manifests: the store makes them of segments that it finds.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use annals_journal::LogId;
use annals_record::Offset;
use annals_streams::{Fact, frame};

use crate::error::Error;

/// A segment has no more bytes, unless one fact has.
const SEGMENT_BYTES: u64 = 64 << 20;
/// So many files are open at once.
const OPEN: usize = 64;
/// A store's name takes so many bytes of a directory's name at most; one that is longer is cut, and its hash added.
const NAME: usize = 200;

/// A store that facts are written to.
#[derive(Debug)]
pub struct Writer {
    root: PathBuf,
    stores: HashMap<String, Segment>,
    open: usize,
}

/// The segment of a store that is written to.
#[derive(Debug)]
struct Segment {
    dir: PathBuf,
    number: u32,
    bytes: u64,
    file: Option<BufWriter<File>>,
}

impl Writer {
    /// A new store in `root`, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Foreign`] if something is there, [`Error::Io`].
    pub fn create(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref().to_owned();
        fs::create_dir_all(&root).map_err(Error::io("make", &root))?;
        let mut entries = fs::read_dir(&root).map_err(Error::io("read", &root))?;
        if entries.next().is_some() {
            let reason = "something is there already: name a new or empty directory".to_owned();
            return Err(Error::Foreign { path: root, reason });
        }
        Ok(Self { root, stores: HashMap::new(), open: 0 })
    }

    /// Writes a fact, as it stands at `offset` of `log`: a fact that was born here has its id by that.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Foreign`] if the fact has no JSON: a time that is infinite, a value that is none.
    pub fn write(&mut self, fact: &Fact, log: LogId, offset: Offset) -> Result<(), Error> {
        let unfit = |reason| Error::Foreign { path: self.root.clone(), reason };
        if !fact.transaction_time.is_finite() || fact.valid_time.is_some_and(|time| !time.is_finite()) {
            return Err(unfit(format!("the fact at offset {offset} has a time that JSON does not have")));
        }
        let line = fact.line(log, offset).map_err(|error| unfit(error.to_string()))?;
        let bytes = frame(&line);
        if self.open >= OPEN {
            self.close()?;
        }
        let root = &self.root;
        let segment = self.stores.entry(fact.store.clone()).or_insert_with(|| Segment {
            dir: root.join("wal").join(format!("store={}", directory(&fact.store))).join("date=flat"),
            number: 1,
            bytes: 0,
            file: None,
        });
        if segment.bytes > 0 && segment.bytes + bytes.len() as u64 > SEGMENT_BYTES {
            self.open -= usize::from(segment.finish()?);
            (segment.number, segment.bytes) = (segment.number + 1, 0);
        }
        self.open += usize::from(segment.write(&bytes)?);
        Ok(())
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        self.close()?;
        for dir in self.stores.values().map(|segment| segment.dir.as_path()) {
            for dir in dir.ancestors().take(4) {
                File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        for segment in self.stores.values_mut() {
            segment.finish()?;
        }
        self.open = 0;
        Ok(())
    }
}

impl Segment {
    fn path(&self) -> PathBuf {
        self.dir.join(format!("segment-{:06}.wal", self.number))
    }

    /// Whether the file was opened for it.
    fn write(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        let path = self.path();
        let opened = self.file.is_none();
        if opened {
            fs::create_dir_all(&self.dir).map_err(Error::io("make", &self.dir))?;
            let made = OpenOptions::new().append(true).create(true).open(&path);
            self.file = Some(BufWriter::new(made.map_err(Error::io("open", &path))?));
        }
        if let Some(file) = &mut self.file {
            file.write_all(bytes).map_err(Error::io("write", &path))?;
        }
        self.bytes += bytes.len() as u64;
        Ok(opened)
    }

    /// Whether a file was open.
    fn finish(&mut self) -> Result<bool, Error> {
        let path = self.path();
        let Some(mut file) = self.file.take() else { return Ok(false) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_all());
        synced.map_err(Error::io("sync", &path))?;
        Ok(true)
    }
}

/// A store's name as a part of a path: what leads elsewhere, and `%`, is written as `%` and two digits.
fn directory(store: &str) -> String {
    let mut name = String::new();
    for (i, c) in store.char_indices() {
        match c {
            '/' | '\\' | '%' => name.push_str(&format!("%{:02X}", c as u32)),
            '.' if i == 0 => name.push_str("%2E"),
            c => name.push(c),
        }
    }
    if name.len() <= NAME {
        return name;
    }
    let cut = (0..=NAME - 40).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}%{}", &name[..cut], &blake3::hash(store.as_bytes()).to_hex()[..32])
}

#[cfg(test)]
mod tests;

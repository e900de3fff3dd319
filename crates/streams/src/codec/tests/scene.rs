//! Journals to encode, a file in memory, and a disk that shows encoded segments as plain ones.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use annals_journal::{
    AppendOptions, Disk, DiskFile, Held, Journal, Listed, Mode, Options, RealDisk, SystemClock,
};
use annals_record::{Assertion, Offset, Value, serialize_assertion};
use tempfile::TempDir;
use uuid::Uuid;

use crate::codec::{self, Codec};
use crate::{Cause, Fact, FactId};

/// A file in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryFile(Mutex<Vec<u8>>);

impl MemoryFile {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Mutex::new(bytes.to_vec()))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl DiskFile for MemoryFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let bytes = self.0.lock().unwrap();
        let rest = &bytes[bytes.len().min(pos as usize)..];
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        let mut bytes = self.0.lock().unwrap();
        let end = pos as usize + buf.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[pos as usize..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// The bytes that a file shows.
pub(super) fn all(file: &dyn DiskFile) -> Vec<u8> {
    let mut bytes = vec![0; file.len().unwrap() as usize];
    let held = codec::container::read_full(file, &mut bytes, 0).unwrap();
    assert_eq!(held, bytes.len(), "a file shows as many bytes as it says");
    bytes
}

/// The segment in another form.
pub(super) fn encoded(plain: &MemoryFile, codec: Codec) -> MemoryFile {
    let file = MemoryFile::default();
    codec::encode(plain, &mut codec::Writing::new(&file), codec).unwrap();
    file
}

/// The real disk, with segments decoded as they are opened. No crash is played here, so nothing is synced.
#[derive(Debug)]
pub(super) struct Decoding(pub(super) RealDisk);

/// A file that is not synced.
#[derive(Debug)]
struct Unsynced(Box<dyn DiskFile>);

impl DiskFile for Unsynced {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        self.0.read_at(buf, pos)
    }

    fn write_at(&self, buf: &[u8], pos: u64) -> io::Result<usize> {
        self.0.write_at(buf, pos)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len.max(self.0.len()?))
    }
}

impl Disk for Decoding {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.0.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let mut listed = self.0.list(path)?;
        for file in listed.iter_mut().filter(|file| file.name.ends_with(".wal")) {
            file.len = codec::plain_len(&*self.0.open(&path.join(&file.name), Mode::Read)?)?;
        }
        Ok(listed)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let file = Box::new(Unsynced(self.0.open(path, mode)?));
        if path.extension().is_some_and(|extension| extension == "wal") {
            codec::open(file)
        } else {
            Ok(file)
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        self.0.lock(path, holder)
    }
}

/// A journal in a directory of its own.
pub(super) struct Scene {
    _dir: TempDir,
    pub(super) journal: PathBuf,
}

pub(super) fn options() -> Options {
    Options { fill_ahead: false, segment_bytes: 1 << 30, ..Options::default() }
}

impl Scene {
    pub(super) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let journal = dir.path().join("journal");
        Self { _dir: dir, journal }
    }

    pub(super) fn open(&self) -> Journal {
        Journal::open_on(Self::disk(), Arc::new(SystemClock), &self.journal, options()).unwrap()
    }

    /// Two segments with every kind of frame that an append can make, one without a record, and an active one.
    pub(super) fn with_everything() -> Self {
        let scene = Self::empty();
        let journal = scene.open();
        for i in 0..30_u8 {
            journal.append(vec![i; usize::from(i) * 5]).unwrap();
        }
        journal.append_batch(&[&b""[..], b"x", &[200; 3000]]).unwrap();
        keyed(&journal, b"a key", &["one", "two"]);
        journal.checkpoint("a place", false).unwrap();
        let facts: Vec<Vec<u8>> = (0..40).map(fact).collect();
        journal.append_batch(&facts).unwrap();
        journal.seal().unwrap();
        keyed(&journal, b"another key", &["three"]);
        journal.append_batch(&(0..100).map(|i| format!("record {i}")).collect::<Vec<_>>()).unwrap();
        journal.seal().unwrap();
        journal.checkpoint("between", true).unwrap();
        journal.append("active").unwrap();
        journal.close().unwrap();
        scene
    }

    /// One sealed segment of so many facts, in batches of 250.
    pub(super) fn of_facts(count: u32) -> Self {
        let scene = Self::empty();
        let journal = scene.open();
        for batch in (0..count).collect::<Vec<_>>().chunks(250) {
            journal.append_batch(&batch.iter().map(|i| fact(*i)).collect::<Vec<_>>()).unwrap();
        }
        journal.seal().unwrap();
        journal.close().unwrap();
        scene
    }

    /// One sealed segment of groups of so many records.
    pub(super) fn of_batches(batches: &[usize]) -> Self {
        let scene = Self::empty();
        let journal = scene.open();
        for (i, count) in batches.iter().enumerate() {
            journal.append_batch(&vec![format!("of batch {i}"); *count]).unwrap();
        }
        journal.seal().unwrap();
        journal.close().unwrap();
        scene
    }

    /// The files of the segments, oldest first, but for the active one.
    pub(super) fn sealed_paths(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.journal).unwrap().map(|file| file.unwrap().path());
        let mut paths: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|extension| extension == "wal")).collect();
        paths.sort();
        paths.pop();
        assert!(!paths.is_empty(), "there is a sealed segment");
        paths
    }

    pub(super) fn sealed(&self) -> Vec<MemoryFile> {
        self.sealed_paths().iter().map(|path| MemoryFile::new(&std::fs::read(path).unwrap())).collect()
    }

    /// Puts every sealed segment into another form, as whoever keeps a stream does.
    pub(super) fn encode(&self, codec: Codec) {
        for path in self.sealed_paths() {
            let plain = MemoryFile::new(&std::fs::read(&path).unwrap());
            let file = encoded(&plain, codec);
            codec::verify(&plain, &file).unwrap();
            std::fs::write(path, file.bytes()).unwrap();
        }
    }

    pub(super) fn disk() -> Arc<dyn Disk> {
        Arc::new(Decoding(RealDisk))
    }
}

fn keyed(journal: &Journal, key: &[u8], payloads: &[&str]) {
    journal.append_with(payloads, &AppendOptions { key: Some(key), ..AppendOptions::default() }).unwrap();
}

/// A fact of a sensor; now and then one that is unlike the others, or an assertion that is no fact.
pub(super) fn fact(i: u32) -> Vec<u8> {
    if i % 17 == 16 {
        let other = Assertion::new(format!("sensor-{}", i % 12), "temperature", Value::Int(i.into()));
        return serialize_assertion(&other).unwrap();
    }
    let value = format!(r#"{{"c":{}.{},"v":[{},true],"unit":"K"}}"#, 20 + i % 7, i % 10, 3300 - i % 9);
    let time = 1_700_000_000.0 + f64::from(i) * 1.000_003 + 1e-7 * f64::from(i * i % 97);
    let mut fact = Fact::new("temperature", format!("sensor-{}", i % 12), value, time);
    fact.valid_time = (!i.is_multiple_of(3)).then_some((time * 1e3).floor() / 1e3);
    fact.producer = Some(format!("gate {}", i % 5));
    match i % 11 {
        0 => fact.causation = Some(Cause::Fact(Offset::new(u64::from(i) * 8))),
        1 => fact.causation = Some(Cause::Foreign(Uuid::from_u128(u128::from(i) << 70))),
        2 => fact.id = FactId::Foreign(Uuid::from_u128(u128::from(i) << 64)),
        3 => fact.schema_version = 2,
        4 => fact.derivation = Some(r#"{ "by": "hand" }"#.to_owned()),
        5 => fact.value = format!("{i}E+2"),
        _ => {}
    }
    fact.to_payload().unwrap()
}

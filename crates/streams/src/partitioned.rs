//! A disk that shows a journal one flat directory and keeps its segments in directories of their time buckets.
//!
//! ```text
//!   the journal sees               the disk holds
//!   store=gps/LOCK                 store=gps/LOCK
//!   store=gps/watermark            store=gps/watermark
//!   store=gps/0000000000000000.wal store=gps/date=2026-03-01/0000000000000000.wal (+ .manifest.json)
//!   store=gps/0000000000003a20.wal store=gps/date=2026-03-02/0000000000003a20.wal
//! ```
//!
//! P1: a segment's bucket is that of its creation, as its header has it; the bucket's directory is durable before the
//! segment gets its name in it.
//! P2: a sync of the flat directory syncs each bucket that was touched since, and then itself: a segment's new name is
//! durable before its temporary one goes, so a power cut leaves one of them at least once the first sync has returned.
//! P3: nothing but what is exactly ours is opened, renamed or removed in a bucket; links are never followed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_journal::{Bucket, Disk, DiskFile, Held, Listed, Mode, Other};

use crate::codec::{self, Codec};
use crate::root::Foreign;

mod shelf;

pub(crate) use shelf::{Place, segment_name};
use shelf::{Shelf, base_of};

/// What a segment's sidecar adds to its name.
pub(crate) const MANIFEST: &str = ".manifest.json";
/// What the file that is to take a segment's place adds to its name.
pub(crate) const ENCODED: &str = ".encoded.tmp";
/// The file of a stream's settings, which the journal does not see.
pub(crate) const SETTINGS: &str = "stream.json";

/// A journal's directory with buckets in it, on any disk.
#[derive(Debug)]
pub(crate) struct Partitioned {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    bucket: Bucket,
    shelf: Mutex<Shelf>,
    rolled: AtomicBool,
}

impl Partitioned {
    /// Shows the directory `dir` of `disk`; new segments go into buckets of this kind.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, bucket: Bucket) -> Self {
        Self { disk, dir, bucket, shelf: Mutex::default(), rolled: AtomicBool::new(false) }
    }

    /// The disk behind.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Where a segment stands, as it was when the directory was last looked at.
    pub(crate) fn place(&self, base: u64) -> io::Result<Place> {
        let mut shelf = self.shelf();
        self.find(&mut shelf, base)
    }

    /// The path of the segment with this base, or of what stands beside it.
    pub(crate) fn path(&self, place: &Place, base: u64, suffix: &str) -> PathBuf {
        self.bucket_dir(&place.bucket).join(format!("{}{suffix}", segment_name(base)))
    }

    /// Puts the file `encoded`, which stands beside a sealed segment and is synced, in that segment's place, durably. False
    /// if the segment is gone, purged since; then the file goes too.
    pub(crate) fn replace(&self, base: u64, encoded: &Path, stored: u64, codec: Codec) -> io::Result<bool> {
        let bucket = {
            // Held: a purge that comes between would have its segment back.
            let mut shelf = self.shelf();
            let Some(place) = shelf.places.get_mut(&base) else {
                self.disk.remove(encoded)?;
                return Ok(false);
            };
            let dir = self.bucket_dir(&place.bucket);
            self.disk.rename(encoded, &dir.join(segment_name(base)))?;
            (place.stored, place.codec) = (stored, codec);
            dir
        };
        self.disk.sync_dir(&bucket)?;
        Ok(true)
    }

    /// A sidecar was put beside a segment. If the segment was purged meanwhile the sidecar goes too, and the bucket if that
    /// leaves it empty.
    pub(crate) fn keep_beside(&self, place: &Place, base: u64) {
        let mut shelf = self.shelf();
        let segment = self.disk.open(&self.path(place, base, ""), Mode::Read);
        if !segment.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return;
        }
        // What cannot be removed now goes with the next open.
        let _ = self.disk.remove(&self.path(place, base, MANIFEST));
        if !place.bucket.is_empty() {
            self.remove_if_empty(&mut shelf, &place.bucket);
        }
    }

    /// Whether there is a segment besides the newest one, as far as is known.
    pub(crate) fn has_sealed(&self) -> bool {
        self.shelf().places.len() > 1
    }

    /// Whether a segment was begun behind another since this was asked last.
    pub(crate) fn has_rolled(&self) -> bool {
        self.rolled.load(Ordering::Relaxed) && self.rolled.swap(false, Ordering::Relaxed)
    }

    /// How many segment files there are.
    pub(crate) fn count(&self) -> io::Result<u64> {
        let mut shelf = self.shelf();
        shelf.look(&*self.disk, &self.dir)?;
        Ok(shelf.places.len() as u64)
    }

    /// What stands in the stream's directory and is nobody's.
    pub(crate) fn strangers(&self) -> io::Result<Vec<Foreign>> {
        let mut shelf = self.shelf();
        shelf.look(&*self.disk, &self.dir)?;
        Ok(shelf.strangers.clone())
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory of a bucket; the empty one is the flat directory itself.
    fn bucket_dir(&self, bucket: &str) -> PathBuf {
        if bucket.is_empty() { self.dir.clone() } else { self.dir.join(bucket) }
    }

    /// The base in the name of one of our segments, if the path is that.
    fn base(&self, path: &Path) -> Option<u64> {
        let within = path.parent() == Some(&self.dir);
        path.file_name().and_then(|name| name.to_str()).filter(|_| within).and_then(base_of)
    }

    fn find(&self, shelf: &mut Shelf, base: u64) -> io::Result<Place> {
        if let Some(place) = shelf.places.get(&base) {
            return Ok(place.clone());
        }
        shelf.look(&*self.disk, &self.dir)?;
        shelf.places.get(&base).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The bucket of a file that is about to become a segment.
    fn bucket_of(&self, file: &Path) -> io::Result<String> {
        let file = self.disk.open(file, Mode::Read)?;
        let mut block = vec![0; 4096];
        let mut read = 0;
        while read < block.len() {
            match file.read_at(&mut block[read..], read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let micros = annals_journal::segment_created_micros(&block[..read])
            .ok_or_else(|| invalid("the segment's header does not verify"))?;
        crate::bucket::directory(self.bucket, micros)
            .ok_or_else(|| invalid("the clock lies before the year 0"))
    }

    /// Sees that a bucket's directory is there, durably.
    fn make(&self, shelf: &mut Shelf, bucket: &str) -> io::Result<()> {
        if shelf.buckets.contains(bucket) {
            return Ok(());
        }
        let known = self.disk.list_others(&self.dir)?;
        let listed = self.disk.list(&self.dir)?;
        let taken = known.iter().any(|other| other.name == bucket && !other.is_dir)
            || listed.iter().any(|listed| listed.name == bucket);
        let dir = self.dir.join(bucket);
        if taken {
            let reason = format!("{}: no directory stands where a bucket belongs", dir.display());
            return Err(io::Error::new(io::ErrorKind::NotADirectory, reason));
        }
        self.disk.create_dir(&dir)?;
        self.disk.sync_dir(&self.dir)?;
        shelf.buckets.insert(bucket.to_owned());
        Ok(())
    }

    /// Syncs what was touched, then the flat directory. What could not be synced stays touched.
    fn sync(&self, shelf: &mut Shelf) -> io::Result<()> {
        for bucket in shelf.touched.clone() {
            match self.disk.sync_dir(&self.bucket_dir(&bucket)) {
                // It was empty, and is gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                synced => synced?,
            }
        }
        self.disk.sync_dir(&self.dir)?;
        let touched = std::mem::take(&mut shelf.touched);
        let mut gone = false;
        for bucket in touched.iter().filter(|bucket| !bucket.is_empty()) {
            gone |= self.remove_if_empty(shelf, bucket);
        }
        // Whether an empty directory comes back is no matter: it goes with the next sync.
        if gone { self.disk.sync_dir(&self.dir) } else { Ok(()) }
    }

    fn remove_if_empty(&self, shelf: &mut Shelf, bucket: &str) -> bool {
        let dir = self.dir.join(bucket);
        let is_empty = self.disk.list(&dir).is_ok_and(|listed| listed.is_empty())
            && self.disk.list_others(&dir).is_ok_and(|others| others.is_empty());
        let removed = is_empty && self.disk.remove_dir(&dir).is_ok();
        if removed {
            shelf.buckets.remove(bucket);
        }
        removed
    }

    /// What an earlier process may have left half done: the newest segment's name, sidecars without a segment, temporary
    /// files, empty buckets.
    fn begin(&self, shelf: &mut Shelf) -> io::Result<()> {
        shelf.look(&*self.disk, &self.dir)?;
        let newest = shelf.places.last_key_value().map(|(_, place)| place.bucket.clone());
        shelf.touched.extend(newest);
        for (bucket, name) in std::mem::take(&mut shelf.leftovers) {
            match self.disk.remove(&self.bucket_dir(&bucket).join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => shelf.touched.insert(bucket),
            };
        }
        for bucket in shelf.buckets.clone() {
            if !shelf.places.values().any(|place| place.bucket == bucket) {
                shelf.touched.insert(bucket);
            }
        }
        shelf.begun = true;
        Ok(())
    }
}

impl Disk for Partitioned {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        if path != self.dir {
            return self.disk.list(path);
        }
        let mut shelf = self.shelf();
        shelf.look(&*self.disk, &self.dir)
    }

    fn list_others(&self, path: &Path) -> io::Result<Vec<Other>> {
        self.disk.list_others(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir(path)
    }

    fn open(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn DiskFile>> {
        let Some(base) = self.base(path).filter(|_| mode != Mode::CreateNew) else {
            return self.disk.open(path, mode);
        };
        let mut misses = 0;
        loop {
            let place = self.place(base)?;
            match self.disk.open(&self.path(&place, base, ""), mode) {
                // Another process has removed it, or a purge of ours: look again once.
                Err(error) if error.kind() == io::ErrorKind::NotFound && misses == 0 => {
                    misses += 1;
                    self.shelf().places.remove(&base);
                }
                opened => {
                    // An encoded one shows the plain bytes, and refuses to be written.
                    return codec::open(opened?);
                }
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let Some(base) = self.base(to) else {
            return self.disk.rename(from, to);
        };
        let mut shelf = self.shelf();
        let bucket = match self.find(&mut shelf, base) {
            Ok(place) => place.bucket,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bucket = self.bucket_of(from)?;
                self.make(&mut shelf, &bucket)?;
                bucket
            }
            Err(error) => return Err(error),
        };
        let to = self.bucket_dir(&bucket).join(segment_name(base));
        let renamed = match self.disk.rename(from, &to) {
            // Somebody has taken the bucket away while it was empty.
            Err(error) if error.kind() == io::ErrorKind::NotFound && shelf.buckets.remove(&bucket) => {
                self.make(&mut shelf, &bucket)?;
                self.disk.rename(from, &to)
            }
            renamed => renamed,
        };
        // Also after an error: it may have been done.
        shelf.touched.insert(bucket.clone());
        renamed?;
        self.rolled.fetch_or(!shelf.places.is_empty(), Ordering::Relaxed);
        shelf.places.insert(base, Place::plain(bucket, 0));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let Some(base) = self.base(path) else {
            return self.disk.remove(path);
        };
        let mut shelf = self.shelf();
        let place = self.find(&mut shelf, base)?;
        let removed = self.disk.remove(&self.path(&place, base, ""));
        shelf.touched.insert(place.bucket.clone());
        removed?;
        shelf.places.remove(&base);
        match self.disk.remove(&self.path(&place, base, MANIFEST)) {
            // A sidecar without a segment goes with the next open.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, base, "the manifest of a segment that was removed is left behind");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        if path != self.dir {
            return self.disk.sync_dir(path);
        }
        let mut shelf = self.shelf();
        if !shelf.begun {
            self.begin(&mut shelf)?;
        }
        self.sync(&mut shelf)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Box<dyn Held>> {
        self.disk.lock(path, holder)
    }
}

#[cfg(test)]
mod tests;

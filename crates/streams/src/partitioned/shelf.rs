//! What stands where in a stream's directory, as it was when somebody last looked.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use annals_journal::{Disk, Listed, Mode};

use super::{ENCODED, MANIFEST, SETTINGS};
use crate::bucket;
use crate::codec::{self, Codec};
use crate::root::Foreign;

/// The length of a segment's name.
const SEGMENT_LEN: usize = 20;
/// No segment begins here or later, as the journal has it.
const PLACES_END: u64 = 1 << 62;

/// Where a segment stands, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The directory of its bucket; empty if it lies in the stream's directory itself.
    pub(crate) bucket: String,
    /// Its file's length, and the length of what the journal sees of it.
    pub(crate) stored: u64,
    pub(crate) plain: u64,
    pub(crate) codec: Codec,
}

impl Place {
    pub(super) fn plain(bucket: String, len: u64) -> Self {
        Self { bucket, stored: len, plain: len, codec: Codec::Plain }
    }
}

/// The segments of a stream and their buckets.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) places: BTreeMap<u64, Place>,
    pub(super) buckets: BTreeSet<String>,
    /// Buckets in which names were changed since the last sync.
    pub(super) touched: BTreeSet<String>,
    /// What an earlier process has left was looked at.
    pub(super) begun: bool,
    /// Files of ours that nobody needs any more, each with its bucket.
    pub(super) leftovers: Vec<(String, String)>,
    pub(super) strangers: Vec<Foreign>,
}

impl Shelf {
    /// Looks at the directory and all buckets; returns what the journal is to see.
    pub(super) fn look(&mut self, disk: &dyn Disk, dir: &Path) -> io::Result<Vec<Listed>> {
        let others = disk.list_others(dir)?;
        let flat = disk.list(dir)?;
        let mut found = Found::default();
        for other in others {
            if !bucket::is_bucket(&other.name) {
                // The journal's own: cursors, quarantine, older receipts.
                if !other.is_dir {
                    found.stranger(dir.join(&other.name), "it is neither a file nor a directory");
                }
            } else if other.is_dir {
                found.bucket(disk, dir, other.name)?;
            } else {
                found.stranger(dir.join(&other.name), "no directory stands where a bucket belongs");
            }
        }
        let mut shown = Vec::with_capacity(flat.len() + found.files.len());
        for listed in flat {
            match base_of(&listed.name) {
                Some(base) => found.segment(base, String::new(), listed.len)?,
                None if is_own(&listed.name) => {}
                None => shown.push(listed),
            }
        }
        let newest = found.files.last_key_value().map(|(base, _)| *base);
        let mut places = BTreeMap::new();
        for (base, (bucket, stored)) in found.files {
            let place = match self.places.remove(&base) {
                Some(known) if known.stored == stored && known.bucket == bucket => known,
                // What is written to is plain.
                _ if newest == Some(base) => Place::plain(bucket, stored),
                _ => match opened(disk, &dir.join(&bucket).join(segment_name(base)), bucket, stored)? {
                    Some(place) => place,
                    None => continue,
                },
            };
            shown.push(Listed { name: segment_name(base), len: place.plain });
            places.insert(base, place);
        }
        found.sidecars.retain(|(base, ..)| !places.contains_key(base));
        found.leftovers.extend(found.sidecars.into_iter().map(|(_, bucket, name)| (bucket, name)));
        (self.places, self.buckets, self.leftovers) = (places, found.buckets, found.leftovers);
        self.strangers = found.strangers;
        Ok(shown)
    }
}

/// A segment as it is kept; none if it is gone.
fn opened(disk: &dyn Disk, path: &Path, bucket: String, stored: u64) -> io::Result<Option<Place>> {
    let file = match disk.open(path, Mode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // What it is will be told by whoever reads it.
        Err(_) => return Ok(Some(Place::plain(bucket, stored))),
        Ok(file) => file,
    };
    let (plain, codec) = (codec::plain_len(&*file)?, codec::codec_of(&*file)?);
    Ok(Some(Place { bucket, stored, plain, codec }))
}

/// What one look found.
#[derive(Debug, Default)]
struct Found {
    /// Segments with their bucket and their file's length.
    files: BTreeMap<u64, (String, u64)>,
    buckets: BTreeSet<String>,
    sidecars: Vec<(u64, String, String)>,
    leftovers: Vec<(String, String)>,
    strangers: Vec<Foreign>,
}

impl Found {
    fn bucket(&mut self, disk: &dyn Disk, dir: &Path, bucket: String) -> io::Result<()> {
        let path = dir.join(&bucket);
        let listed = match disk.list(&path) {
            // It was empty, and is gone.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            listed => listed?,
        };
        for Listed { name, len } in listed {
            let ours = name.strip_suffix(".tmp").unwrap_or(&name);
            let (segment, suffix) = ours.split_at_checked(SEGMENT_LEN).unwrap_or((ours, ""));
            match base_of(segment) {
                Some(base) if suffix.is_empty() && name == segment => {
                    self.segment(base, bucket.clone(), len)?;
                }
                Some(base) if suffix == MANIFEST && name == ours => {
                    self.sidecars.push((base, bucket.clone(), name));
                }
                Some(_) if suffix == MANIFEST || name.ends_with(ENCODED) && suffix.len() < ENCODED.len() => {
                    self.leftovers.push((bucket.clone(), name));
                }
                _ => self.stranger(path.join(name), "it is no segment, and nothing that stands beside one"),
            }
        }
        self.buckets.insert(bucket);
        Ok(())
    }

    fn segment(&mut self, base: u64, bucket: String, len: u64) -> io::Result<()> {
        match self.files.insert(base, (bucket, len)) {
            None => Ok(()),
            Some((other, _)) => {
                let found = self.files.get(&base).map_or("", |(bucket, _)| bucket);
                let name = segment_name(base);
                let reason =
                    format!("segment {name} stands in {other:?} and in {found:?}: take one of them away");
                Err(io::Error::new(io::ErrorKind::InvalidData, reason))
            }
        }
    }

    fn stranger(&mut self, path: PathBuf, reason: &str) {
        self.strangers.push(Foreign { path, reason: reason.to_owned() });
    }
}

/// Whether a file of the flat directory is ours and not the journal's.
fn is_own(name: &str) -> bool {
    name.strip_suffix(".tmp").unwrap_or(name) == SETTINGS
}

/// The file name of the segment with this base.
pub(crate) fn segment_name(base: u64) -> String {
    format!("{base:016x}.wal")
}

/// The base in a segment's file name, if it is one.
pub(super) fn base_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".wal").filter(|digits| digits.len() == 16)?;
    let base = u64::from_str_radix(digits, 16).ok().filter(|base| *base < PLACES_END)?;
    (segment_name(base) == name).then_some(base)
}

//! What a backup holds: the one document that makes its files a backup.
//!
//!   files, each synced -> names, synced -> manifest.json, replaced whole -> what no manifest names is removed
//!
//! B1: a backup is what the manifest in its directory says. No file that it names changes or goes while it is the one.

use std::path::Path;

use annals_record::{LogId, Offset, RecordId, Term};
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::error::{Damage, Error};
use crate::purged::Purged;
use crate::receipts::{hex, unhex};
use crate::segment;
use crate::sidecar;

/// The manifest's name in a backup's directory.
pub(crate) const FILE_NAME: &str = "manifest.json";
/// The newest schema known here.
pub(crate) const SCHEMA: u64 = 1;
/// A million segments take some 300 MiB of it.
const MAX_LEN: u64 = 1 << 30;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The log.
    pub log: LogId,
    /// The log's term at [`Manifest::durable`].
    pub term: Term,
    /// The first place held.
    pub oldest: Offset,
    /// The first place that is not held: all that was durable below it is.
    pub durable: Offset,
    /// How many records of the log stand below `durable`, those that are not held any more counted.
    pub records: u64,
    /// The journal time of the newest group, microseconds since 1970-01-01T00:00:00Z; none if there is none.
    pub newest_micros: Option<i64>,
    /// When the backup was made, microseconds since 1970-01-01T00:00:00Z.
    pub made_at_micros: i64,
    /// How many backups were made into this directory, this one counted.
    pub sequence: u64,
    /// What of the log did not verify when it was copied, and was copied all the same; empty unless whoever made the
    /// backup agreed to it.
    pub damaged: Vec<Damage>,
    /// What of the log is lost and listed as lost: where, and how many bytes.
    pub holes: Vec<(Offset, u64)>,
    /// The segments, by base.
    pub segments: Vec<SegmentCopy>,
    /// What stands beside the segments.
    pub documents: Vec<DocumentCopy>,
    /// How the first segment begins: what the record of purges of a restored journal says.
    pub(crate) begins: Beginning,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedFile {
    /// Its name below the backup's directory.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// The BLAKE3 of its bytes.
    pub blake3: RecordId,
}

/// A segment, or the durable part of the one that was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentCopy {
    /// The offset of its first frame.
    pub base: Offset,
    /// The next segment's base; of the one that was written to the durable end.
    pub end: Offset,
    /// Whether it is whole, with its seal.
    pub sealed: bool,
    /// The term of its frames; none if its header did not verify.
    pub term: Option<Term>,
    /// The hash over the ids of all records of the log up to its end; none if it did not verify.
    pub chain: Option<[u8; 32]>,
    /// Its copy.
    pub file: CopiedFile,
}

/// What stands beside the segments: a list of holes, a cursor, receipts, bytes in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentCopy {
    /// Where it belongs below the journal's directory.
    pub place: String,
    /// Its copy.
    pub file: CopiedFile,
}

/// How the first segment begins, if something was purged before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The first segment's base.
    pub(crate) base: Offset,
    pub(crate) records_end: Offset,
    pub(crate) records_before: u64,
    pub(crate) chain: [u8; 32],
}

impl From<&Purged> for Beginning {
    fn from(purged: &Purged) -> Self {
        Self {
            base: purged.oldest,
            records_end: purged.records_end,
            records_before: purged.records_before,
            chain: purged.chain,
        }
    }
}

impl Manifest {
    /// All files it names.
    pub fn files(&self) -> impl Iterator<Item = &CopiedFile> {
        let segments = self.segments.iter().map(|segment| &segment.file);
        segments.chain(self.documents.iter().map(|document| &document.file))
    }

    /// The bytes of all files it names.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files().map(|file| file.len).sum()
    }

    /// Reads the manifest of the backup in `dir`; none if there is none.
    ///
    /// # Errors
    /// [`Error::DamagedBackup`] if it does not verify, [`Error::NewerFormat`].
    pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE_NAME);
        let document = match sidecar::read(disk, &path, MAX_LEN) {
            Err(Error::Sidecar { path, reason }) => return Err(Error::DamagedBackup { path, reason }),
            read => read?,
        };
        let Some(document) = document else { return Ok(None) };
        let refused = |reason: &str| Error::DamagedBackup { path: path.clone(), reason: reason.to_owned() };
        match document["schema"].as_u64() {
            Some(SCHEMA) => {}
            Some(found) if found > SCHEMA => {
                let found = u32::try_from(found).unwrap_or(u32::MAX);
                return Err(Error::NewerFormat { path, found, known: SCHEMA as u32 });
            }
            _ => return Err(refused("it has no schema of ours")),
        }
        Self::decode(&document).map(Some).ok_or_else(|| refused("a field is missing or malformed"))
    }

    /// Puts this in the place of what the backup in `dir` was, durably.
    pub(crate) fn write(&self, disk: &dyn Disk, dir: &Path) -> Result<RecordId, Error> {
        let document = self.encode();
        sidecar::replace(disk, &dir.join(FILE_NAME), &document)?;
        Ok(self.id())
    }

    /// What names this backup: the BLAKE3 of its manifest.
    #[must_use]
    pub fn id(&self) -> RecordId {
        RecordId::of(&sidecar::encode(&self.encode()))
    }

    fn encode(&self) -> Value {
        let damaged = self
            .damaged
            .iter()
            .map(|damage| json!({"offset": damage.offset.get(), "len": damage.len, "detail": damage.detail}));
        let segments = self.segments.iter().map(|segment| {
            json!({
                "base": segment.base.get(),
                "end": segment.end.get(),
                "sealed": segment.sealed,
                "term": segment.term.map(Term::get),
                "chain": segment.chain.as_ref().map(hex),
                "file": segment.file.encode(),
            })
        });
        let documents = self
            .documents
            .iter()
            .map(|document| json!({"place": document.place, "file": document.file.encode()}));
        json!({
            "schema": SCHEMA,
            "log": self.log.to_string(),
            "term": self.term.get(),
            "oldest": self.oldest.get(),
            "durable": self.durable.get(),
            "records": self.records,
            "newest_micros": self.newest_micros,
            "made_at_micros": self.made_at_micros,
            "sequence": self.sequence,
            "begins": {
                "base": self.begins.base.get(),
                "records_end": self.begins.records_end.get(),
                "records_before": self.begins.records_before,
                "chain": hex(&self.begins.chain),
            },
            "damaged": damaged.collect::<Vec<_>>(),
            "holes": self.holes.iter().map(|(at, len)| json!({"offset": at.get(), "len": len})).collect::<Vec<_>>(),
            "segments": segments.collect::<Vec<_>>(),
            "documents": documents.collect::<Vec<_>>(),
        })
    }

    fn decode(document: &Value) -> Option<Self> {
        let offset = |value: &Value| value.as_u64().map(Offset::new);
        let begins = &document["begins"];
        let begins = Beginning {
            base: offset(&begins["base"])?,
            records_end: offset(&begins["records_end"])?,
            records_before: begins["records_before"].as_u64()?,
            chain: unhex(begins["chain"].as_str()?)?,
        };
        let damaged = document["damaged"].as_array()?.iter().map(|damage| {
            let (len, detail) = (damage["len"].as_u64()?, damage["detail"].as_str()?.to_owned());
            Some(Damage { offset: offset(&damage["offset"])?, len, detail })
        });
        let manifest = Self {
            log: document["log"].as_str()?.parse().ok()?,
            term: Term::new(document["term"].as_u64()?),
            oldest: offset(&document["oldest"])?,
            durable: offset(&document["durable"])?,
            records: document["records"].as_u64()?,
            newest_micros: optional(&document["newest_micros"], Value::as_i64)?,
            made_at_micros: document["made_at_micros"].as_i64()?,
            sequence: document["sequence"].as_u64()?,
            damaged: damaged.collect::<Option<_>>()?,
            holes: document["holes"]
                .as_array()?
                .iter()
                .map(|hole| Some((offset(&hole["offset"])?, hole["len"].as_u64()?)))
                .collect::<Option<_>>()?,
            segments: document["segments"]
                .as_array()?
                .iter()
                .map(SegmentCopy::decode)
                .collect::<Option<_>>()?,
            documents: document["documents"]
                .as_array()?
                .iter()
                .map(DocumentCopy::decode)
                .collect::<Option<_>>()?,
            begins,
        };
        let rising = manifest.segments.windows(2).all(|two| two[0].base < two[1].base);
        (rising && !manifest.segments.is_empty()).then_some(manifest)
    }
}

impl CopiedFile {
    fn encode(&self) -> Value {
        json!({"name": self.name, "len": self.len, "blake3": self.blake3.to_string()})
    }

    fn decode(value: &Value) -> Option<Self> {
        let name = value["name"].as_str()?;
        let (dir, file) = name.split_once('/')?;
        // A name leads nowhere but into the backup.
        let ours = [super::SEGMENTS, super::DOCUMENTS].contains(&dir) && is_plain(file);
        let (len, blake3) = (value["len"].as_u64()?, value["blake3"].as_str()?.parse().ok()?);
        ours.then(|| Self { name: name.to_owned(), len, blake3 })
    }
}

impl SegmentCopy {
    fn decode(value: &Value) -> Option<Self> {
        Some(Self {
            base: Offset::new(value["base"].as_u64()?),
            end: Offset::new(value["end"].as_u64()?),
            sealed: value["sealed"].as_bool()?,
            term: optional(&value["term"], |term| term.as_u64().map(Term::new))?,
            chain: optional(&value["chain"], |chain| unhex(chain.as_str()?))?,
            file: CopiedFile::decode(&value["file"])?,
        })
    }

    /// The name that its file has in a journal.
    pub(crate) fn journal_name(&self) -> String {
        segment::file_name(self.base)
    }
}

impl DocumentCopy {
    fn decode(value: &Value) -> Option<Self> {
        let place = value["place"].as_str()?.to_owned();
        let fits = match place.split_once('/') {
            Some((dir, file)) => super::documents::DIRS.contains(&dir) && is_plain(file),
            None => super::documents::FILES.contains(&&*place),
        };
        let file = CopiedFile::decode(&value["file"])?;
        fits.then_some(Self { place, file })
    }
}

/// Whether a text names a file of the directory it is looked for in.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// None if it is malformed; none in it if it is null.
#[allow(clippy::option_option, reason = "malformed and absent are two things")]
fn optional<T>(value: &Value, read: impl FnOnce(&Value) -> Option<T>) -> Option<Option<T>> {
    if value.is_null() { Some(None) } else { read(value).map(Some) }
}

#[cfg(test)]
mod tests;

//! The one-pass limit, one thread: read, check, sort, write once. No store: nothing can be found again, and nothing may
//! be added.
//!
//!   journal -> CRC -> BLAKE3 -> sorted by key -> content | sorted by subject and id -> index -> fdatasync

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_journal::Reader;
use annals_record::{
    Assertion, Batch, Entry, Epoch, EpochId, Log as _, PAYLOAD_HEADER, ReadLimit, RecordId, RecordType, Vote,
    record_type,
};
use rkyv::rancor::Failure;
use rkyv::util::AlignedVec;
use rkyv::{Archive, access, deserialize};

use super::contender::{Answers, Contender, Store, Syncs};
use super::keys;
use super::work::Work;
use crate::outcome::{Outcome, unable};

/// All of it in memory, then onto the disk.
pub(crate) struct Limit;

const BUFFER_BYTES: usize = 1 << 20;

impl Contender for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn takes(&self, work: Work) -> bool {
        matches!(work, Work::Ingest | Work::Rebuild | Work::BytesWritten | Work::BytesDisk)
    }

    fn promise(&self) -> &'static str {
        "two sorted files, in one piece"
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        Ok(Box::new(Pass(dir.to_owned())))
    }
}

struct Pass(PathBuf);

impl Store for Pass {
    fn pour(&mut self, log: &Arc<Reader>, _batches: Option<u64>, _syncs: Syncs) -> Outcome<()> {
        let (mut sheaf, mut batch, mut next) = (Sheaf::default(), Batch::default(), log.bounds()?.oldest);
        loop {
            log.read_into(next, ReadLimit::default(), &mut batch)?;
            if batch.is_empty() && batch.next() <= next {
                break;
            }
            batch.iter().try_for_each(|entry| sheaf.take(&entry))?;
            next = batch.next();
        }
        sheaf.write(&self.0)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        unable("limit", "answers")
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(())
    }
}

/// Everything that was read, as it will be written.
#[derive(Default)]
struct Sheaf {
    /// Keys and payloads, in the order of the log.
    bytes: Vec<u8>,
    content: Vec<Kept>,
    index: Vec<Listed>,
    aligned: AlignedVec<8>,
}

/// One record in [`Sheaf::bytes`].
struct Kept {
    /// The first sixteen bytes of its key: mostly they decide where it goes.
    head: u128,
    start: u64,
    key: u32,
    payload: u32,
}

/// A subject, as long as those of the set are, and an assertion.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    subject: [u8; 16],
    id: [u8; 32],
}

impl Sheaf {
    fn take(&mut self, entry: &Entry<'_>) -> Outcome<()> {
        if RecordId::of(entry.payload) != entry.id {
            return Err(format!("the record at {} does not hash to its id", entry.offset).into());
        }
        self.aligned.clear();
        self.aligned.extend_from_slice(&entry.payload[PAYLOAD_HEADER..]);
        let start = self.bytes.len();
        match record_type(entry.payload) {
            Some(RecordType::Assertion) => {
                let assertion = look::<Assertion>(&self.aligned)?;
                let subject = assertion.subject.as_bytes().try_into();
                let subject = subject.map_err(|_| "a subject of the set has sixteen bytes")?;
                self.index.push(Listed { subject, id: *entry.id.as_bytes() });
                keys::assertion(&mut self.bytes, &entry.id);
            }
            Some(RecordType::Vote) => {
                let on = deserialize::<RecordId, Failure>(&look::<Vote>(&self.aligned)?.assertion);
                let on = on.map_err(|_| "an id of the set does not decode")?;
                keys::vote(&mut self.bytes, on.as_bytes(), &entry.id);
            }
            Some(RecordType::Epoch) => {
                let epoch = EpochId::of(&look::<Epoch>(&self.aligned)?.name);
                keys::epoch(&mut self.bytes, epoch.as_bytes(), entry.offset.get());
            }
            other => return Err(format!("the set has no {other:?}").into()),
        }
        let key = &self.bytes[start..];
        let head = key.first_chunk::<16>().map_or(0, |head| u128::from_be_bytes(*head));
        let (key, payload) = (key.len() as u32, entry.payload.len() as u32);
        self.content.push(Kept { head, start: start as u64, key, payload });
        self.bytes.extend_from_slice(entry.payload);
        Ok(())
    }

    fn key(&self, kept: &Kept) -> &[u8] {
        &self.bytes[kept.start as usize..][..kept.key as usize]
    }

    fn write(mut self, dir: &Path) -> Outcome<()> {
        let mut content = std::mem::take(&mut self.content);
        content.sort_unstable_by(|a, b| a.head.cmp(&b.head).then_with(|| self.key(a).cmp(self.key(b))));
        let mut file = create(&dir.join("content"))?;
        for kept in &content {
            file.write_all(&kept.payload.to_le_bytes())?;
            let bytes = kept.key as usize + kept.payload as usize;
            file.write_all(&self.bytes[kept.start as usize..][..bytes])?;
        }
        sync(file)?;
        self.index.sort_unstable();
        let mut file = create(&dir.join("index"))?;
        for listed in &self.index {
            file.write_all(&listed.subject)?;
            file.write_all(&listed.id)?;
        }
        sync(file)
    }
}

fn look<T: Archive>(bytes: &[u8]) -> Outcome<&T::Archived>
where
    T::Archived: for<'a> rkyv::bytecheck::CheckBytes<rkyv::api::high::HighValidator<'a, Failure>>,
{
    access::<T::Archived, Failure>(bytes).map_err(|_| "a payload of the set does not decode".into())
}

fn create(path: &Path) -> Outcome<BufWriter<File>> {
    Ok(BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?))
}

fn sync(file: BufWriter<File>) -> Outcome<()> {
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    Ok(file.sync_data()?)
}

//! A whole journal directory: hurt anywhere, or made of nothing but what the input says.
//!
//! ```text
//!   [seed][mode] [edit: 12 bytes]*            a life of that seed, edited
//!   [255][mode] ([file][length: 2][bytes])*   these files alone
//!
//!   -> dump, read forwards and backwards, verify, diagnose -> open for writing, append -> salvage, open, append
//! ```
//!
//! HR1: every record that is served stands in its segment under a checksum that holds at its place.
//! HR2: where no checksum was forged, what is served is what was appended there.
//! HR3: where segments alone were hurt, every acknowledged record is served, or lies in a range that is told.
//! HR4: reading always comes to an end, at most one step for each byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use annals_journal::dump::SegmentFile;
use annals_journal::repair::{diagnose, repair};
use annals_journal::{Consent, Disk, Journal, Keep, NoRefill, Reader, ReceiptQuery, salvage};
use annals_record::{Log, LogError, Offset, ReadLimit, RecordId};
use annals_testkit::{Call, ManualClock, SimDisk, Survival};
use fastrand::Rng;

use crate::forge::{self, Place};
use crate::life::{self, DIR, Life};

/// Lives that an input can name.
const LIVES: u8 = 12;
/// The seed of a directory that is made of the input alone.
const RAW: u8 = 255;
/// Bits of the mode: checksums are made to hold; a salvage is made, too.
const MEND: u8 = 1;
const SALVAGE: u8 = 2;

/// What an input came to.
struct Hurt {
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// What must be served where checksums hold by themselves; none where they were forged.
    kept: Option<BTreeMap<u64, Vec<u8>>>,
    /// Everything below this was acknowledged, and nothing but segments was hurt.
    durable: Option<u64>,
}

/// Throws these bytes at a journal.
pub fn run(bytes: &[u8]) {
    let [seed, mode, rest @ ..] = bytes else { return };
    let hurt = if *seed == RAW { raw(rest, mode & MEND != 0) } else { edited(*seed, rest, mode & MEND != 0) };
    let disk = hurt.disk();
    look(&disk, &hurt);
    write(&fork(&disk), &hurt);
    if mode & SALVAGE != 0 {
        mend(&fork(&disk), &hurt);
    }
}

/// Draws edits of a life.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![rng.u8(..LIVES), rng.u8(..4)];
    for _ in 0..rng.usize(1..4) {
        let edit: [u8; EDIT] = std::array::from_fn(|_| rng.u8(..));
        bytes.extend_from_slice(&edit);
    }
    bytes
}

fn lives(seed: u8) -> Life {
    static LIVED: Mutex<BTreeMap<u8, Life>> = Mutex::new(BTreeMap::new());
    let mut lived = LIVED.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = seed % LIVES;
    let life = lived.entry(seed).or_insert_with(|| match Life::of(seed) {
        Ok(life) => life,
        Err(error) => unreachable!("a journal without faults: {error}"),
    });
    life.clone()
}

fn raw(mut bytes: &[u8], mended: bool) -> Hurt {
    const NAMES: [&str; 10] = [
        "0000000000000000.wal",
        "0000000000000008.wal",
        "0000000000001000.wal",
        "fffffffffffffff8.wal",
        "watermark",
        ".purged.json",
        ".holes.json",
        "keys",
        "cursors/reader.cursor",
        "x.tmp",
    ];
    let mut files = BTreeMap::new();
    while let [name, low, high, rest @ ..] = bytes {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let path = Path::new(DIR).join(NAMES[usize::from(*name) % NAMES.len()]);
        files.entry(path).or_insert_with(Vec::new).extend_from_slice(&rest[..len]);
        bytes = &rest[len..];
    }
    let mut hurt = Hurt { files, kept: None, durable: None };
    if mended {
        hurt.mend();
    }
    hurt
}

/// Bytes of an edit: kind, file, place (4), length (2), value (4).
const EDIT: usize = 12;

fn edited(seed: u8, edits: &[u8], mended: bool) -> Hurt {
    let life = lives(seed);
    let mut hurt = Hurt {
        files: life.files.into_iter().collect(),
        kept: (!mended).then(|| life.kept.into_iter().collect()),
        durable: (!mended).then_some(life.durable),
    };
    for edit in edits.as_chunks::<EDIT>().0.iter().take(8) {
        hurt.edit(edit);
    }
    if mended {
        hurt.mend();
    }
    hurt
}

impl Hurt {
    fn edit(&mut self, edit: &[u8; EDIT]) {
        let names: Vec<PathBuf> = self.files.keys().cloned().collect();
        let Some(path) = names.get(usize::from(edit[1]) % names.len().max(1)) else { return };
        if life::base(path).is_none() {
            self.durable = None;
        }
        let other = &names[usize::from(edit[8]) % names.len()];
        let spliced = self.files[other].clone();
        let Some(file) = self.files.get_mut(path) else { return };
        let raw = u32::from_le_bytes([edit[2], edit[3], edit[4], edit[5]]);
        let len = usize::from(u16::from_le_bytes([edit[6], edit[7]]) % 4096);
        let value = u32::from_le_bytes([edit[8], edit[9], edit[10], edit[11]]);
        let at = aim(file, raw).min(file.len());
        let end = (at + len).min(file.len());
        match edit[0] % 12 {
            0 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (value % 8)),
            1 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte = value as u8),
            2 => file[at..end].fill(0),
            3 => file.truncate(at),
            4 => drop(file.drain(at..end)),
            5 => {
                let again = file[at..end].to_vec();
                let to = value as usize % (file.len() + 1);
                let until = (to + again.len()).min(file.len());
                file.splice(to..until, again);
            }
            6 => {
                let piece = spliced.get(at..(at + len).min(spliced.len())).unwrap_or_default();
                file.splice(at..end, piece.iter().copied());
            }
            7 => {
                let edges = [0, 7, 8, u64::MAX, u64::MAX - 7, 1 << 63, i64::MAX as u64, u64::from(value)];
                let edge = edges[edit[6] as usize % edges.len()].to_le_bytes();
                file.iter_mut().skip(at / 8 * 8).zip(edge).for_each(|(byte, edge)| *byte = edge);
            }
            8 => file.extend(std::iter::repeat_n(value as u8, len)),
            9 => drop(self.files.remove(path)),
            10 => {
                let taken = std::mem::replace(file, spliced);
                if life::base(other).is_none() {
                    self.durable = None;
                }
                self.files.insert(other.clone(), taken);
            }
            _ => file.iter_mut().skip(at).zip(value.to_le_bytes()).for_each(|(byte, value)| *byte = value),
        }
    }

    /// Makes every checksum hold, as far as it can be seen where one stands.
    fn mend(&mut self) {
        for (path, bytes) in &mut self.files {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(".wal") && bytes.len() >= forge::HEADER {
                let (header, frames) = bytes.split_at_mut(forge::HEADER);
                forge::sign(header, 0..forge::HEADER - 4);
                if let Some(place) = Place::of_header(header) {
                    forge::mend_frames(frames, place);
                }
            } else if name == "watermark" || name.ends_with(".cursor") {
                let len = if name == "watermark" { 64 } else { 128 };
                for slot in bytes.chunks_mut(4096).filter(|slot| slot.len() >= len) {
                    forge::sign(&mut slot[..len], 0..len - 4);
                }
            } else if name.ends_with(".json") && bytes.len() > 78 {
                let covered = bytes.len() - 78;
                *bytes = forge::document(&bytes[..covered]);
            } else if name == "keys" && bytes.len() > 4 {
                let covered = bytes.len() - 4;
                forge::sign(bytes, 0..covered);
            }
        }
    }

    fn disk(&self) -> SimDisk {
        Life { files: self.files.clone().into_iter().collect(), ..Life::default() }.disk()
    }

    /// HR1 and HR2, for one record.
    fn check(&self, disk: &SimDisk, offset: Offset, id: RecordId, payload: &[u8]) {
        assert!(stands(disk, offset, id, payload), "HR1: the record at {offset} has no checksum that holds");
        let Some(kept) = &self.kept else { return };
        assert_eq!(id, RecordId::of(payload), "HR2: the id at {offset}");
        assert_eq!(
            kept.get(&offset.get()).map(Vec::as_slice),
            Some(payload),
            "HR2: the record at {offset} was never appended"
        );
    }
}

/// A place in the file: anywhere, or in the header of one of its frames.
fn aim(file: &[u8], raw: u32) -> usize {
    let (how, raw) = (raw >> 30, (raw & 0x3fff_ffff) as usize);
    if how == 0 || file.len() < forge::HEADER {
        return raw % (file.len() + 1);
    }
    if how == 1 {
        return raw % 128;
    }
    let (mut at, mut starts) = (forge::HEADER, Vec::new());
    while let Some(length) = forge::word(file, at).filter(|length| *length != 0) {
        starts.push(at);
        at += (forge::FRAME + (length & 0x0fff_ffff) as usize).next_multiple_of(8);
    }
    starts.get(raw / 256 % starts.len().max(1)).map_or(raw % file.len(), |start| start + raw % 48)
}

/// Whether a segment's file holds this record at this place, by the forge's reading of it.
fn stands(disk: &SimDisk, offset: Offset, id: RecordId, payload: &[u8]) -> bool {
    let files = disk.files(DIR).unwrap_or_default();
    let holder = files.iter().filter(|path| life::base(path).is_some_and(|base| base <= offset.get()));
    let Some(path) = holder.max_by_key(|path| life::base(path)) else { return false };
    let bytes = disk.read_file(path).unwrap_or_default();
    let (Some(place), Some(base)) = (Place::of_header(&bytes), life::base(path)) else { return false };
    let Ok(at) = usize::try_from(offset.get() - base) else { return false };
    let Some(frame) = at.checked_add(forge::HEADER).and_then(|at| bytes.get(at..)) else { return false };
    let (found, _) = forge::expected(frame, Place { offset: offset.get(), ..place });
    found == annals_journal::bare::Found::Record(payload.len())
        && frame[8..forge::FRAME] == *id.as_bytes()
        && frame[forge::FRAME..].starts_with(payload)
}

fn fork(disk: &SimDisk) -> SimDisk {
    disk.crash(Survival::EVERYTHING, &mut Rng::with_seed(0))
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(2_000_000))
}

/// Reads a log from its beginning to its end; what is told as damaged, lost or gone.
fn read(log: &impl Log, disk: &SimDisk, hurt: &Hurt) -> Option<(Vec<u64>, Vec<std::ops::Range<u64>>)> {
    let bounds = log.bounds().ok()?;
    let (mut at, mut served, mut told) = (bounds.oldest, Vec::new(), Vec::new());
    let mut steps = hurt.files.values().map(Vec::len).sum::<usize>() + 4096;
    while at < bounds.durable {
        steps = steps.saturating_sub(1);
        assert!(steps > 0, "HR4: reading does not end");
        let next = match log.read(at, ReadLimit { records: 7, bytes: 9000 }) {
            Ok(batch) => {
                for entry in batch.iter() {
                    hurt.check(disk, entry.offset, entry.id, entry.payload);
                    served.push(entry.offset.get());
                }
                batch.next()
            }
            Err(LogError::Damaged { offset, len, .. } | LogError::Hole { offset, len }) => {
                let end = offset.get().saturating_add(len);
                told.push(offset.get()..end);
                Offset::new(end)
            }
            Err(LogError::Gap { oldest, .. }) => {
                told.push(at.get()..oldest.get());
                oldest
            }
            Err(_) => return None,
        };
        assert!(next > at, "HR4: reading stands still at {at}");
        at = next;
    }
    Some((served, told))
}

/// HR3: what was acknowledged is served or told.
fn is_complete(
    hurt: &Hurt,
    read: Option<(Vec<u64>, Vec<std::ops::Range<u64>>)>,
    more: &[std::ops::Range<u64>],
) {
    let (Some(kept), Some(durable), Some((served, told))) = (&hurt.kept, hurt.durable, read) else { return };
    for offset in kept.keys().filter(|offset| **offset < durable) {
        let told = told.iter().chain(more).any(|range| range.contains(offset));
        assert!(told || served.contains(offset), "HR3: the record at {offset} is gone in silence");
    }
}

/// Everything that changes nothing.
fn look(disk: &SimDisk, hurt: &Hurt) {
    for path in hurt.files.keys().filter(|path| life::base(path).is_some()) {
        let Ok(file) = SegmentFile::open(disk, path) else { continue };
        dump(&file, path);
    }
    let before = changes(disk);
    let _ = diagnose(&shared(disk), Path::new(DIR));
    let _ = salvage::plan(&shared(disk), Path::new(DIR), &NoRefill);
    for open in [Reader::open_on, Reader::inspect_on] {
        let Ok(reader) = open(shared(disk), clock(), Path::new(DIR)) else { continue };
        let read = read(&reader, disk, hurt);
        if !reader.presumes() {
            is_complete(hurt, read, &[]);
        }
        let _ = (reader.status(), reader.roster(), reader.peek_cursors(), reader.latest_checkpoint());
        let _ = (reader.receipts(&ReceiptQuery::default()), reader.seek_time(1_000_000), reader.is_closed());
        let _ = reader.verify(&mut |_, _| {});
        if let Ok(durable) = reader.durable() {
            backwards(reader.backward(durable), disk, hurt);
            for at in hurt.kept.iter().flatten().map(|(at, _)| *at).step_by(9) {
                backwards(reader.backward(Offset::new(at)).take(3), disk, hurt);
            }
            let _ = (reader.latest(3), reader.lag(Offset::new(64)));
        }
    }
    assert_eq!(changes(disk), before, "I14: a look changed something");
}

/// Walks over all frames of a file, which comes to an end.
fn dump(file: &SegmentFile, path: &Path) {
    #[cfg(feature = "cli")]
    if let Ok(lines) = annals_cli::bare::dumped(file, path) {
        lines.iter().for_each(|line| crate::terminal::check(line));
    }
    let _ = path;
    let Ok(mut frames) = file.frames() else { return };
    while let Ok(Some(_)) = frames.next_stretch() {}
}

/// How many calls there were that only who writes may make.
fn changes(disk: &SimDisk) -> u64 {
    let calls = Call::ALL.into_iter().filter(|call| call.changes() && *call != Call::Open);
    calls.map(|call| disk.count(call)).sum()
}

fn backwards(
    groups: impl Iterator<Item = Result<annals_record::Batch, LogError>>,
    disk: &SimDisk,
    hurt: &Hurt,
) {
    let most = hurt.files.values().map(Vec::len).sum::<usize>() + 4096;
    for (step, batch) in groups.enumerate() {
        assert!(step < most, "HR4: reading backwards does not end");
        match batch {
            Ok(batch) => {
                batch.iter().for_each(|entry| hurt.check(disk, entry.offset, entry.id, entry.payload));
            }
            Err(LogError::Damaged { .. } | LogError::Hole { .. }) => {}
            Err(_) => return,
        }
    }
}

/// Opens for writing, reads, appends, and reads again.
fn write(disk: &SimDisk, hurt: &Hurt) {
    let options = life::options(8 << 10);
    let Ok(journal) = Journal::open_on(shared(disk), clock(), Path::new(DIR), options) else { return };
    let report = journal.report();
    let refused: Vec<_> = report
        .damage
        .iter()
        .map(|damage| damage.offset.get()..damage.offset.get().saturating_add(damage.len))
        .collect();
    // A journal that had no segment left is a new one: then nothing is claimed.
    if !report.created {
        is_complete(hurt, read(&journal, disk, hurt), &refused);
    }
    let _ = (journal.status(), journal.records(), journal.verify(&mut |_, _| {}));
    let _ = journal.plan(&Keep::Newest).and_then(|plan| journal.apply(&plan, Consent::default()));
    let appended = journal.append("what comes next");
    assert!(appended.is_err() || refused.is_empty(), "I2: an append behind damage");
    let Ok(appended) = appended else { return };
    let read = journal.read(appended.offset, ReadLimit { records: 1, bytes: 100 });
    let first = read.as_ref().map(|batch| batch.iter().next().map(|entry| (entry.offset, entry.payload)));
    assert!(
        matches!(first, Ok(Some((offset, b"what comes next"))) if offset == appended.offset),
        "what was acknowledged just now is not served: {first:?}"
    );
}

/// Repairs and salvages, and opens what is left.
fn mend(disk: &SimDisk, hurt: &Hurt) {
    let (dir, options) = (Path::new(DIR), life::options(8 << 10));
    if hurt.files.len().is_multiple_of(2) {
        let _ = repair(&shared(disk), clock(), dir, options);
    }
    let Ok(plan) = salvage::plan(&shared(disk), dir, &NoRefill) else { return };
    if salvage::apply(&shared(disk), clock(), dir, options, &NoRefill, &plan).is_err() {
        return;
    }
    let Ok(reader) = Reader::open_on(shared(disk), clock(), dir) else { return };
    let read = read(&reader, disk, hurt);
    if let (Some(_), Some((_, _))) = (&hurt.kept, &read) {
        is_complete(hurt, read, &[]);
    }
    write(disk, hurt);
}

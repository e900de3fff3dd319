//! Encoded segments: the container around the blocks, the blocks, and what they show.
//!
//!   first byte: whether checksums and hashes are made to hold -> check | opened and read, in pieces and at once
//!
//! HE1: whatever the bytes, an encoded segment is read, or an error; no more is shown than it says that it shows.
//! HE2: a byte that is shown is the same however it is read.
//! HE3: a plain segment, or anything else that is none of ours, is given back as it is.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use annals_journal::{Disk, DiskFile, Journal, Options};
use annals_record::{Offset, RecordId};
use annals_streams::codec::{self, Codec};
use annals_streams::{Cause, Fact};
use annals_testkit::{ManualClock, SimDisk, payload};
use fastrand::Rng;

use crate::forge;
use crate::life::{DIR, base, options};

const MEND: u8 = 0x80;
const HEAD: usize = 64;
const TAIL: usize = 128;
/// So much of what is shown is read: a head may say any length.
const READ: usize = 256 << 10;
/// In pieces of this length, which is none of the blocks'.
const PIECE: usize = 1500;

/// Bytes as a file that is only read.
#[derive(Clone, Debug)]
struct Bytes(Arc<[u8]>);

impl DiskFile for Bytes {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let from = usize::try_from(pos).unwrap_or(usize::MAX).min(self.0.len());
        let len = buf.len().min(self.0.len() - from);
        buf[..len].copy_from_slice(&self.0[from..from + len]);
        Ok(len)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Throws these bytes at the readers of encoded segments.
pub fn run(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let mut bytes = rest.to_vec();
    if mode & MEND != 0 {
        mend(&mut bytes);
    }
    let file = Bytes(bytes.into());
    let _ = codec::check(&file);
    let Ok(shown) = codec::open(Box::new(file.clone())) else { return };
    let len = shown.len().unwrap_or_default();
    assert_eq!(codec::plain_len(&file).ok(), Some(len), "HE1");
    if codec::codec_of(&file).ok() == Some(Codec::Plain) {
        assert_eq!(read(&*shown, 0, READ).ok(), read(&file, 0, READ).ok(), "HE3");
        return;
    }
    assert!(shown.write_at(b"x", 0).is_err() && shown.set_len(0).is_err(), "HE1: it is written to");
    let whole = read(&*shown, 0, READ);
    for from in (0..READ).step_by(PIECE) {
        let Ok(piece) = read(&*shown, from, PIECE) else { continue };
        assert!((from + piece.len()) as u64 <= len.max(from as u64), "HE1: {} bytes at {from}", piece.len());
        if let Ok(whole) = &whole {
            let same = &whole[from.min(whole.len())..(from + piece.len()).min(whole.len())];
            assert_eq!(&piece[..same.len()], same, "HE2: at {from}");
        }
        if piece.is_empty() {
            break;
        }
    }
    // Near the end, and beyond it.
    for from in [len.saturating_sub(100), len, u64::MAX] {
        let mut piece = [0; 200];
        let held = shown.read_at(&mut piece, from);
        assert!(held.is_err() || from < len || held.is_ok_and(|held| held == 0), "HE1: beyond the end");
    }
}

/// What stands there, as far as it goes.
fn read(file: &dyn DiskFile, from: usize, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut held = 0;
    while held < most {
        match file.read_at(&mut bytes[held..], (from + held) as u64)? {
            0 => break,
            more => held += more,
        }
    }
    bytes.truncate(held);
    Ok(bytes)
}

/// Makes the checksums and hashes of a container hold, as docs/codecs.md draws it.
fn mend(bytes: &mut [u8]) {
    if bytes.len() < HEAD {
        return;
    }
    forge::sign(bytes, 0..HEAD - 4);
    let head = bytes[..HEAD].to_vec();
    let mut at = HEAD;
    while bytes[at..].starts_with(b"aBlk") && bytes.len() >= at + HEAD {
        let body = forge::word(bytes, at + 8).unwrap_or_default() as usize;
        let Some(body) = bytes.get(at + HEAD..(at + HEAD).saturating_add(body)) else { break };
        let hash = hash(&[&head, &bytes[at..at + 32], body].concat());
        let next = at + HEAD + body.len();
        bytes[at + 32..at + HEAD].copy_from_slice(&hash);
        at = next;
    }
    let Some(tail) = bytes.len().checked_sub(TAIL).filter(|tail| *tail >= HEAD) else { return };
    if !bytes.ends_with(b"annalsZT") {
        return;
    }
    bytes[tail..tail + HEAD].copy_from_slice(&head);
    let index = forge::long(bytes, tail + 64).and_then(|index| usize::try_from(index).ok());
    if let Some(entries) = index.and_then(|index| bytes.get(index..tail)) {
        let hash = hash(entries);
        bytes[tail + 80..tail + 112].copy_from_slice(&hash);
    }
    forge::sign(bytes, tail..tail + TAIL - 12);
}

/// A record's id is the BLAKE3 of its bytes, and that is what the container has, too.
fn hash(bytes: &[u8]) -> [u8; 32] {
    *RecordId::of(bytes).as_bytes()
}

/// Draws an encoded segment, or a plain one.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    static DRAWN: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let drawn = DRAWN.get_or_init(|| (0..24).filter_map(|seed| segment(seed).ok()).collect());
    let mut bytes = vec![rng.u8(..) & MEND];
    bytes.extend_from_slice(&drawn[rng.usize(..drawn.len())]);
    bytes
}

/// A sealed segment of a few groups, in a form that the seed says.
fn segment(seed: u64) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut rng = Rng::with_seed(seed);
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let options = Options { fill_ahead: false, ..options(1 << 20) };
    let journal = Journal::open_on(shared, Arc::new(ManualClock::at(1_000_000)), Path::new(DIR), options)?;
    for _ in 0..rng.usize(1..4) {
        let payloads: Vec<Vec<u8>> = (0..rng.u32(1..9)).map(|i| record(i, &mut rng)).collect();
        journal.append_batch(&payloads)?;
    }
    journal.seal()?;
    let mut paths: Vec<_> = disk.files(DIR)?.into_iter().filter(|path| base(path).is_some()).collect();
    paths.sort();
    let plain = Bytes(disk.read_file(&paths[0])?.into());
    let mut encoded = Vec::new();
    match Codec::ALL[seed as usize % Codec::ALL.len()] {
        Codec::Plain => encoded.extend_from_slice(&plain.0),
        codec => drop(codec::encode(&plain, &mut encoded, codec)?),
    }
    Ok(encoded)
}

/// A fact, mostly: the columns of facts are what there is most to be got wrong in.
fn record(i: u32, rng: &mut Rng) -> Vec<u8> {
    if rng.u32(..5) == 0 {
        return payload(rng);
    }
    let time = 1_700_000_000.0 + f64::from(i) * 1.5;
    let value = format!(r#"{{"c":{},"v":[{},true]}}"#, rng.u8(..30), rng.u32(..4000));
    let mut fact = Fact::new("temperature", format!("sensor-{}", i % 3), value, time);
    fact.valid_time = rng.bool().then_some(time - 1.0);
    fact.producer = rng.bool().then(|| "gate".to_owned());
    fact.causation = (rng.u32(..4) == 0).then(|| Cause::Fact(Offset::new(u64::from(i) * 8)));
    fact.to_payload().unwrap_or_default()
}

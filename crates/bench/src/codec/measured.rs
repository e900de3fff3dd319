//! One history in all its forms.

use std::io;
use std::time::Duration;

use annals_journal::DiskFile;
use annals_streams::codec::{self, Codec};
use rustix::time::{ClockId, clock_gettime};

use super::CODECS;
use super::compact_delta;
use super::dice::Dice;
use super::histories::{self, History};
use super::segment::{self, Segment};
use crate::outcome::Outcome;

/// How often a pass is timed: the best one counts.
const PASSES: usize = 3;
/// How many facts are read at random.
const READS: usize = 200;

/// What was measured of a history. Sizes are bytes a fact.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) history: History,
    /// Each fact has an id that was given elsewhere.
    pub(crate) foreign: bool,
    pub(crate) facts: usize,
    pub(crate) json: f64,
    /// It keeps no ids, so it is measured once.
    pub(crate) compact_delta: Option<f64>,
    pub(crate) zstd: Form,
    pub(crate) delta: Form,
}

/// A codec on a history.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Form {
    pub(crate) bytes: f64,
    /// Millions of facts a second, on one thread.
    pub(crate) encode: f64,
    /// ... decoded to their fields, every block's hash checked.
    pub(crate) to_facts: f64,
    /// ... to the frames of the plain segment, BLAKE3 and CRC32C of each computed.
    pub(crate) to_frames: f64,
    /// One fact at random, nothing of its block at hand: milliseconds, in the middle and of the
    /// 99th in a hundred.
    pub(crate) one_ms: (f64, f64),
}

/// Draws a history and puts it into every form.
pub(crate) fn measure(history: History, foreign: bool, count: usize, batch: usize) -> Outcome<Measured> {
    let mut facts = history.draw(count)?;
    if foreign {
        histories::make_foreign(&mut facts);
    }
    let segment = segment::write(&mut facts, batch)?;
    let each = |bytes: usize| bytes as f64 / facts.len() as f64;
    let compact_delta = if foreign { None } else { Some(each(compact_delta::len(&facts)?)) };
    let mut forms = [Form::default(); 2];
    for (form, codec) in forms.iter_mut().zip(CODECS) {
        *form = in_form(&segment, codec, facts.len())?;
    }
    let [zstd, delta] = forms;
    let json = each(segment.json);
    Ok(Measured { history, foreign, facts: facts.len(), json, compact_delta, zstd, delta })
}

fn in_form(segment: &Segment, codec: Codec, facts: usize) -> Outcome<Form> {
    let millions = |seconds: f64| facts as f64 / seconds / 1e6;
    let mut bytes = Vec::new();
    let began = worked();
    let encoded = codec::encode(&*segment.file, &mut bytes, codec)?;
    let encode = millions((worked() - began).as_secs_f64());
    if encoded.records != facts as u64 {
        return Err(format!("{} of {facts} facts were encoded", encoded.records).into());
    }
    let file = Encoded(bytes);
    codec::verify(&*segment.file, &file)?;
    let to_facts = best(|| Ok(codec::check(&file).map(drop)?))?;
    let mut buffer = vec![0; 1 << 20];
    let to_frames = best(|| {
        let shown = codec::open(Box::new(file.clone()))?;
        let (mut pos, len) = (0, shown.len()?);
        while pos < len {
            pos += shown.read_at(&mut buffer, pos)? as u64;
        }
        Ok(())
    })?;
    Ok(Form {
        bytes: file.0.len() as f64 / facts as f64,
        encode,
        to_facts: millions(to_facts),
        to_frames: millions(to_frames),
        one_ms: at_random(segment, &file)?,
    })
}

/// The best of a few passes, in seconds.
fn best(mut pass: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut best = f64::MAX;
    for _ in 0..PASSES {
        let began = worked();
        pass()?;
        best = best.min((worked() - began).as_secs_f64());
    }
    Ok(best)
}

/// How long this thread has been at work: what others do on the machine in the meantime does not count.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Facts at random, each through a file that was just opened, compared with the plain segment.
fn at_random(segment: &Segment, file: &Encoded) -> Outcome<(f64, f64)> {
    let mut dice = Dice::new(5);
    let mut times = Vec::with_capacity(READS);
    for _ in 0..READS {
        let place = *dice.one(&segment.places);
        let (mut found, mut plain) = (vec![0; 256], vec![0; 256]);
        let shown = codec::open(Box::new(file.clone()))?;
        let began = worked();
        let held = shown.read_at(&mut found, place)?;
        times.push((worked() - began).as_secs_f64() * 1e3);
        let same = segment.file.read_at(&mut plain, place)?.min(held);
        if found[..same] != plain[..same] || same == 0 {
            return Err(format!("the fact at byte {place} is another one").into());
        }
    }
    times.sort_by(f64::total_cmp);
    Ok((times[READS / 2], times[READS * 99 / 100]))
}

/// An encoded segment in memory.
#[derive(Clone, Debug)]
struct Encoded(Vec<u8>);

impl DiskFile for Encoded {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let rest = usize::try_from(pos).ok().and_then(|pos| self.0.get(pos..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
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

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

//! What an open finds, and the one decision it makes: clean end, torn tail, or damage.
//!
//!   segments by header and seal -> active segment scanned whole -> good end X -> judge what follows
//!
//! I2: bytes that were acknowledged are never cut. Damage is: the watermark W lies beyond X, or a later commit frame
//! verifies whose `durable_upto` lies beyond X. Only otherwise are bytes behind X a torn tail, and they are kept in
//! quarantine.
//! I8: after an unclean close everything from W to X is written again and synced: the page cache may hold, as clean,
//! bytes that the medium never got.
//! I9: recovery may be cut at any point and begun again; what it does is durable before the handle is given out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::{LogId, Offset, RecordId, Term};

use crate::catalog::{self, Segment};
use crate::clock::Clock;
use crate::disk::{self, Disk, Mode};
use crate::error::{Damage, Error};
use crate::keys::{self, Keys};
use crate::options::Options;
use crate::purged;
use crate::quarantine;
use crate::scan::{self, Scan, Step, Window};
use crate::seal::Seal;
use crate::segment::{self, FilePos, SegmentHeader};
use crate::source::Source;
use crate::status::{OpenReport, TornTail};
use crate::summary::Summary;
use crate::watermark::{self, Mark, Slots, Watermark};
use crate::writer::{self, Active, Writer};

/// How many bytes of record ids are hashed at once.
const IDS: usize = 256 << 10;

/// An opened journal, before anybody holds it.
pub(crate) struct Recovered {
    pub(crate) source: Source,
    pub(crate) watermark: Watermark,
    /// Absent when the journal is damaged where it would be written to.
    pub(crate) writer: Option<Writer>,
    pub(crate) log: LogId,
    pub(crate) report: OpenReport,
    /// The end of the last record, if the active segment holds one.
    pub(crate) last_record: Option<Offset>,
    pub(crate) keys: Keys,
}

/// What follows the good end.
enum Tail {
    Clean,
    Sealed(Box<Seal>),
    Torn { end: FilePos, reason: String },
    Damaged { damage: Damage, durable: Offset },
}

/// Creates a journal in an empty directory whose lock is held.
pub(crate) fn create(disk: &dyn Disk, clock: &dyn Clock, dir: &Path) -> Result<(), Error> {
    let header = SegmentHeader {
        log: new_log_id(dir)?,
        term: Term::FIRST,
        term_start: Offset::ZERO,
        base: Offset::ZERO,
        chain: [0; 32],
        records_before: 0,
        created_micros: clock.now_micros(),
        checkpoint: None,
        keys: None,
    };
    // A mark without a segment: the log was here, and is gone.
    let lost = watermark::any_mark(disk, dir)
        .map_err(|error| Error::io("read", &dir.join(watermark::FILE_NAME), error))?
        .filter(|mark| mark.durable > Offset::ZERO);
    if let Some(mark) = lost {
        let detail = format!(
            "every segment of log {} is missing; the watermark says {} was durable",
            mark.log, mark.durable
        );
        return Err(Error::Damaged(Damage { offset: Offset::ZERO, len: mark.durable.get(), detail }));
    }
    if disk
        .list(dir)
        .map_err(|error| Error::io("list", dir, error))?
        .iter()
        .any(|listed| listed.name == purged::FILE_NAME)
    {
        let detail = format!(
            "every segment is missing; {} says that there were some",
            dir.join(purged::FILE_NAME).display()
        );
        return Err(Error::Damaged(Damage { offset: Offset::ZERO, len: 0, detail }));
    }
    // The watermark's file first: a journal without one has lost it.
    Slots::open(disk, dir, header.log)
        .map_err(|error| Error::io("create", &dir.join(watermark::FILE_NAME), error))?;
    let prepared = writer::prepare(disk, dir, &segment::file_name(header.base), segment::HEADER_LEN)?;
    writer::birth(disk, dir, prepared, &header)?;
    tracing::info!(log = %header.log, dir = %dir.display(), "created a journal");
    Ok(())
}

fn new_log_id(dir: &Path) -> Result<LogId, Error> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::io("draw an identity for", dir, errno.into()))?;
    // Version 4, variant 1, as RFC 9562 marks a random UUID.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(LogId::from_bytes(bytes))
}

/// Brings a journal that exists to a state in which it can be written to, or says why it cannot.
pub(crate) fn recover(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    dir: PathBuf,
    options: Options,
) -> Result<Recovered, Error> {
    // A name may be there for this process and not for the medium: its own sync may have failed, or never been made.
    disk.sync_dir(&dir).map_err(|error| Error::io("sync", &dir, error))?;
    let segments = catalog::load(&*disk, &dir, &[])?;
    let log = log_of(&segments, &dir)?;
    let watermark_path = dir.join(watermark::FILE_NAME);
    let (slots, mark) =
        Slots::open(&*disk, &dir, log).map_err(|error| Error::io("open", &watermark_path, error))?;
    let Some(last) = segments.last().cloned() else {
        return Err(Error::Missing { path: dir });
    };
    let mut report = OpenReport::default();
    let source = Source::new(Arc::clone(&disk), dir.clone(), segments);
    let header = match &last.header {
        Ok(header) => header.clone(),
        Err(reason) => {
            let durable = mark.map_or(last.base, |mark| mark.durable.max(last.base));
            let len = durable.get() - last.base.get();
            report.damage =
                Some(Damage { offset: last.base, len, detail: format!("{}: {reason}", last.path.display()) });
            return Ok(refused(source, log, durable, report));
        }
    };
    let file = disk.open(&last.path, Mode::Write).map_err(|error| Error::io("open", &last.path, error))?;
    let failed = |error| Error::io("read", &last.path, error);
    let allocated = file.len().map_err(failed)?;
    let mut active = Active::new(header.clone(), last.path.clone(), file, allocated);
    let mut keys = keys::load(&source, &header, options.remember_keys)?;
    let (tail, last_record) = scan_active(&mut active, mark, &mut keys).map_err(failed)?;
    report.records = header.records_before + active.summary.records;
    let written = mark.map_or(header.base, |mark| mark.durable.clamp(header.base, active.end()));
    // A seal's own sync may have failed: it is written again too.
    let written_end = match &tail {
        Tail::Sealed(seal) => seal.next_base(),
        _ => active.end(),
    };
    let needs_rewrite = !mark.is_some_and(|mark| mark.clean && mark.durable == written_end);
    let end = active.end();
    let mut writer = match tail {
        Tail::Damaged { damage, durable } => {
            tracing::error!(offset = %damage.offset, len = damage.len, detail = %damage.detail, "the journal is damaged; nothing was cut");
            report.damage = Some(damage);
            return Ok(refused(source, log, durable, report));
        }
        _ => Writer::new(disk, clock, dir, options, active, slots, written),
    };
    if needs_rewrite {
        report.rewritten_bytes = writer.rewrite(written, written_end)?;
    }
    writer.durable = end;
    let watermark = Watermark::new(end);
    match tail {
        Tail::Torn { end: torn_end, reason } => {
            report.torn = Some(cut(&mut writer, torn_end, reason, &keys, &source, &watermark)?);
        }
        Tail::Sealed(seal) => {
            let name = segment::file_name(seal.next_base());
            let next = writer::prepare(&*writer.disk, &writer.dir, &name, options.segment_bytes)?;
            writer.keep(&keys, seal.next_base())?;
            writer.finish_roll(&seal, next, keys.oldest(), &source, &watermark)?;
        }
        Tail::Clean | Tail::Damaged { .. } => {}
    }
    writer.publish_durably()?;
    remove_temporaries(&writer)?;
    purged::finish(&*writer.disk, &writer.dir, log)?;
    tracing::info!(log = %log, next = %writer.durable, rewritten = report.rewritten_bytes, torn = report.torn.is_some(), "opened a journal");
    Ok(Recovered { source, watermark, writer: Some(writer), log, report, last_record, keys })
}

/// A journal that can be read around its damage, and not written to.
fn refused(source: Source, log: LogId, durable: Offset, report: OpenReport) -> Recovered {
    let watermark = Watermark::new(durable);
    Recovered { source, watermark, writer: None, log, report, last_record: None, keys: Keys::default() }
}

/// The log's identity, from the first header that verifies.
pub(crate) fn log_of(segments: &[Arc<Segment>], dir: &Path) -> Result<LogId, Error> {
    let Some(first) = segments.first() else {
        return Err(Error::Missing { path: dir.to_owned() });
    };
    segments.iter().find_map(|segment| segment.header.as_ref().ok().map(|header| header.log)).ok_or_else(
        || {
            let detail = match &first.header {
                Err(reason) => {
                    format!("no segment has a header that verifies; {}: {reason}", first.path.display())
                }
                Ok(_) => String::new(),
            };
            Error::Damaged(Damage { offset: first.base, len: 0, detail })
        },
    )
}

/// Scans the active segment whole and judges what follows its good end.
fn scan_active(
    active: &mut Active,
    mark: Option<Mark>,
    keys: &mut Keys,
) -> io::Result<(Tail, Option<Offset>)> {
    let header = Arc::clone(&active.header);
    let mut summary = Summary::new(&header);
    let (mut checkpoint, mut last_record) = (None, None);
    let mut scan = Scan::new(&header, Window::new(&*active.file, u64::MAX)?, header.base).with_ids();
    let (reason, seal) = loop {
        match scan.step()? {
            Step::Group(group) => {
                summary.absorb_group(&group);
                checkpoint = scan.checkpoint.or(checkpoint);
                last_record = scan.last_record.or(last_record);
                keys.add_scanned(&scan.keys, header.base);
            }
            Step::Seal(seal) => break (None, Some(seal)),
            Step::End => break (None, None),
            Step::Bad(reason) => break (Some(reason), None),
        }
        if scan.ids.len() >= IDS {
            summary.absorb_ids(&scan.ids);
            scan.ids.clear();
        }
    };
    summary.absorb_ids(&scan.ids);
    let end = scan.position();
    assert!(summary.end == end, "I2: groups up to {}, scanned up to {end}", summary.end);
    let tail = judge(&header, scan.into_window(), end, seal, reason.as_deref(), mark)?;
    active.summary = summary;
    active.checkpoint = checkpoint.or(active.checkpoint);
    Ok((tail, last_record))
}

fn judge(
    header: &SegmentHeader,
    mut window: Window<'_>,
    end: Offset,
    seal: Option<Box<Seal>>,
    reason: Option<&str>,
    mark: Option<Mark>,
) -> io::Result<Tail> {
    let good_end = seal.as_ref().map_or(end, |seal| seal.next_base());
    let watermark = mark.map_or(header.base, |mark| mark.durable);
    let newer_term = mark.filter(|mark| mark.term > header.term);
    // The last landmark is where readers can go to; the first one that vouches for X tells damage from a torn tail.
    let (mut vouched, mut resume, mut last) = (None, None, good_end);
    let start = header.file_pos(good_end);
    let bytes_end = scan::end_of_bytes(&mut window, start)?;
    window.shorten(bytes_end);
    let mut from = Offset::new(good_end.get() + 8);
    while let Some(landmark) = scan::next_landmark(header, &mut window, from)? {
        if landmark.durable_upto > good_end {
            vouched.get_or_insert(landmark.durable_upto);
        }
        resume.get_or_insert(landmark.resume);
        last = landmark.end.max(last);
        from = landmark.end;
    }
    let found = || {
        reason
            .map_or_else(|| scan::describe(header, good_end, "zeros, or the end of the file"), str::to_owned)
    };
    if watermark > good_end || vouched.is_some() || newer_term.is_some() {
        let why = match (newer_term, vouched) {
            (Some(mark), _) => {
                format!("the watermark is of term {}, the newest segment of {}", mark.term, header.term)
            }
            (None, Some(vouched)) => {
                format!("a later commit frame says that all below {vouched} was durable")
            }
            (None, None) => format!("the watermark says that all below {watermark} was durable"),
        };
        let durable = last.max(watermark);
        let len = resume.unwrap_or(durable).get().saturating_sub(good_end.get());
        let damage = Damage { offset: good_end, len, detail: format!("{}; {why}", found()) };
        return Ok(Tail::Damaged { damage, durable });
    }
    if let Some(seal) = seal {
        return Ok(Tail::Sealed(seal));
    }
    Ok(if bytes_end > start { Tail::Torn { end: bytes_end, reason: found() } } else { Tail::Clean })
}

/// A torn tail: kept in quarantine; the segment is sealed and cut in its place, and the next one begins in a new term.
fn cut(
    writer: &mut Writer,
    torn_end: FilePos,
    reason: String,
    keys: &Keys,
    source: &Source,
    watermark: &Watermark,
) -> Result<TornTail, Error> {
    let offset = writer.active.end();
    let start = writer.active.header.file_pos(offset);
    let failed = |error| Error::io("read", &writer.active.path, error);
    let mut bytes = vec![0; (torn_end.0 - start.0) as usize];
    let read = disk::read_full(&*writer.active.file, &mut bytes, start.0).map_err(failed)?;
    bytes.truncate(read);
    let now = writer.clock.now_micros();
    let term = Term::new(writer.active.header.term.get() + 1);
    let torn = TornTail {
        offset,
        bytes: bytes.len() as u64,
        reason,
        quarantine: quarantine::keep(&*writer.disk, &writer.dir, offset, term, now, &bytes)?,
    };
    tracing::warn!(%offset, bytes = torn.bytes, reason = %torn.reason, quarantine = %torn.quarantine.display(), "cut a torn tail");
    // The seal overwrites the beginning of the tail and the file is cut behind it, so nothing of the tail is left; and the
    // seal itself says that a new term begins, so no crash in between can forget it.
    writer.roll(term, keys, source, watermark)?;
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&1_u64.to_le_bytes());
    body.extend_from_slice(&offset.get().to_le_bytes());
    body.extend_from_slice(&torn.bytes.to_le_bytes());
    body.extend_from_slice(&now.to_le_bytes());
    body.extend_from_slice(RecordId::of(&bytes).as_bytes());
    writer.audit(&body, watermark)?;
    Ok(torn)
}

/// Files under temporary names are never needed: what they became has another name.
fn remove_temporaries(writer: &Writer) -> Result<(), Error> {
    let listed = writer.disk.list(&writer.dir).map_err(|error| Error::io("list", &writer.dir, error))?;
    for name in listed.iter().map(|listed| &listed.name).filter(|name| name.ends_with(".tmp")) {
        let path = writer.dir.join(name);
        writer.disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
    }
    Ok(())
}

/// Whether a file of this name belongs in a journal's directory.
pub(crate) fn is_ours(name: &str) -> bool {
    let named = name.strip_suffix(".tmp").unwrap_or(name);
    name == format!("{}.tmp", crate::keeper::NEXT)
        || named == keys::FILE_NAME
        || named == watermark::FILE_NAME
        || named == crate::journal::LOCK_FILE
        || named == purged::FILE_NAME
        || segment::base_of(named).is_some()
}

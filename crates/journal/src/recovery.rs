//! What an open finds, and what it does about it before anybody holds the journal.
//!
//!   segments by header and seal, holes, watermark -> the newest segment is judged -> rewritten, cut, rolled
//!
//! I2: bytes that were acknowledged are never cut: on damage nothing is done. A torn tail is kept in quarantine.
//! I8: after an unclean close everything that neither W nor a group says was durable is written again and synced: the page
//! cache may hold, as clean, bytes that the medium never got.
//! I9: recovery may be cut at any point and begun again; what it does is durable before the handle is given out. A
//! salvage is finished here: all it decides stands in the list of holes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_record::seeded::{self, Bug};
use annals_record::{LogId, Offset, Term};

use crate::backup;
use crate::catalog::{self, Segment};
use crate::clock::Clock;
use crate::disk::{Disk, DiskFile, Listed, Mode};
use crate::error::{Damage, Error};
use crate::holes::{self, Hole, Holes};
use crate::judgement::{Ending, Judgement, judge};
use crate::keeper;
use crate::keys::{self, Keys};
use crate::options::Options;
use crate::purged;
use crate::quarantine::{self, QuarantineReceipt, Quarantined, Take};
use crate::scan::{Scan, Step, Window};
use crate::segment::{self, FilePos, SegmentHeader};
use crate::source::Source;
use crate::spare::Prepared;
use crate::status::{OpenReport, TornTail};
use crate::watermark::{self, Mark, Slots, Watermark};
use crate::writer::{Active, Writer};

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
    Prepared::new(disk, dir, &segment::file_name(header.base), segment::HEADER_LEN)?
        .born(disk, dir, &header)?;
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

/// What is known of a journal before anything is done about it. Nothing was written to find it out.
pub(crate) struct Survey {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) log: LogId,
    pub(crate) holes: Holes,
    /// What the watermark says; none if it is lost, or has not said anything yet.
    pub(crate) mark: Option<Mark>,
    /// Where the log goes on if a hole is its newest part: the header of the segment to be born there.
    pub(crate) behind: Option<SegmentHeader>,
}

impl Survey {
    pub(crate) fn of(disk: &dyn Disk, dir: &Path, now_micros: i64) -> Result<Self, Error> {
        let segments = catalog::load(disk, dir, &[]).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::Missing { path: dir.to_owned() }
            }
            other => other,
        })?;
        let log = log_of(disk, dir, &segments)?;
        let holes = Holes::load(disk, dir, log)?;
        let mark = watermark::mark_of(disk, dir, log)
            .map_err(|error| Error::io("read", &dir.join(watermark::FILE_NAME), error))?;
        let mut survey = Self { segments, log, holes, mark, behind: None };
        survey.behind = survey.header_behind(disk, now_micros)?;
        Ok(survey)
    }

    /// The header of the segment behind a hole that is the log's newest part, if that was not born yet.
    fn header_behind(&self, disk: &dyn Disk, now_micros: i64) -> Result<Option<SegmentHeader>, Error> {
        let Some(term) = self.holes.term().filter(|term| self.mark.is_none_or(|mark| mark.term < *term))
        else {
            return Ok(None);
        };
        let (mut end, mut seal) = (Offset::ZERO, None);
        if let Some(last) = self.segments.last() {
            end = last.base;
            if let Ok(header) = &last.header {
                let failed = |error| Error::io("read", &last.path, error);
                let file = disk.open(&last.path, Mode::Read).map_err(failed)?;
                let Ok(found) = catalog::read_seal(&*file, header).map_err(failed)? else { return Ok(None) };
                end = found.next_base();
                seal = Some(found.sealed());
            }
        }
        if self.holes.beginning(end).is_none_or(|hole| hole.len == 0 && seal.is_none()) {
            return Ok(None);
        }
        let base = self.holes.bridge(end);
        // Hash and count go on from the last that are known.
        let (mut chain, mut records_before, mut carried) = ([0; 32], 0, Carried::default());
        for segment in self.segments.iter().rev() {
            if let Ok(header) = &segment.header {
                let seal = segment.seal.or(seal);
                chain = seal.map_or(header.chain, |seal| seal.chain);
                records_before = header.records_before + seal.map_or(0, |seal| seal.records);
                let failed = |error| Error::io("read", &segment.path, error);
                let file = disk.open(&segment.path, Mode::Read).map_err(failed)?;
                carried = Carried::behind(header, &*file, &self.holes).map_err(failed)?;
                break;
            }
        }
        let (log, Carried { checkpoint, keys }) = (self.log, carried);
        Ok(Some(SegmentHeader {
            log,
            term,
            term_start: base,
            base,
            chain,
            records_before,
            created_micros: now_micros,
            checkpoint,
            keys,
        }))
    }
}

/// What a segment's header carries on from the segments before it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) checkpoint: Option<Offset>,
    pub(crate) keys: Option<Offset>,
}

impl Carried {
    /// Behind this segment, as far as it verifies.
    pub(crate) fn behind(header: &SegmentHeader, file: &dyn DiskFile, holes: &Holes) -> io::Result<Self> {
        let mut carried = Self { checkpoint: header.checkpoint, keys: header.keys };
        let mut scan = Scan::new(header, Window::new(file, u64::MAX)?, header.base).over(holes.clone());
        while let Step::Group(_) = scan.step()? {
            carried.checkpoint = scan.checkpoint.or(carried.checkpoint);
            carried.keys = carried.keys.or(scan.keys.first().map(|(_, _, first)| *first));
        }
        Ok(carried)
    }
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
    let mut survey = Survey::of(&*disk, &dir, clock.now_micros())?;
    if let Some(header) = survey.behind.take() {
        Prepared::new(&*disk, &dir, &segment::file_name(header.base), options.first_reserve())?
            .born(&*disk, &dir, &header)?;
        tracing::warn!(base = %header.base, term = %header.term, "the log goes on behind a hole");
        survey.segments = catalog::load(&*disk, &dir, &[])?;
    }
    let Survey { segments, log, holes, .. } = survey;
    let watermark_path = dir.join(watermark::FILE_NAME);
    let (slots, mark) =
        Slots::open(&*disk, &dir, log).map_err(|error| Error::io("open", &watermark_path, error))?;
    let Some(last) = segments.last().cloned() else {
        let len = mark.map_or(0, |mark| mark.durable.get());
        return Err(Error::Damaged(Damage {
            offset: Offset::ZERO,
            len,
            detail: "every segment is missing".to_owned(),
        }));
    };
    let mut report = OpenReport::default();
    let source = Source::new(Arc::clone(&disk), dir.clone(), segments, holes.clone());
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
    let mut keys = keys::load(&source, &header, options.remember_keys)?;
    let judgement = judge(&header, &*file, mark, &holes, Some(&mut keys)).map_err(failed)?;
    let (written_end, needs_rewrite) = (judgement.written(), judgement.is_unclean(mark));
    let durable = judgement.durable();
    let vouched = judgement.vouched(mark, header.base);
    let Judgement { summary, ending, checkpoint, last_record, .. } = judgement;
    report.records = header.records_before + summary.records;
    if let Some(damage) = holes.damage() {
        tracing::error!(detail = %damage.detail, "the journal is not written to");
        report.damage = Some(damage);
    }
    if let Ending::Damaged { damage, .. } = &ending {
        tracing::error!(offset = %damage.offset, len = damage.len, detail = %damage.detail, "the journal is damaged; nothing was cut");
        report.damage = Some(damage.clone());
    }
    if report.damage.is_some() {
        return Ok(refused(source, log, durable, report));
    }
    // What is lost may reach beyond what the file holds.
    let reach = header.file_pos(summary.end).0;
    if file.len().map_err(failed)? < reach {
        let extended = file.set_len(reach).and_then(|()| file.sync());
        extended.map_err(|error| Error::io("extend", &last.path, error))?;
    }
    let allocated = file.len().map_err(failed)?;
    let mut active = Active::new(header.clone(), last.path.clone(), file.into(), allocated, 0);
    active.summary = summary;
    active.checkpoint = checkpoint.or(active.checkpoint);
    let end = active.end();
    let written = vouched.min(end);
    let mut writer = Writer::new(disk, clock, dir, options, active, slots, written);
    if needs_rewrite {
        report.rewritten_bytes = writer.rewrite(written, written_end)?;
    }
    writer.durable = end;
    let watermark = Watermark::new(end);
    watermark.count(writer.records());
    match ending {
        Ending::Torn { end: torn_end, reason } => {
            report.torn = Some(cut(&mut writer, torn_end, reason, &holes, &keys, &source, &watermark)?);
        }
        Ending::Sealed(seal) => {
            let name = segment::file_name(seal.next_base());
            let next = Prepared::new(&*writer.disk, &writer.dir, &name, options.first_reserve())?;
            writer.keep(&keys, seal.next_base())?;
            writer.finish_roll(&seal, next, keys.oldest(), &source, &watermark)?;
        }
        Ending::Clean | Ending::Damaged { .. } => {}
    }
    finish_salvage(&mut writer, &holes, &keys, &source, &watermark)?;
    writer.publish_durably()?;
    remove_temporaries(&writer)?;
    purged::finish(&*writer.disk, &writer.dir, log)?;
    tracing::info!(log = %log, next = %writer.durable, rewritten = report.rewritten_bytes, torn = report.torn.is_some(), "opened a journal");
    Ok(Recovered { source, watermark, writer: Some(writer), log, report, last_record, keys })
}

/// A journal that can be read around its damage, and not written to.
fn refused(source: Source, log: LogId, durable: Offset, report: OpenReport) -> Recovered {
    let watermark = Watermark::new(durable);
    watermark.count(report.records);
    Recovered { source, watermark, writer: None, log, report, last_record: None, keys: Keys::default() }
}

/// The log's identity, from the first header that verifies, or from the watermark.
pub(crate) fn log_of(disk: &dyn Disk, dir: &Path, segments: &[Arc<Segment>]) -> Result<LogId, Error> {
    let of_headers =
        segments.iter().find_map(|segment| segment.header.as_ref().ok().map(|header| header.log));
    if let Some(log) = of_headers {
        return Ok(log);
    }
    let mark = watermark::any_mark(disk, dir)
        .map_err(|error| Error::io("read", &dir.join(watermark::FILE_NAME), error))?;
    match (mark, segments.first()) {
        (Some(mark), Some(_)) => Ok(mark.log),
        (Some(mark), None) if mark.durable > Offset::ZERO => Ok(mark.log),
        (_, None) => Err(Error::Missing { path: dir.to_owned() }),
        (None, Some(first)) => {
            let reason = first.header.as_ref().err().map_or("", String::as_str);
            let detail = format!("no segment has a header that verifies; {}: {reason}", first.path.display());
            Err(Error::Damaged(Damage { offset: first.base, len: 0, detail }))
        }
    }
}

/// A torn tail: kept in quarantine; the segment is sealed and cut in its place, and the next one begins in a new term.
fn cut(
    writer: &mut Writer,
    torn_end: FilePos,
    reason: String,
    holes: &Holes,
    keys: &Keys,
    source: &Source,
    watermark: &Watermark,
) -> Result<TornTail, Error> {
    let offset = writer.active.end();
    let start = writer.active.header.file_pos(offset);
    let now_micros = writer.clock.now_micros();
    let same = seeded::is_on(Bug::TermNotRaised);
    let present = writer.active.header.term;
    let term = if same { present } else { next_term(present) }.max(holes.term().unwrap_or(Term::FIRST));
    let kept = quarantine::keep(
        &*writer.disk,
        &writer.dir,
        &Take {
            kind: Quarantined::Torn,
            offset,
            term,
            now_micros,
            file: &*writer.active.file,
            pos: start.0,
            len: torn_end.0 - start.0,
        },
    )?;
    let torn = TornTail { offset, bytes: kept.bytes, reason, quarantine: kept.path };
    tracing::warn!(%offset, bytes = torn.bytes, reason = %torn.reason, quarantine = %torn.quarantine.display(), "cut a torn tail");
    // The seal overwrites the beginning of the tail and the file is cut behind it, so nothing of the tail is left; and the
    // seal itself says that a new term begins, so no crash in between can forget it.
    writer.roll(term, keys, source, watermark)?;
    let mut body = Vec::with_capacity(64);
    body.extend_from_slice(&1_u64.to_le_bytes());
    body.extend_from_slice(&offset.get().to_le_bytes());
    body.extend_from_slice(&torn.bytes.to_le_bytes());
    body.extend_from_slice(&now_micros.to_le_bytes());
    body.extend_from_slice(kept.blake3.as_bytes());
    writer.audit(&body, watermark)?;
    Ok(torn)
}

/// The term after this one.
pub(crate) fn next_term(term: Term) -> Term {
    Term::new(term.get().saturating_add(1))
}

/// What a salvage has listed as lost begins a term of its own, and that term begins with a word on it.
fn finish_salvage(
    writer: &mut Writer,
    holes: &Holes,
    keys: &Keys,
    source: &Source,
    watermark: &Watermark,
) -> Result<(), Error> {
    let Some(term) = holes.term() else { return Ok(()) };
    if writer.active.header.term < term {
        writer.roll(term, keys, source, watermark)?;
    }
    let header = &writer.active.header;
    let begins = header.term_start == header.base && writer.active.summary.groups == 0;
    if header.term != term || !begins {
        return Ok(());
    }
    let lost: Vec<&Hole> = holes.list().iter().filter(|hole| hole.term == term).collect();
    tracing::warn!(holes = lost.len(), %term, "a salvage is finished");
    let body = audit_body(writer.clock.now_micros(), &lost, &[]);
    writer.audit(&body, watermark)
}

/// What an audit frame says of a salvage: the holes it listed and the bytes it wrote over.
pub(crate) fn audit_body(now_micros: i64, lost: &[&Hole], mended: &[QuarantineReceipt]) -> Vec<u8> {
    let mut body = Vec::with_capacity(32 + 48 * (lost.len() + mended.len()));
    body.extend_from_slice(&2_u64.to_le_bytes());
    body.extend_from_slice(&now_micros.to_le_bytes());
    body.extend_from_slice(&(lost.len() as u64).to_le_bytes());
    body.extend_from_slice(&(mended.len() as u64).to_le_bytes());
    let of_holes = lost.iter().map(|hole| {
        (hole.offset, hole.len, hole.kept.as_ref().map_or([0; 32], |(_, blake3)| *blake3.as_bytes()))
    });
    let of_mended = mended.iter().map(|kept| (kept.offset, kept.bytes, *kept.blake3.as_bytes()));
    for (offset, len, blake3) in of_holes.chain(of_mended) {
        body.extend_from_slice(&offset.get().to_le_bytes());
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(&blake3);
    }
    body
}

/// Files under temporary names are never needed: what they became has another name. All but the next segment's, if it is
/// as this writer would make it.
fn remove_temporaries(writer: &Writer) -> Result<(), Error> {
    let listed = writer.disk.list(&writer.dir).map_err(|error| Error::io("list", &writer.dir, error))?;
    for Listed { name, len } in listed.iter().filter(|listed| listed.name.ends_with(".tmp")) {
        let (path, options) = (writer.dir.join(name), &writer.options);
        if is_spare(name)
            && options.prepares_ahead()
            && *len == options.first_reserve()
            && let Ok(left) = Prepared::left(&*writer.disk, path.clone(), *len)
        {
            writer.spare.put(left);
            continue;
        }
        writer.disk.remove(&path).map_err(|error| Error::io("remove", &path, error))?;
    }
    Ok(())
}

/// Whether a file of this name is made ahead, for the segment to come.
pub(crate) fn is_spare(name: &str) -> bool {
    name.strip_suffix(".tmp") == Some(keeper::NEXT)
}

/// Whether a file of this name belongs in a journal's directory.
pub(crate) fn is_ours(name: &str) -> bool {
    let named = name.strip_suffix(".tmp").unwrap_or(name);
    is_spare(name)
        || named == keys::FILE_NAME
        || named == watermark::FILE_NAME
        || named == crate::journal::LOCK_FILE
        || named == holes::FILE_NAME
        || named == purged::FILE_NAME
        || named == backup::receipt::FILE_NAME
        || segment::base_of(named).is_some()
}

#[cfg(test)]
mod tests;

//! The one decision about a journal's end: clean, torn, or damaged.
//!
//!   newest segment scanned whole -> good end X -> judge what follows
//!
//! I2: bytes that were acknowledged are never cut. Damage is: the watermark W lies beyond X, or a later commit frame
//! verifies whose `durable_upto` lies beyond X. Only otherwise are bytes behind X a torn tail.
//! What opens, repairs, diagnoses and salvages asks here; nothing here writes.

use std::io;

use annals_record::Offset;
use annals_record::seeded::{self, Bug};

use crate::disk::DiskFile;
use crate::error::Damage;
use crate::holes::Holes;
use crate::keys::Keys;
use crate::part::{self, Parts};
use crate::scan::{self, Step, Window};
use crate::seal::Seal;
use crate::segment::{FilePos, SegmentHeader};
use crate::summary::Summary;
use crate::watermark::Mark;

/// What was found of the newest segment.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The groups up to the good end, holes passed over.
    pub(crate) summary: Summary,
    pub(crate) ending: Ending,
    /// The segment's last checkpoint.
    pub(crate) checkpoint: Option<Offset>,
    /// The end of its last record.
    pub(crate) last_record: Option<Offset>,
    /// What its groups and its seal say was durable when they were written.
    pub(crate) durable_upto: Offset,
}

/// What follows the good end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Nothing but zeros.
    Clean,
    /// The segment's seal: the next one was not born yet.
    Sealed(Box<Seal>),
    /// Bytes that nothing vouches for, up to this one.
    Torn { end: FilePos, reason: String },
    /// Something says that all below `durable` was durable.
    Damaged { damage: Damage, durable: Offset },
}

impl Judgement {
    /// The first place that is not known to have been durable.
    pub(crate) fn durable(&self) -> Offset {
        match &self.ending {
            Ending::Damaged { durable, .. } => *durable,
            _ => self.summary.end,
        }
    }

    /// The first place that was not written in full.
    pub(crate) fn written(&self) -> Offset {
        match &self.ending {
            Ending::Sealed(seal) => seal.next_base(),
            _ => self.summary.end,
        }
    }

    /// From here on an open has to write again what the medium may not have: what nobody says was durable. Without a mark that is
    /// everything.
    pub(crate) fn vouched(&self, mark: Option<Mark>, base: Offset) -> Offset {
        let durable = mark.map_or(base, |mark| mark.durable.max(self.durable_upto));
        durable.clamp(base, self.written())
    }

    /// Whether an open has to write again what the medium may not have: see I8.
    pub(crate) fn is_unclean(&self, mark: Option<Mark>) -> bool {
        !mark.is_some_and(|mark| mark.clean && mark.durable == self.written())
    }
}

/// Scans the newest segment whole and judges what follows its good end. Idempotency keys are added to `keys`.
pub(crate) fn judge(
    header: &SegmentHeader,
    file: &dyn DiskFile,
    mark: Option<Mark>,
    holes: &Holes,
    mut keys: Option<&mut Keys>,
) -> io::Result<Judgement> {
    let mut summary = Summary::new(header);
    let (mut checkpoint, mut last_record, mut durable_upto) = (None, None, header.base);
    let mut parts = Parts::new(header, file, holes)?;
    let (ending, end) = loop {
        let (reason, seal) = loop {
            let (part, stop) = parts.next()?;
            summary.join(&part.summary);
            summary.absorb_ids(&part.ids);
            checkpoint = part.checkpoint.or(checkpoint);
            last_record = part.last_record.or(last_record);
            durable_upto = durable_upto.max(part.durable_upto);
            if let Some(keys) = &mut keys {
                keys.add_scanned(&part.keys, header.base);
            }
            match stop {
                Some(Step::Seal(seal)) => break (None, Some(seal)),
                Some(Step::Bad(reason)) => break (Some(reason), None),
                Some(Step::End) => break (None, None),
                Some(Step::Group(_)) | None => {}
            }
        };
        let end = parts.position();
        let ending = ending(header, file, end, seal, reason.as_deref(), mark, holes)?;
        // Who looks on beside the writer has found the end before it looked behind it.
        if matches!(ending, Ending::Clean) || !parts.goes_on()? {
            break (ending, end);
        }
    };
    if let Ending::Sealed(_) = ending {
        durable_upto = end;
    }
    assert!(holes.bridge(summary.end) == end, "I2: groups up to {}, scanned up to {end}", summary.end);
    summary.pass(end);
    Ok(Judgement { summary, ending, checkpoint, last_record, durable_upto })
}

fn ending(
    header: &SegmentHeader,
    file: &dyn DiskFile,
    end: Offset,
    seal: Option<Box<Seal>>,
    reason: Option<&str>,
    mark: Option<Mark>,
    holes: &Holes,
) -> io::Result<Ending> {
    let good_end = seal.as_ref().map_or(end, |seal| seal.next_base());
    let watermark = mark.map_or(header.base, |mark| mark.durable);
    // A salvage that knew of the mark's term began a newer one.
    let newer_term =
        mark.filter(|mark| mark.term > header.term && holes.term().is_none_or(|term| term <= mark.term));
    // The last landmark is where readers can go to; the first one that vouches for X tells damage from a torn tail.
    let (mut vouched, mut resume, mut last) = (None, None, good_end);
    let start = header.file_pos(good_end);
    let bytes_end = part::end_of_bytes(file, start)?;
    let mut window = Window::new(file, u64::MAX)?;
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
    let damaged = watermark > good_end || vouched.is_some() || newer_term.is_some();
    if damaged && !seeded::is_on(Bug::CutDamage) {
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
        return Ok(Ending::Damaged { damage, durable });
    }
    if let Some(seal) = seal {
        return Ok(Ending::Sealed(seal));
    }
    Ok(if bytes_end > start { Ending::Torn { end: bytes_end, reason: found() } } else { Ending::Clean })
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;

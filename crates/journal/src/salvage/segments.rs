//! The plan of a salvage, segment by segment, oldest first: each is mended in memory, and what then still does not verify
//! is lost.
//!
//!   header (from the segment before) -> groups (from what is left of them, or by id) -> seal (from the groups)

use std::io;
use std::path::Path;

use annals_record::{Offset, Term};

use super::header::{Before, mend_header};
use super::overlay::{Overlay, Patch};
use super::{Known, Loss, Mending, SalvagePlan};
use crate::catalog::Segment;
use crate::disk::{self, Disk, DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::inspection::{Inspection, Subject, inspect};
use crate::judgement::judge;
use crate::mend::{Refill, mend};
use crate::recovery::{Carried, Survey, next_term};
use crate::scan::{self, Window};
use crate::seal::Seal;
use crate::segment::{FilePos, HEADER_LEN, SegmentHeader};

/// No longer range is mended, for it is held in memory; a longer one is lost.
const MAX_MEND: u64 = 1 << 29;

/// Plans the salvage of the journal that was surveyed.
pub(super) fn plan(
    disk: &dyn Disk,
    dir: &Path,
    survey: &Survey,
    refill: &dyn Refill,
) -> Result<SalvagePlan, Error> {
    let mut planner = Planner {
        disk,
        survey,
        refill,
        before: Some(Before::FIRST),
        newest_term: None,
        plan: SalvagePlan {
            mended: Vec::new(),
            lost: Vec::new(),
            list: survey.holes.flaw.clone(),
            unfinished: false,
            term: Term::FIRST,
        },
    };
    let (mut end, mut term) = (Offset::ZERO, survey.mark.map(|mark| mark.term).max(survey.holes.term()));
    for (i, segment) in survey.segments.iter().enumerate() {
        end = planner.segment(segment, survey.segments.get(i + 1).map(|next| &**next))?;
        // A seal may name a term that no segment has.
        term = term.max(planner.before.map(|before| before.term));
    }
    planner.missing(dir, end);
    let newest_term = planner.newest_term;
    let mut plan = planner.plan;
    plan.unfinished = survey.behind.is_some() || survey.holes.term() > newest_term;
    plan.term = next_term(term.max(newest_term).unwrap_or(Term::FIRST));
    Ok(plan)
}

struct Planner<'a> {
    disk: &'a dyn Disk,
    survey: &'a Survey,
    refill: &'a dyn Refill,
    /// What the next segment's header must say, if the segments so far are known well enough.
    before: Option<Before>,
    /// Of the headers so far, those made whole included.
    newest_term: Option<Term>,
    plan: SalvagePlan,
}

impl Planner<'_> {
    /// Plans one segment; returns where it ends.
    fn segment(&mut self, segment: &Segment, next: Option<&Segment>) -> Result<Offset, Error> {
        let failed = |error| Error::io("read", &segment.path, error);
        let before = self.before.take().filter(|before| before.base == segment.base);
        let listed_to = self.survey.holes.bridge(segment.base);
        let is_listed = match segment.next {
            Some(next) => listed_to >= next,
            None => segment.header.is_err() && self.survey.behind.is_some(),
        };
        if is_listed {
            return Ok(listed_to);
        }
        let file = match self.disk.open(&segment.path, Mode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(failed)?),
        };
        let Some(file) = file else {
            return self.whole_segment(segment, None).map_err(failed);
        };
        let mut overlay = Overlay { file, patches: Vec::new() };
        let header = if let Ok(header) = &segment.header {
            header.clone()
        } else {
            let (log, base) = (self.survey.log, segment.base);
            let may_be_empty =
                segment.next.is_none() && self.survey.mark.is_none_or(|mark| mark.durable <= base);
            match mend_header(&overlay, log, base, before, may_be_empty).map_err(failed)? {
                None => return self.whole_segment(segment, Some(&*overlay.file)).map_err(failed),
                Some(header) => {
                    overlay.patch(0, header.encode(), Known::Header);
                    header
                }
            }
        };
        self.newest_term = self.newest_term.max(Some(header.term));
        let end = match segment.next {
            Some(next) => next,
            None => {
                let judgement =
                    judge(&header, &overlay, self.survey.mark, &self.survey.holes, None).map_err(failed)?;
                Offset::new(judgement.durable().max(judgement.written()).get().next_multiple_of(8))
            }
        };
        let found = self.mend_segment(segment, &header, end, next, &mut overlay).map_err(failed)?;
        if let Some(seal) = &found.seal {
            let carried = Carried::behind(&header, &overlay, &self.survey.holes).map_err(failed)?;
            self.before = Some(Before::behind(&header, seal, carried));
        }
        let sealed_end = found.seal.as_ref().map(|seal| seal.next_base());
        let sealed = segment.next.is_some() || found.seal.is_some();
        for Damage { offset, len, detail } in found.damaged {
            let at = Some((segment.path.clone(), header.file_pos(offset).0, len));
            self.plan.lost.push(Loss { offset, len, reason: detail, at, sealed });
        }
        for Patch { pos, bytes, how } in overlay.patches {
            let offset = if pos < HEADER_LEN { segment.base } else { header.offset(FilePos(pos)) };
            self.plan.mended.push(Mending { offset, path: segment.path.clone(), pos, bytes, how });
        }
        // What was durable behind the newest segment's seal is missing.
        Ok(sealed_end.filter(|_| segment.next.is_none()).unwrap_or(end))
    }

    /// A segment that is missing, or whose header cannot be made whole: all of it is lost.
    fn whole_segment(&mut self, segment: &Segment, file: Option<&dyn DiskFile>) -> io::Result<Offset> {
        let what = segment.header.as_ref().err().map_or("the segment is missing", String::as_str);
        let reason = format!("segment {:016x}: {what}", segment.base.get());
        let end = match (segment.next, file) {
            (Some(next), _) => next,
            (None, None) => segment.base,
            (None, Some(file)) => {
                // Whatever stands there may have been durable; and the next segment needs a name of its own.
                let bytes = scan::end_of_bytes(&mut Window::new(file, u64::MAX)?, FilePos(HEADER_LEN))?.0
                    - HEADER_LEN;
                let written = segment.base.get().saturating_add(bytes.max(8));
                let durable = self.survey.mark.map_or(0, |mark| mark.durable.get());
                Offset::new(written.max(durable).next_multiple_of(8))
            }
        };
        let at = file.map(|_| (segment.path.clone(), 0, u64::MAX));
        let mut from = self.survey.holes.bridge(segment.base);
        // Parts of it may be listed already.
        while from < end {
            let to = self.survey.holes.next(from).min(end);
            let len = to.get() - from.get();
            let (at, reason) = (at.clone(), reason.clone());
            self.plan.lost.push(Loss { offset: from, len, reason, at, sealed: true });
            from = self.survey.holes.bridge(to);
        }
        Ok(end)
    }

    /// What the watermark says was durable, behind all segments.
    fn missing(&mut self, dir: &Path, end: Offset) {
        let Some(mark) = self.survey.mark else { return };
        let offset = self.survey.holes.bridge(end);
        let len = mark.durable.get().next_multiple_of(8).saturating_sub(offset.get());
        // Nothing of a lost segment may have been durable, and its term has been seen all the same.
        let term_is_lost = self.newest_term < Some(mark.term)
            && self.survey.holes.term().is_none_or(|term| term <= mark.term);
        if len > 0 || term_is_lost {
            let reason = format!(
                "{}: the newest segment is missing; the watermark says that all below {} was durable, in term {}",
                dir.display(),
                mark.durable,
                mark.term
            );
            self.plan.lost.push(Loss { offset, len, reason, at: None, sealed: true });
        }
    }

    /// Mends what can be mended of a segment's frames, and says what then still does not verify.
    fn mend_segment(
        &self,
        segment: &Segment,
        header: &SegmentHeader,
        end: Offset,
        next: Option<&Segment>,
        overlay: &mut Overlay,
    ) -> io::Result<Inspection> {
        loop {
            let holes = &self.survey.holes;
            let found = inspect(&Subject { file: overlay, header, end, holes, content: true })?;
            let mut mended = false;
            for damage in found.damaged.iter().filter(|damage| damage.len <= MAX_MEND) {
                // Where the file ends before, zeros stand for what is missing.
                let mut bytes = vec![0; damage.len as usize];
                disk::read_full(overlay, &mut bytes, header.file_pos(damage.offset).0)?;
                for whole in mend(header, &bytes, damage.offset, self.refill) {
                    let pos = header.file_pos(whole.offset).0;
                    mended |= overlay.patch(pos, whole.frame, Known::Frame(whole.cure));
                }
            }
            if !mended && let Some(seal) = mend_seal(segment, header, &found, end, next) {
                mended = overlay.patch(header.file_pos(seal.end).0, seal.encode(header), Known::Seal);
            }
            if !mended {
                return Ok(found);
            }
        }
    }
}

/// The seal that the segment must have had, if all but it verifies and the next header agrees.
fn mend_seal(
    segment: &Segment,
    header: &SegmentHeader,
    found: &Inspection,
    end: Offset,
    next: Option<&Segment>,
) -> Option<Seal> {
    let Ok(next) = &next?.header else { return None };
    let seal = match (&found.damaged[..], &found.seal) {
        ([damage], None) => {
            let mut summary = found.summary.clone();
            summary.pass(damage.offset);
            summary.seal(next.term)
        }
        // It is there, and something stands behind it.
        ([], Some(seal)) if segment.flaw.is_some() => (**seal).clone(),
        _ => return None,
    };
    let fits = seal.next_base() == end
        && (seal.chain, header.records_before + seal.records) == (next.chain, next.records_before);
    fits.then_some(seal)
}

//! One look at a journal: what lies beside the segments, then each segment, then how the newest one ends.

use std::io;
use std::path::Path;

use annals_record::Offset;

use super::{Diagnosis, Finding, Trouble};
use crate::disk::{Disk, Mode};
use crate::error::{Damage, Error};
use crate::holes;
use crate::inspection::{Subject, inspect};
use crate::judgement::{Ending, Judgement, judge};
use crate::recovery::{self, Survey};
use crate::segment::HEADER_LEN;
use crate::verify::Depth;
use crate::watermark;

/// Adds what is found to `diagnosis`.
pub(super) fn look(
    disk: &dyn Disk,
    dir: &Path,
    survey: &Survey,
    depth: Depth,
    diagnosis: Diagnosis,
) -> Result<Diagnosis, Error> {
    let mut look = Look { disk, dir, survey, depth, diagnosis };
    look.sidecars()?;
    look.segments()?;
    look.diagnosis.findings.sort_by_key(|finding| finding.offset);
    Ok(look.diagnosis)
}

/// One look at a journal.
struct Look<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    survey: &'a Survey,
    depth: Depth,
    diagnosis: Diagnosis,
}

impl Look<'_> {
    fn find(&mut self, what: Trouble, (offset, len): (Offset, u64), path: &Path, detail: impl Into<String>) {
        let (path, detail) = (path.to_owned(), detail.into());
        self.diagnosis.findings.push(Finding { what, offset, len, path, detail });
    }

    fn sidecars(&mut self) -> Result<(), Error> {
        if let Some(damage) = self.survey.holes.damage() {
            self.find(Trouble::LostHoles, (Offset::ZERO, 0), &self.dir.join(holes::FILE_NAME), damage.detail);
        }
        let path = self.dir.join(watermark::FILE_NAME);
        let blank = watermark::SlotReader::open(self.disk, self.dir, self.survey.log)
            .and_then(|slots| slots.is_blank());
        match blank {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.find(Trouble::LostWatermark, (Offset::ZERO, 0), &path, "it is missing");
            }
            Err(error) => return Err(Error::io("read", &path, error)),
            Ok(false) if self.survey.mark.is_none() => {
                self.find(Trouble::LostWatermark, (Offset::ZERO, 0), &path, "neither of its slots verifies");
            }
            Ok(_) => {}
        }
        for listed in self.disk.list(self.dir).map_err(|error| Error::io("list", self.dir, error))? {
            if listed.name.ends_with(".tmp") && !recovery::is_spare(&listed.name) {
                let path = self.dir.join(&listed.name);
                self.find(
                    Trouble::Leftover,
                    (Offset::ZERO, listed.len),
                    &path,
                    "what it became has another name",
                );
            }
        }
        Ok(())
    }

    fn segments(&mut self) -> Result<(), Error> {
        let Survey { segments, holes, mark, behind, .. } = self.survey;
        if segments.is_empty() {
            let len = mark.map_or(0, |mark| mark.durable.get());
            self.diagnosis.durable = Offset::new(len);
            if behind.is_none() {
                self.find(Trouble::Damage, (Offset::ZERO, len), self.dir, "every segment is missing");
            }
        }
        for segment in segments.iter() {
            if segment.next.is_some_and(|next| holes.bridge(segment.base) >= next) {
                continue;
            }
            let failed = |error| Error::io("read", &segment.path, error);
            let header = match &segment.header {
                Ok(header) => header,
                Err(_) if segment.next.is_none() && behind.is_some() => continue,
                Err(reason) => {
                    let durable = mark.map_or(segment.base, |mark| mark.durable.max(segment.base));
                    let end = segment.next.unwrap_or(durable);
                    let what = if segment.next.is_some() { Trouble::SealedDamage } else { Trouble::Damage };
                    self.diagnosis.durable = end;
                    let range = (segment.base, end.get() - segment.base.get());
                    self.find(what, range, &segment.path, reason.clone());
                    continue;
                }
            };
            if self.depth == Depth::Quick && segment.seal.is_some() && segment.flaw.is_none() {
                continue;
            }
            let file = self.disk.open(&segment.path, Mode::Read).map_err(failed)?;
            let end = if let Some(next) = segment.next {
                next
            } else {
                let judgement = judge(header, &*file, *mark, holes, None).map_err(failed)?;
                self.ending(&judgement, segment.path.as_path(), header.base)
            };
            let subject = Subject { file: &*file, header, end, holes, content: true };
            let found = inspect(&subject).map_err(failed)?;
            let what = if segment.next.is_some() { Trouble::SealedDamage } else { Trouble::Damage };
            let flaw = segment.flaw.as_ref().filter(|_| found.damaged.is_empty() && found.seal.is_some());
            if let Some(flaw) = flaw {
                let range = (found.summary.end, end.get() - found.summary.end.get());
                self.find(what, range, &segment.path, flaw.clone());
            }
            for Damage { offset, len, detail } in found.damaged {
                // The newest segment's first damage is found already, with what vouches for it.
                if segment.next.is_some() || !self.knows(offset) {
                    self.find(what, (offset, len), &segment.path, detail);
                }
            }
        }
        if let Some(header) = behind {
            self.diagnosis.durable = header.base;
        }
        let newest = segments
            .iter()
            .filter_map(|segment| segment.header.as_ref().ok())
            .map(|header| header.term)
            .max();
        if behind.is_some() || holes.term() > newest {
            let at = self.diagnosis.durable;
            self.find(
                Trouble::Unfinished,
                (at, 0),
                &self.dir.join(holes::FILE_NAME),
                "it lists what no term knows yet",
            );
        }
        Ok(())
    }

    fn knows(&self, offset: Offset) -> bool {
        self.diagnosis
            .findings
            .iter()
            .any(|finding| finding.what == Trouble::Damage && finding.offset == offset)
    }

    /// Says how the newest segment ends; returns up to where it is read.
    fn ending(&mut self, judgement: &Judgement, path: &Path, base: Offset) -> Offset {
        let (mark, end) = (self.survey.mark, judgement.written());
        self.diagnosis.durable = judgement.durable();
        let to_rewrite = end.get() - judgement.vouched(mark, base).get();
        if self.survey.behind.is_some() {
            return end;
        }
        match &judgement.ending {
            Ending::Damaged { damage, durable } => {
                let path = if damage.offset < *durable { path } else { self.dir };
                self.find(Trouble::Damage, (damage.offset, damage.len), path, damage.detail.clone());
                return *durable;
            }
            Ending::Torn { end: torn, reason } => {
                let len = torn.0 - HEADER_LEN - (end.get() - base.get());
                self.find(Trouble::TornTail, (end, len), path, reason.clone());
            }
            Ending::Sealed(_) => {
                self.find(Trouble::Unrolled, (end, 0), path, "the segment behind its seal is not born");
            }
            Ending::Clean => {}
        }
        if judgement.is_unclean(mark) {
            let detail = if to_rewrite == 0 {
                "it was not closed, and all of it is known to be durable"
            } else {
                "the medium may not have these bytes, though they can be read"
            };
            self.find(Trouble::Unclean, (Offset::new(end.get() - to_rewrite), to_rewrite), path, detail);
        }
        end
    }
}

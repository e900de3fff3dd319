//! One segment checked: its frames, its payloads, its commits, its seal.

use std::sync::mpsc;

use annals_record::{Offset, Place, ReadLimit};

use super::{Depth, Findings};
use crate::catalog::Segment;
use crate::content;
use crate::disk::{DiskFile, Mode};
use crate::error::{Damage, Error};
use crate::groups::{Groups, Look};
use crate::scan::{self, Group, Window};
use crate::seal::Seal;
use crate::segment::SegmentHeader;
use crate::source::Source;
use crate::summary::Summary;

/// How much is checked at once: what a core's own cache holds.
const PIECE: ReadLimit = ReadLimit { records: 10_000, bytes: 512 << 10 };
const ID: usize = 32;

/// Checks the segment below `end`.
pub(super) fn check(
    source: &Source,
    segment: &Segment,
    header: &SegmentHeader,
    end: Offset,
    depth: Depth,
    done: &mpsc::Sender<u64>,
) -> Result<Findings, Error> {
    let failed = |error| Error::io("read", &segment.path, error);
    let file =
        source.disk.open(&segment.path, Mode::Read).map_err(|e| Error::io("open", &segment.path, e))?;
    let mut check = Check {
        groups: Groups { file: &*file, header, end, limit: PIECE },
        segment,
        content: depth == Depth::Full,
        found: Findings::default(),
        summary: Summary::new(header),
        unbroken: true,
        bytes: Vec::new(),
        places: Vec::new(),
        seen: Vec::new(),
        ids: Vec::new(),
    };
    match (depth, segment.next, segment.seal) {
        // It was read, and its CRC checked, when the list was made.
        (Depth::Quick, Some(_), Some(seal)) => check.found.records = seal.records,
        _ => check.walk(done).map_err(failed)?,
    }
    Ok(check.found)
}

struct Check<'a> {
    groups: Groups<'a>,
    segment: &'a Segment,
    /// Whether payloads are hashed.
    content: bool,
    found: Findings,
    summary: Summary,
    /// Whether every group up to here verified, so that the sums must be the seal's.
    unbroken: bool,
    bytes: Vec<u8>,
    places: Vec<Place>,
    seen: Vec<Group>,
    ids: Vec<u8>,
}

impl Check<'_> {
    fn walk(&mut self, done: &mpsc::Sender<u64>) -> std::io::Result<()> {
        let Groups { file, header, end, .. } = self.groups;
        let mut at = header.base;
        while at < end {
            self.places.clear();
            self.seen.clear();
            let seen = &mut self.seen;
            let look = self.groups.look(at, &mut self.bytes, &mut self.places, |group| seen.push(*group))?;
            self.absorb();
            let next = match &look {
                Look { sealed: true, next, .. } => {
                    self.seal(at, *next);
                    *next
                }
                Look { bad: Some(reason), next, .. } => self.bad(file, *next, reason)?,
                Look { next, .. } => *next,
            };
            self.found.bytes += next.get() - at.get();
            let _ = done.send(next.get() - at.get());
            at = next;
            if look.sealed {
                break;
            }
        }
        if let Some(flaw) = self.segment.flaw.as_ref().filter(|_| self.unbroken) {
            self.damage(at, end, format!("segment {:016x}: {flaw}", header.base.get()));
        }
        Ok(())
    }

    /// Checks what the groups of this look hold and adds them up.
    fn absorb(&mut self) {
        let mut wrong = Vec::new();
        let (bytes, places) = (&self.bytes, &self.places);
        let id = |place: &Place| &bytes[place.start as usize - ID..place.start as usize];
        if self.content {
            let payloads = places.iter().map(|place| &bytes[place.start as usize..][..place.len as usize]);
            content::each(payloads, |i, hash| {
                if id(&places[i]) != hash {
                    wrong.push(places[i].offset);
                }
            });
            wrong.sort_unstable();
        }
        self.ids.clear();
        for place in places {
            self.ids.extend_from_slice(id(place));
        }
        for group in std::mem::take(&mut self.seen) {
            self.summary.absorb_group(&group);
            self.found.records += u64::from(group.commit.records);
            let first = wrong.partition_point(|at| *at < group.start);
            let within = wrong[first..].partition_point(|at| *at < group.end);
            let reason = match wrong[first..][..within].first() {
                Some(at) => (*at, "the payload's BLAKE3 is another one".to_owned()),
                None if group.commit.batch_start != group.start => {
                    (group.start, format!("the commit frame says it begins at {}", group.commit.batch_start))
                }
                None if group.commit.durable_upto > group.start => {
                    let ahead = group.commit.durable_upto;
                    (
                        group.start,
                        format!("the commit frame says that all below {ahead} was durable before it"),
                    )
                }
                None => continue,
            };
            self.found.records -= u64::from(group.commit.records);
            let detail = scan::describe(self.groups.header, reason.0, &reason.1);
            self.damage(group.start, group.end, detail);
        }
        self.summary.absorb_ids(&self.ids);
    }

    /// The seal that ends at `next`, against the sums of its segment.
    fn seal(&mut self, from: Offset, next: Offset) {
        let (header, at) = (self.groups.header, self.summary_end(from));
        let distance = (at.get() - from.get()) as usize;
        match Seal::decode(&self.bytes[distance..(next.get() - from.get()) as usize], header, at) {
            Ok(seal) if self.unbroken && seal != self.summary.seal(seal.next_term) => {
                let detail = scan::describe(header, at, "the seal's sums are not those of its segment");
                self.damage(at, next, detail);
            }
            Ok(_) => {}
            Err(reason) => self.damage(at, next, scan::describe(header, at, &reason)),
        }
        let end = self.groups.end;
        if self.segment.next.is_none() && next < end {
            self.damage(next, end, format!("segment {:016x}: the segment is missing", next.get()));
        }
    }

    /// Where the last look's groups end, which is where a seal begins.
    fn summary_end(&self, from: Offset) -> Offset {
        self.summary.end.max(from)
    }

    /// What does not verify at `at`; returns where it goes on.
    fn bad(&mut self, file: &dyn DiskFile, at: Offset, reason: &str) -> std::io::Result<Offset> {
        let Groups { header, end, .. } = self.groups;
        let mut window = Window::new(file, header.file_pos(end).0)?;
        let landmark = scan::next_landmark(header, &mut window, Offset::new(at.get() + 8))?;
        let resume = landmark.map_or(end, |landmark| landmark.resume).min(end);
        self.unbroken = false;
        self.damage(at, resume, reason.to_owned());
        Ok(resume)
    }

    fn damage(&mut self, from: Offset, to: Offset, detail: String) {
        self.unbroken = false;
        self.found.damaged.push(Damage { offset: from, len: to.get() - from.get(), detail });
    }
}

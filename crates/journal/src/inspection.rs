//! One segment, looked through: its frames, its payloads, its commits, its seal. Whoever verifies, salvages, diagnoses or
//! scrubs looks here.
//!
//!   look (half a MiB of groups) -> CRCs, BLAKE3s, sums -> next look ... -> seal: are the sums its own?

use std::io;

use annals_record::{Offset, Place, ReadLimit};

use crate::content;
use crate::disk::DiskFile;
use crate::error::Damage;
use crate::groups::{Groups, Look};
use crate::holes::Holes;
use crate::scan::{self, Group, Window};
use crate::seal::Seal;
use crate::segment::SegmentHeader;
use crate::summary::Summary;

/// How much is looked through at once: what a core's own cache holds.
const PIECE: ReadLimit = ReadLimit { records: 10_000, bytes: 512 << 10 };
const ID: usize = 32;

/// What is looked through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) file: &'a dyn DiskFile,
    pub(crate) header: &'a SegmentHeader,
    /// Where the segment ends: the next one's base, or what is durable of the newest one.
    pub(crate) end: Offset,
    pub(crate) holes: &'a Holes,
    /// Whether payloads are hashed.
    pub(crate) content: bool,
}

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// Where the next look begins.
    pub(crate) at: Offset,
    /// Records that verify.
    pub(crate) records: u64,
    /// What does not verify, in order.
    pub(crate) damaged: Vec<Damage>,
    /// The sums of the groups that are served.
    pub(crate) summary: Summary,
    /// The segment's seal, if one was reached.
    pub(crate) seal: Option<Box<Seal>>,
    /// Whether every group up to here verified, so that the sums must be the seal's.
    pub(crate) unbroken: bool,
    bytes: Vec<u8>,
    places: Vec<Place>,
    seen: Vec<Group>,
    ids: Vec<u8>,
}

/// Looks through all of a segment.
pub(crate) fn inspect(subject: &Subject<'_>) -> io::Result<Inspection> {
    let mut inspection = Inspection::new(subject.header);
    while inspection.step(subject)? {}
    Ok(inspection)
}

impl Inspection {
    /// Of a segment of which nothing was seen yet.
    pub(crate) fn new(header: &SegmentHeader) -> Self {
        Self {
            at: header.base,
            records: 0,
            damaged: Vec::new(),
            summary: Summary::new(header),
            seal: None,
            unbroken: true,
            bytes: Vec::new(),
            places: Vec::new(),
            seen: Vec::new(),
            ids: Vec::new(),
        }
    }

    /// Looks through the next piece; false if there was none.
    pub(crate) fn step(&mut self, subject: &Subject<'_>) -> io::Result<bool> {
        let Subject { file, header, end, holes, .. } = *subject;
        let (at, behind) = (self.at, holes.bridge(self.at).min(end));
        if behind > at {
            // A seal that is older than the loss counts what is lost, too.
            self.unbroken &= holes.sums_agree(header, end);
            self.summary.pass(behind);
            self.at = behind;
            return Ok(true);
        }
        if self.seal.is_some() || at >= end {
            return Ok(false);
        }
        self.places.clear();
        self.seen.clear();
        let seen = &mut self.seen;
        let groups = Groups { file, header, end: end.min(holes.next(at)), limit: PIECE };
        let look = groups.look(at, &mut self.bytes, &mut self.places, |group| seen.push(*group))?;
        self.absorb(subject);
        self.at = match &look {
            Look { sealed: true, next, .. } => {
                self.seal(subject, *next);
                *next
            }
            Look { bad: Some(reason), next, .. } => self.bad(subject, *next, reason)?,
            Look { next, .. } => *next,
        };
        Ok(true)
    }

    /// Checks what the groups of this look hold and adds them up.
    fn absorb(&mut self, subject: &Subject<'_>) {
        let mut wrong = Vec::new();
        let (bytes, places) = (&self.bytes, &self.places);
        let id = |place: &Place| &bytes[place.start as usize - ID..place.start as usize];
        if subject.content {
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
            self.records += u64::from(group.commit.records);
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
            self.records -= u64::from(group.commit.records);
            let detail = scan::describe(subject.header, reason.0, &reason.1);
            self.damage(group.start, group.end, detail);
        }
        self.summary.absorb_ids(&self.ids);
    }

    /// The seal that ends at `next`, against the sums of its segment.
    fn seal(&mut self, subject: &Subject<'_>, next: Offset) {
        let header = subject.header;
        // A seal begins where the groups before it end.
        let at = self.summary.end.max(self.at);
        let distance = (at.get() - self.at.get()) as usize;
        match Seal::decode(&self.bytes[distance..(next.get() - self.at.get()) as usize], header, at) {
            Ok(seal) => {
                if self.unbroken && seal != self.summary.seal(seal.next_term) {
                    let detail = scan::describe(header, at, "the seal's sums are not those of its segment");
                    self.damage(at, next, detail);
                }
                self.seal = Some(Box::new(seal));
            }
            Err(reason) => self.damage(at, next, scan::describe(header, at, &reason)),
        }
    }

    /// What does not verify at `at`; returns where it goes on.
    fn bad(&mut self, subject: &Subject<'_>, at: Offset, reason: &str) -> io::Result<Offset> {
        let Subject { file, header, end, holes, .. } = *subject;
        let mut window = Window::new(file, header.file_pos(end).0)?;
        let landmark = scan::next_landmark(header, &mut window, Offset::new(at.get() + 8))?;
        // A hole is a landmark, too: what lies in it is known.
        let resume = landmark.map_or(end, |landmark| landmark.resume).min(end).min(holes.next(at));
        self.damage(at, resume, reason.to_owned());
        self.summary.pass(resume);
        Ok(resume)
    }

    fn damage(&mut self, from: Offset, to: Offset, detail: String) {
        self.unbroken = false;
        self.damaged.push(Damage { offset: from, len: to.get() - from.get(), detail });
    }
}

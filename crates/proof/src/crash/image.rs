//! What a crash has left: recovered, compared, cut again while it is recovered, and gone on with.

use std::sync::Arc;

use annals_journal::{Disk, Journal};
use annals_record::{Log, LogError, ReadLimit};
use annals_testkit::{SimDisk, Survival};
use fastrand::Rng;

use super::counts::Counts;
use super::life::{Life, Point, open, open_reader};
use super::plan::Plan;
use super::promise::{Promise, hold};
use super::{flips, foreign};

/// So many crashes come in a row at most, those in the middle of a recovery apart.
const DEEPEST: u32 = 3;

/// What is the same for all images of a history.
pub(crate) struct Images<'a> {
    pub(crate) plan: Plan,
    pub(crate) rng: &'a mut Rng,
    pub(crate) counts: &'a mut Counts,
}

impl Images<'_> {
    /// Lives on this disk and cuts that life at all its places.
    pub(crate) fn grow(&mut self, disk: SimDisk, promise: Promise, depth: u32) -> Result<(), String> {
        let calls = if depth == 0 { self.plan.calls } else { self.plan.calls / 4 };
        // Faults are for the first life: what goes on from a crash is to go on.
        let plan = Plan { calls, faults: self.plan.faults && depth == 0, ..self.plan };
        let points = Life::new(plan, disk, promise, self.rng, self.counts).live()?;
        for (number, point) in points.iter().enumerate() {
            self.cut(point, depth).map_err(|what| {
                format!("depth {depth}, place {number}, during {:?}: {what}", point.during)
            })?;
        }
        Ok(())
    }

    fn cut(&mut self, point: &Point, depth: u32) -> Result<(), String> {
        let mut promise = Promise::clone(&point.promise);
        if self.rng.u32(..6) == 0 {
            self.look_before(point, &mut promise)?;
        }
        for _ in 0..self.rng.u32(1..5) {
            let survival = Survival::any(self.rng);
            let image = point.disk.crash(survival, self.rng);
            image.set_capacity(None);
            self.image(image, &promise, depth).map_err(|what| format!("{survival:?}: {what}"))?;
        }
        Ok(())
    }

    /// I5: what a reader of another process has seen before the power went is there after it.
    fn look_before(&mut self, point: &Point, promise: &mut Promise) -> Result<(), String> {
        let shared: Arc<dyn Disk> = Arc::new(point.disk.copy());
        let Ok(reader) = open_reader(&shared) else { return Ok(()) };
        let certain = std::mem::take(&mut promise.certain);
        let found = promise.compare(&reader, self.rng).map_err(|what| format!("a reader before: {what}"))?;
        promise.certain = certain.max(found.records);
        Ok(())
    }

    fn image(&mut self, mut image: SimDisk, promise: &Promise, depth: u32) -> Result<(), String> {
        self.counts.images += 1;
        if self.rng.u32(..6) == 0 {
            for _ in 0..self.rng.u32(1..5) {
                let Some(cut) = self.recovery_cut(&image) else { break };
                image = cut;
            }
        }
        match self.rng.u32(..32) {
            0 if depth < DEEPEST => {
                self.counts.lives_on += 1;
                self.grow(image, promise.clone(), depth + 1)
            }
            1..6 => flips::hit(self, &image, promise),
            _ => self.recover(&image, promise),
        }
    }

    /// Opens an image and cuts the power on the way; what that leaves, or nothing if it had come to its end.
    fn recovery_cut(&mut self, image: &SimDisk) -> Option<SimDisk> {
        let cut = image.copy();
        cut.cut_power_after(self.rng.u64(..14));
        let shared: Arc<dyn Disk> = Arc::new(cut.clone());
        drop(open(&shared, self.plan.options).err()?);
        self.counts.images += 1;
        self.counts.recoveries_cut += 1;
        Some(cut.crash(Survival::any(self.rng), self.rng))
    }

    /// Opens an image for good.
    fn recover(&mut self, image: &SimDisk, promise: &Promise) -> Result<(), String> {
        let shared: Arc<dyn Disk> = Arc::new(image.clone());
        let journal = open(&shared, self.plan.options).map_err(|error| format!("does not open: {error}"))?;
        let mut promise = promise.clone();
        self.settle(&journal, &mut promise)?;
        if self.rng.u32(..4) == 0 {
            self.again(image, &promise)?;
        }
        self.look_into(&journal, &promise)?;
        if self.rng.u32(..4) == 0 {
            self.go_on(&journal, image, &mut promise)?;
        }
        if self.rng.u32(..16) == 0 {
            self.counts.foreign_cursors += 1;
            foreign::refused(&journal, image)?;
        }
        // What closing does is cut as well, at its first step.
        image.cut_power_after(0);
        Ok(())
    }

    fn settle(&mut self, journal: &Journal, promise: &mut Promise) -> Result<(), String> {
        promise.settle(journal, self.rng)?;
        self.counts.torn += u64::from(journal.report().torn.is_some());
        self.counts.checked += promise.kept.len() as u64;
        promise.settle_cursors(journal)
    }

    /// I9: what a recovery has shown is durable, and a second one changes nothing.
    fn again(&mut self, image: &SimDisk, promise: &Promise) -> Result<(), String> {
        self.counts.second_recoveries += 1;
        let again = image.crash(Survival::NOTHING, self.rng);
        let shared: Arc<dyn Disk> = Arc::new(again.clone());
        let journal =
            open(&shared, self.plan.options).map_err(|error| format!("does not open again: {error}"))?;
        let mut same = promise.clone();
        self.settle(&journal, &mut same).map_err(|what| format!("the second recovery: {what}"))?;
        let report = journal.report();
        hold!(report.torn.is_none(), "the second recovery cuts again: {report:?}");
        hold!(same.kept == promise.kept && same.terms == promise.terms, "H3: the second recovery differs");
        again.cut_power_after(0);
        Ok(())
    }

    /// What costs too much to be looked at each time.
    fn look_into(&mut self, journal: &Journal, promise: &Promise) -> Result<(), String> {
        if self.rng.u32(..8) == 0 {
            let verified = journal.verify(&mut |_, _| {}).map_err(|error| format!("verify: {error}"))?;
            hold!(verified.is_ok(), "verify: {:?}", verified.damaged);
        }
        if self.rng.u32(..8) == 0 {
            for segment in journal.status().segments.iter().filter(|segment| segment.sealed) {
                let bytes = flips::SEGMENT_HEADER + segment.end.get() - segment.base.get();
                hold!(segment.file_bytes == bytes, "a sealed segment is not cut to its end: {segment:?}");
            }
        }
        let gone = promise.kept.partition_point(|kept| kept.offset < promise.oldest);
        if gone > 0 {
            let offset = promise.kept[self.rng.usize(..gone)].offset;
            match journal.read(offset, ReadLimit::default()) {
                Err(LogError::Gap { oldest, .. }) if oldest == promise.oldest => {}
                other => {
                    return Err(format!(
                        "R2: {offset} was purged, and is {:?}",
                        other.map(|batch| batch.next())
                    ));
                }
            }
        }
        if self.rng.u32(..4) == 0 {
            self.counts.keys += u64::from(promise.retry(journal, self.rng)?);
        }
        Ok(())
    }

    /// Appends go on, and a power cut that leaves what was synced leaves them too.
    fn go_on(&mut self, journal: &Journal, image: &SimDisk, promise: &mut Promise) -> Result<(), String> {
        for _ in 0..self.rng.u32(1..4) {
            let payloads = self.plan.payloads(self.rng);
            let how = annals_journal::AppendOptions { durable: true, ..Default::default() };
            let appended =
                journal.append_with(&payloads, &how).map_err(|error| format!("does not go on: {error}"))?;
            promise.accept(&payloads, &appended, None)?;
            self.counts.acknowledged += payloads.len() as u64;
        }
        promise.durable_to(journal.durable());
        hold!(promise.certain == promise.kept.len(), "I1: durable to {} only", journal.durable());
        let after = image.crash(Survival::NOTHING, self.rng);
        let shared: Arc<dyn Disk> = Arc::new(after.clone());
        let opened =
            open(&shared, self.plan.options).map_err(|error| format!("does not open after: {error}"))?;
        self.settle(&opened, &mut promise.clone()).map_err(|what| format!("after it has gone on: {what}"))?;
        after.cut_power_after(0);
        Ok(())
    }
}

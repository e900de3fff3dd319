//! A journal on a disk whose calls fail as told, and what it was promised.
//!
//! What is made here notes its promise as the crash trial does: an append of unknown fate may be there, whole, or not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use annals_journal::repair::diagnose;
use annals_journal::salvage;
use annals_journal::{AppendOptions, Disk, Error, Journal, Options, Refill, SyncPolicy};
use annals_record::{Kind, Offset, RecordId};
use annals_testkit::{FaultDisk, ManualClock, PANIC, SimDisk, Survival};
use fastrand::Rng;

use crate::crash::life::{DIR, open};
use crate::crash::promise::{CURSORS, Promise, Unsure, hold};

/// What stops an act: it may have failed, or the disk has panicked under it.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(#[expect(dead_code, reason = "shown where a scenario fails without a fault")] Error),
    Panicked,
    /// It does not hold.
    Broken(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Acted = Result<(), Stop>;

/// Where a scenario plays.
pub(super) struct Stand {
    pub(super) disk: FaultDisk<SimDisk>,
    pub(super) shared: Arc<dyn Disk>,
    pub(super) options: Options,
    pub(super) journal: Option<Journal>,
    pub(super) promise: Promise,
    pub(super) rng: Rng,
    drawn: u64,
}

/// Small segments, so that a few appends roll.
pub(super) const OPTIONS: Options = Options {
    segment_bytes: 6 << 10,
    max_batch_bytes: 64 << 10,
    sync: SyncPolicy::Always,
    seal: annals_journal::SealPolicy { age: None, bucket: annals_journal::Bucket::None },
    remember_keys: 8,
    fill_ahead: true,
    reserve_bytes: 4 << 30,
    own_thread: true,
};

impl Stand {
    pub(super) fn on(sim: SimDisk, options: Options, promise: Promise) -> Self {
        let disk = FaultDisk::new(sim);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        Self { disk, shared, options, journal: None, promise, rng: Rng::with_seed(7), drawn: 0 }
    }

    pub(super) fn new(options: Options) -> Self {
        let promise = Promise { remembers: options.remember_keys as usize, ..Promise::default() };
        Self::on(SimDisk::new().past_cache(), options, promise)
    }

    pub(super) fn open(&mut self) -> Acted {
        let journal = open(&self.shared, self.options)?;
        if self.disk.fired() > 0 && journal.report().damage.is_some() {
            // A read that lies may pass for damage, as long as nothing is done about it.
            return Err(Stop::Failed(Error::Closed));
        }
        self.promise.settle(&journal, &mut self.rng).or_else(|what| self.lies(what))?;
        self.journal = Some(journal);
        Ok(())
    }

    /// While calls fail, reading may fail; it never shows what was not written.
    pub(super) fn lies(&self, what: String) -> Acted {
        let wrong = ["H2", "H1: record", "H3", "a clean cut is refused"];
        if self.disk.fired() > 0 && !wrong.iter().any(|wrong| what.starts_with(wrong)) {
            return Err(Stop::Failed(Error::Closed));
        }
        Err(Stop::Broken(what))
    }

    pub(super) fn journal(&self) -> Result<Journal, Stop> {
        self.journal.clone().ok_or(Stop::Failed(Error::Closed))
    }

    pub(super) fn payload(&mut self, len: usize) -> Arc<[u8]> {
        self.drawn += 1;
        let mut payload = vec![self.drawn as u8; len];
        payload.iter_mut().zip(self.drawn.to_le_bytes()).for_each(|(byte, head)| *byte = head);
        payload.into()
    }

    /// Appends so many records of so many bytes; an error that promises that nothing happened is lived with.
    pub(super) fn append(&mut self, records: usize, len: usize, how: &AppendOptions<'_>) -> Acted {
        let journal = self.journal()?;
        let payloads: Vec<Arc<[u8]>> = (0..records).map(|_| self.payload(len)).collect();
        let key = how.key.map(|key| String::from_utf8_lossy(key).into_owned());
        self.promise.unsure = Some(Unsure { payloads: payloads.clone(), key: key.clone() });
        let made = journal.append_with(&payloads, how);
        match made {
            Ok(appended) => {
                self.promise.unsure = None;
                self.promise.accept(&payloads, &appended, key).map_err(Stop::Broken)?;
                self.promise.durable_to(journal.durable());
                let durable = self.promise.certain == self.promise.kept.len();
                if !durable && (how.durable || self.options.sync == SyncPolicy::Always) {
                    return Err(Stop::Broken("I1: acknowledged, and not durable".into()));
                }
                Ok(())
            }
            Err(error) if error.kind() == Kind::Stop => Err(error.into()),
            Err(error) => {
                self.promise.unsure = None;
                tolerate(error)
            }
        }
    }

    pub(super) fn grow(&mut self, appends: usize) -> Acted {
        (0..appends).try_for_each(|_| self.append(1, 700, &AppendOptions::default()))
    }

    /// Acts, and contains the panic that was injected and no other.
    pub(super) fn act(&mut self, act: fn(&mut Self) -> Acted) -> Acted {
        match catch_unwind(AssertUnwindSafe(|| act(self))) {
            Ok(acted) => acted,
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
                // A thread of a scope hands on that it has panicked, and not with which words.
                let injected = text == PANIC || self.disk.fired() > 0 && text == "a scoped thread panicked";
                if injected { Err(Stop::Panicked) } else { Err(Stop::Broken(format!("panic: {text}"))) }
            }
        }
    }

    /// After the act: what fails has healed. The journal goes on or says why not; opened again, and after a crash, it holds
    /// what it was promised, and goes on.
    pub(super) fn check(mut self, stopped: bool) -> Result<(), String> {
        self.disk.heal();
        let fired = self.disk.fired() > 0;
        // As it is left by what was refused, with nothing after it.
        let left = self.disk.disk().crash(Survival::EVERYTHING, &mut self.rng);
        goes_on(&left, self.options, self.promise.clone(), &mut self.rng)
            .map_err(|what| format!("as it was left: {what}"))?;
        if let Some(journal) = &self.journal {
            let payload: Arc<[u8]> = b"once more".as_slice().into();
            match journal.append(&payload) {
                Ok(appended) => {
                    // Where it goes on, what was refused was not made: a record of it would stand before this one.
                    self.promise.unsure = None;
                    self.promise.accept(&[payload], &[appended], None)?;
                    self.promise.durable_to(journal.durable());
                }
                Err(error) => {
                    hold!(fired && error.kind() == Kind::Stop, "it does not go on, healed: {error}");
                    hold!(stopped || fired, "stopped for no reason: {error}");
                }
            }
        }
        let sim = self.disk.disk().clone();
        let mut images = vec![sim.copy().crash(Survival::NOTHING, &mut self.rng)];
        images.push(sim.crash(Survival::any(&mut self.rng), &mut self.rng));
        self.journal = None;
        images.push(sim.crash(Survival::NOTHING, &mut self.rng));
        images.push(sim.crash(Survival::EVERYTHING, &mut self.rng));
        images.push(sim);
        for (number, image) in images.iter().enumerate() {
            goes_on(image, self.options, self.promise.clone(), &mut self.rng)
                .map_err(|what| format!("image {number} of 5, the last is the disk itself: {what}"))?;
        }
        Ok(())
    }
}

/// Errors that say that nothing happened.
pub(super) fn tolerate(error: Error) -> Acted {
    if error.kind() == Kind::Stop { Err(error.into()) } else { Ok(()) }
}

/// Everything that was promised, as a store that a salvage refills from.
struct Kept<'a>(&'a Promise);

impl Refill for Kept<'_> {
    fn payload(&self, id: &RecordId) -> Option<Vec<u8>> {
        self.0.kept.iter().find(|kept| kept.id == *id).map(|kept| kept.payload.to_vec())
    }
}

/// Salvages what needs it, from a store that holds everything.
pub(super) fn salvage(disk: &Arc<dyn Disk>, options: Options, promise: &Promise) -> Result<(), Error> {
    let clock = Arc::new(ManualClock::at(2_000_000));
    let plan = salvage::plan(disk, Path::new(DIR), &Kept(promise))?;
    salvage::apply(disk, clock, Path::new(DIR), options, &Kept(promise), &plan).map(drop)
}

/// Opens a disk on which nothing fails, and holds it to the promise, now and after a crash.
fn goes_on(sim: &SimDisk, options: Options, mut promise: Promise, rng: &mut Rng) -> Result<(), String> {
    let shared: Arc<dyn Disk> = Arc::new(sim.clone());
    make_whole(&shared, options, &promise)?;
    for life in 0..2 {
        let journal = open(&shared, options).map_err(|error| format!("open {life}: {error}"))?;
        promise.settle(&journal, rng).map_err(|what| format!("open {life}: {what}"))?;
        promise.settle_cursors(&journal)?;
        promise.retry(&journal, rng)?;
        let verified = journal.verify(&mut |_, _| {}).map_err(|error| format!("verify: {error}"))?;
        hold!(verified.is_ok(), "verify: {:?}", verified.damaged);
        let payload: Arc<[u8]> = format!("life {life}").into_bytes().into();
        let appended = journal.append(&payload).map_err(|error| format!("does not go on: {error}"))?;
        promise.accept(&[payload], &[appended], None)?;
        promise.durable_to(journal.durable());
        let image = sim.crash(Survival::NOTHING, rng);
        let image: Arc<dyn Disk> = Arc::new(image);
        make_whole(&image, options, &promise)?;
        let journal = open(&image, options).map_err(|error| format!("open after a crash: {error}"))?;
        promise.clone().settle(&journal, rng).map_err(|what| format!("after a crash: {what}"))?;
        promise.clone().settle_cursors(&journal).map_err(|what| format!("after a crash: {what}"))?;
    }
    Ok(())
}

/// Salvages what was hurt on purpose. What was mended by a write whose sync has failed is seen mended until the power goes,
/// and is hurt again after that.
fn make_whole(disk: &Arc<dyn Disk>, options: Options, promise: &Promise) -> Result<(), String> {
    let diagnosis = diagnose(disk, Path::new(DIR));
    if diagnosis.is_ok_and(|diagnosis| diagnosis.needs_salvage()) {
        hold!(promise.hurt, "damage where there is none");
        salvage(disk, options, promise).map_err(|error| format!("salvage: {error}"))?;
    }
    Ok(())
}

/// Where a cursor was told to go.
pub(super) fn told(promise: &mut Promise, which: usize, at: Option<Offset>) {
    promise.cursors[which].told.push(at);
}

/// The name of the cursor of the scenarios.
pub(super) const CURSOR: &str = CURSORS[0];

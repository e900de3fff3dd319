//! A life of a journal on a simulated disk, and copies of that disk as it stood before steps drawn ahead: each a place
//! at which the power may be cut, with what was promised by then.
//!
//!   call -> promise with the call under way -> made -> copies of the disk take that promise -> promise with its outcome

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use annals_journal::{Disk, Error, Journal, NamedCursor, Options, Reader};
use annals_record::{Kind, Log, ReadLimit};
use annals_testkit::{FaultDisk, ManualClock, SimDisk};
use fastrand::Rng;

use super::counts::Counts;
use super::plan::{Plan, fault};
use super::promise::{Promise, hold};

mod calls;

pub(crate) use calls::block_on;

/// Where the journal lies on its disk.
pub(crate) const DIR: &str = "/data";

/// A place at which the power may be cut.
pub(crate) struct Point {
    pub(crate) disk: SimDisk,
    pub(crate) promise: Rc<Promise>,
    /// The call that is under way.
    pub(crate) during: &'static str,
}

pub(crate) fn open(disk: &Arc<dyn Disk>, options: Options) -> Result<Journal, Error> {
    Journal::open_on(Arc::clone(disk), Arc::new(ManualClock::at(1_000_000)), Path::new(DIR), options)
}

pub(crate) fn open_reader(disk: &Arc<dyn Disk>) -> Result<Reader, Error> {
    Reader::open_on(Arc::clone(disk), Arc::new(ManualClock::at(1_000_000)), Path::new(DIR))
}

/// A journal that lives.
pub(crate) struct Life<'a> {
    plan: Plan,
    rng: &'a mut Rng,
    counts: &'a mut Counts,
    disk: SimDisk,
    faults: FaultDisk<SimDisk>,
    shared: Arc<dyn Disk>,
    clock: ManualClock,
    journal: Option<Journal>,
    cursors: [Option<NamedCursor>; 2],
    promise: Promise,
    points: Vec<Point>,
    during: &'static str,
    /// Which fault waits, and how many had fired.
    fault: Option<(usize, u64)>,
    drawn: u64,
}

impl<'a> Life<'a> {
    pub(crate) fn new(
        plan: Plan,
        disk: SimDisk,
        promise: Promise,
        rng: &'a mut Rng,
        counts: &'a mut Counts,
    ) -> Self {
        let faults = FaultDisk::new(disk.clone());
        let shared: Arc<dyn Disk> =
            if plan.faults { Arc::new(faults.clone()) } else { Arc::new(disk.clone()) };
        let mut step = 0;
        let places: Vec<u64> = (0..40)
            .map(|_| {
                step += rng.u64(1..=2 * plan.gap);
                step
            })
            .collect();
        disk.keep_copies(places);
        Self {
            plan,
            rng,
            counts,
            disk,
            faults,
            shared,
            clock: ManualClock::at(1_000_000),
            journal: None,
            cursors: [None, None],
            promise,
            points: Vec::new(),
            during: "open",
            fault: None,
            drawn: 0,
        }
    }

    /// Lives until the plan is done; every place to cut it at, its end the last.
    pub(crate) fn live(mut self) -> Result<Vec<Point>, String> {
        let lived = self.calls();
        let during = self.during;
        lived.map_err(|what| format!("{during}: {what}"))?;
        self.collect("the end");
        let promise = Rc::new(self.promise.clone());
        self.points.push(Point { disk: self.disk.copy(), promise, during: "the end" });
        // Nobody looks at what it does from here on.
        self.disk.cut_power_after(0);
        Ok(std::mem::take(&mut self.points))
    }

    fn calls(&mut self) -> Result<(), String> {
        self.reopen()?;
        for _ in 0..self.plan.calls {
            if self.plan.faults {
                self.draw_fault();
            }
            self.one_call()?;
            self.clock.advance(self.rng.i64(0..400_000_000));
            if let Some(journal) = &self.journal {
                self.promise.durable_to(journal.durable());
                nothing_beyond(journal)?;
            }
            self.tally();
            if self.fault.is_some() && self.rng.u32(..3) == 0 {
                self.heal();
            }
        }
        self.heal();
        Ok(())
    }

    // Faults.

    fn draw_fault(&mut self) {
        if self.fault.is_some() || self.rng.u32(..4) > 0 {
            return;
        }
        let fired = self.faults.fired() + self.disk.fired();
        if self.rng.u32(..8) == 0 {
            self.disk.lose_sync(self.rng.u64(1..4));
            self.fault = Some((7, fired));
        } else if self.rng.u32(..8) == 0 {
            self.disk.set_capacity(Some(self.disk.used() + self.rng.u64(..9_000)));
            self.fault = Some((2, fired));
        } else {
            let (which, fault) = fault(self.rng);
            self.faults.inject(fault);
            self.fault = Some((which, fired));
        }
    }

    /// Counts what has fired.
    fn tally(&mut self) {
        if let Some((which, before)) = &mut self.fault {
            let now = self.faults.fired() + self.disk.fired();
            self.counts.fired[*which] += now - *before;
            *before = now;
        }
    }

    fn heal(&mut self) {
        self.tally();
        self.faults.heal();
        self.disk.set_capacity(None);
        self.disk.lose_none();
        self.fault = None;
    }

    // What goes around each call.

    fn begin(&mut self, during: &'static str) {
        self.collect(self.during);
        self.during = during;
    }

    /// The copies that were made meanwhile take the promise as it stands.
    fn collect(&mut self, during: &'static str) {
        let copies = self.disk.take_copies();
        if copies.is_empty() {
            return;
        }
        let promise = Rc::new(self.promise.clone());
        self.points.extend(copies.into_iter().map(|(_, disk)| Point {
            disk,
            promise: Rc::clone(&promise),
            during,
        }));
    }

    /// Makes a call with a promise that allows for it; afterwards the promise is as before, if the call has failed and left
    /// nothing.
    fn call<T>(
        &mut self,
        name: &'static str,
        allow: impl FnOnce(&mut Promise),
        make: impl FnOnce(&mut Self, &Journal) -> Result<T, Error>,
        leaves_nothing: impl FnOnce(&Error) -> bool,
    ) -> Result<Result<T, Error>, String> {
        self.begin(name);
        self.counts.calls += 1;
        let Some(journal) = self.journal.clone() else { return Err("no journal".into()) };
        let before = self.promise.clone();
        allow(&mut self.promise);
        let made = make(self, &journal);
        self.collect(name);
        self.promise.durable_to(journal.durable());
        match &made {
            Ok(_) => {}
            Err(error) => {
                hold!(self.plan.faults || is_refusal(error), "{error}");
                if leaves_nothing(error) {
                    let certain = self.promise.certain;
                    self.promise = before;
                    self.promise.certain = certain;
                }
            }
        }
        Ok(made)
    }

    fn shut(&mut self) {
        self.cursors = [None, None];
        self.journal = None;
    }

    /// Opens, twice if a fault is in the way, and settles.
    fn reopen(&mut self) -> Result<(), String> {
        self.begin("open");
        self.shut();
        let clock = Arc::new(self.clock.clone());
        let opened = |this: &Self| {
            Journal::open_on(Arc::clone(&this.shared), clock.clone(), Path::new(DIR), this.plan.options)
        };
        let mut journal = opened(self);
        if self.fault.is_some() {
            if journal.as_ref().is_ok_and(|journal| journal.report().damage.is_some()) {
                // A failing read may pass for damage, as long as nothing is done about it.
                drop(std::mem::replace(&mut journal, Err(Error::Closed)));
            }
            if journal.is_err() {
                self.heal();
                journal = opened(self);
            }
        }
        let journal = journal.map_err(|error| format!("does not open: {error}"))?;
        self.collect("open");
        self.promise.settle(&journal, self.rng).or_else(|what| {
            if self.fault.is_none() {
                return Err(what);
            }
            self.heal();
            self.promise.settle(&journal, self.rng)
        })?;
        if self.fault.is_some() {
            self.heal();
        }
        // To open a cursor is what makes its name durable: until then it may be lost as before.
        let mut settled = self.promise.clone();
        settled.settle_cursors(&journal)?;
        self.collect("open");
        self.promise = settled;
        self.journal = Some(journal);
        Ok(())
    }

    /// After an error that leaves it unknown what happened.
    fn after(&mut self, error: &Error) -> Result<(), String> {
        if error.kind() == Kind::Stop { self.reopen() } else { Ok(()) }
    }
}

/// I5: what is not durable is not read, in the writer's own process either. A read that meets a fault says nothing.
fn nothing_beyond(journal: &Journal) -> Result<(), String> {
    let Ok(batch) = journal.read(journal.durable(), ReadLimit::default()) else { return Ok(()) };
    let (last, durable) = (batch.iter().last().map(|entry| entry.offset), journal.durable());
    hold!(
        last.is_none_or(|last| last < durable),
        "I5: {last:?} is read, and durable is what is before {durable}"
    );
    Ok(())
}

/// Errors that are answers.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Conflict { .. } | Error::TooLarge { .. })
}

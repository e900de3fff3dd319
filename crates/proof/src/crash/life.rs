//! A life of a journal on a simulated disk, and copies of that disk as it stood before steps drawn ahead: each a place
//! at which the power may be cut, with what was promised by then.
//!
//!   call -> promise with the call under way -> made -> copies of the disk take that promise -> promise with its outcome

use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use annals_journal::{
    AppendOptions, Consent, Disk, Error, Journal, Keep, NamedCursor, Options, Reader, SyncPolicy,
};
use annals_record::{Kind, Offset};
use annals_testkit::{FaultDisk, ManualClock, SimDisk};
use fastrand::Rng;

use super::counts::Counts;
use super::plan::{Plan, fault};
use super::promise::{CURSORS, Promise, Unsure, hold};

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
            }
            self.tally();
            if self.fault.is_some() && self.rng.u32(..3) == 0 {
                self.heal();
            }
        }
        self.heal();
        Ok(())
    }

    fn one_call(&mut self) -> Result<(), String> {
        match self.rng.u32(..64) {
            0..20 => self.append(1),
            20..30 => self.append(0),
            30..33 => self.append_if(),
            33..38 => self.keyed(),
            38..40 => self.retry(),
            40..43 => self.seal(),
            43..45 => self.checkpoint(),
            45..48 => self.purge(),
            48..50 => self.make_cursor(),
            50..53 => self.move_cursor(),
            53..55 => self.sync(),
            55 => self.settle(),
            56..58 => self.follow(),
            58..60 => self.close(),
            60..62 => {
                self.begin("drop");
                self.shut();
                self.reopen()
            }
            62 => self.look_over(),
            _ if self.plan.tasks => self.tasks(),
            _ => self.append(1),
        }
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
        self.points.extend(
            copies.into_iter().map(|(_, disk)| Point { disk, promise: Rc::clone(&promise), during }),
        );
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

    // The calls.

    fn append(&mut self, records: usize) -> Result<(), String> {
        let payloads = if records == 1 { vec![self.plan.payload(self.rng)] } else { self.plan.payloads(self.rng) };
        let durable = self.rng.u32(..8) == 0;
        let how = AppendOptions { durable, ..AppendOptions::default() };
        self.append_these("append", payloads, None, &how)
    }

    fn append_if(&mut self) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let next = if self.rng.u32(..3) == 0 { Offset::ZERO } else { journal.durability().accepted };
        let payloads = self.plan.payloads(self.rng);
        let how = AppendOptions { next: Some(next), ..AppendOptions::default() };
        self.append_these("append_if", payloads, None, &how)
    }

    fn keyed(&mut self) -> Result<(), String> {
        let payloads = self.plan.payloads(self.rng);
        let key = format!("key {:016x}", self.rng.u64(..));
        let how = AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() };
        self.append_these("append with a key", payloads, Some(key.clone()), &how)
    }

    fn append_these(
        &mut self,
        name: &'static str,
        payloads: Vec<Arc<[u8]>>,
        key: Option<String>,
        how: &AppendOptions<'_>,
    ) -> Result<(), String> {
        let unsure = Unsure { payloads: payloads.clone(), key: key.clone() };
        let allow = |promise: &mut Promise| promise.unsure = Some(unsure);
        let made = self.call(
            name,
            allow,
            |_, journal| match &payloads[..] {
                [payload] if *how == AppendOptions::default() => {
                    journal.append(payload).map(|appended| vec![appended])
                }
                _ => journal.append_with(&payloads, how),
            },
            |error| error.kind() != Kind::Stop,
        )?;
        match made {
            Ok(appended) => {
                self.promise.unsure = None;
                let last = appended.last().map_or(Offset::ZERO, |last| last.next);
                self.promise.accept(&payloads, &appended, key)?;
                let durable = self.journal.as_ref().map_or(Offset::ZERO, Journal::durable);
                let promised = how.durable || self.plan.options.sync == SyncPolicy::Always;
                hold!(!promised || last < durable, "I1: {last} was acknowledged, {durable} is durable");
                self.counts.acknowledged += payloads.len() as u64;
                self.promise.durable_to(durable);
                Ok(())
            }
            Err(error) => self.after(&error),
        }
    }

    /// P2.
    fn retry(&mut self) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        match self.promise.retry(journal, self.rng) {
            Err(_) if self.fault.is_some() => self.reopen(),
            retried => retried.map(|retried| self.counts.keys += u64::from(retried)),
        }
    }

    fn seal(&mut self) -> Result<(), String> {
        let sealed = self.call("seal", |_| {}, |_, journal| journal.seal(), |_| false)?;
        match sealed {
            Ok(_) => {
                hold!(self.promise.certain == self.promise.kept.len(), "P1: a seal over what is not durable");
                Ok(())
            }
            Err(error) => self.after(&error),
        }
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        self.drawn += 1;
        let body = format!("checkpoint {} {:x}", self.drawn, self.rng.u64(..)).into_bytes();
        let (tried, seal) = (body.clone(), self.rng.u32(..4) == 0);
        let made = self.call(
            "checkpoint",
            |promise| promise.checkpoint_tried = Some(tried),
            |_, journal| journal.checkpoint(&body, seal),
            // With a seal it may be there although the seal was refused.
            |error| error.kind() != Kind::Stop && !seal,
        )?;
        match made {
            Ok(checkpoint) => {
                self.promise.checkpoint = Some((checkpoint.offset, checkpoint.body));
                self.promise.checkpoint_tried = None;
                Ok(())
            }
            Err(error) => {
                if self.promise.checkpoint_tried.is_some() { self.reopen() } else { self.after(&error) }
            }
        }
    }

    fn purge(&mut self) -> Result<(), String> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        let keep = if self.rng.bool() { Keep::Segments(self.rng.u64(1..5)) } else { Keep::Newest };
        let plan = match journal.plan(&keep) {
            Ok(plan) => plan,
            Err(_) if self.fault.is_some() => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        drop(journal);
        let to = plan.oldest_after;
        for place in &self.promise.cursors {
            for at in place.told.iter().copied().chain([place.certain]).flatten() {
                hold!(to <= at || to == self.promise.oldest, "R4: a plan up to {to}, a cursor at {at}");
            }
        }
        if plan.purge.is_empty() {
            return Ok(());
        }
        let made = self.call(
            "purge",
            |promise| promise.purging.push(to),
            |_, journal| journal.apply(&plan, Consent::default()),
            |error| error.kind() == Kind::Fix,
        )?;
        match made {
            Ok(_) => {
                self.promise.oldest = to;
                self.promise.purging.clear();
                self.counts.purges += 1;
                Ok(())
            }
            Err(_) if self.promise.purging.is_empty() => Ok(()),
            Err(_) => self.reopen(),
        }
    }

    fn make_cursor(&mut self) -> Result<(), String> {
        let which = self.rng.usize(..CURSORS.len());
        let start = self.promise.oldest;
        self.cursors[which] = None;
        let known = self.promise.cursors[which].certain.is_some();
        let made = self.call(
            "make a cursor",
            |promise| {
                if !known {
                    promise.cursors[which].told.push(Some(start));
                }
            },
            |_, journal| journal.cursor_at(CURSORS[which], start),
            |error| matches!(error, Error::Cursor { .. }),
        )?;
        match made {
            Ok(cursor) => {
                let place = &mut self.promise.cursors[which];
                let at = Some(cursor.position());
                hold!(
                    place.certain == at || place.told.contains(&at),
                    "C1: cursor {} opened at {at:?}: {place:?}",
                    CURSORS[which]
                );
                (place.certain, place.told) = (at, Vec::new());
                self.cursors[which] = Some(cursor);
                Ok(())
            }
            Err(_) => self.reopen(),
        }
    }

    fn move_cursor(&mut self) -> Result<(), String> {
        let which = self.rng.usize(..CURSORS.len());
        let Some(mut cursor) = self.cursors[which].take() else { return self.make_cursor() };
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        let (at, durable) = (cursor.position(), journal.durable());
        drop(journal);
        let back = self.rng.u32(..6) == 0;
        let within = |kept: Offset| if back { kept < at && kept >= self.promise.oldest } else { kept >= at && kept < durable };
        let places: Vec<Offset> =
            self.promise.kept.iter().map(|kept| kept.offset).filter(|kept| within(*kept)).collect();
        let Some(to) = (!places.is_empty()).then(|| places[self.rng.usize(..places.len())]) else {
            self.cursors[which] = Some(cursor);
            return Ok(());
        };
        let made = self.call(
            "move a cursor",
            |promise| promise.cursors[which].told.push(Some(to)),
            |_, _| if back { cursor.rewind(to) } else { cursor.advance(to, None) },
            |_| false,
        )?;
        match made {
            Ok(()) => {
                let place = &mut self.promise.cursors[which];
                (place.certain, place.told) = (Some(to), Vec::new());
                self.cursors[which] = Some(cursor);
                Ok(())
            }
            Err(_) => {
                drop(cursor);
                self.reopen()
            }
        }
    }

    fn sync(&mut self) -> Result<(), String> {
        let made = self.call("sync", |_| {}, |_, journal| journal.sync(), |_| false)?;
        match made {
            Ok(_) => {
                hold!(self.promise.certain == self.promise.kept.len(), "P1: synced, and not durable");
                Ok(())
            }
            Err(error) => self.after(&error),
        }
    }

    fn settle(&mut self) -> Result<(), String> {
        let made = self.call("settle", |_| {}, |_, journal| journal.settle(), |_| false)?;
        made.or_else(|error| self.after(&error).map(|()| ()))
    }

    /// I3, I5: another process sees what was acknowledged, and nothing that is not durable.
    fn follow(&mut self) -> Result<(), String> {
        let shared: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let reader = open_reader(&shared).map_err(|error| format!("a reader: {error}"))?;
        let found = self.promise.compare(&reader, self.rng)?;
        hold!(
            found.records == self.promise.certain || self.plan.faults,
            "I5: a reader sees {} records, {} are durable",
            found.records,
            self.promise.certain
        );
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        self.cursors = [None, None];
        let closed = self.call(
            "close",
            |_| {},
            |this, journal| {
                this.journal = None;
                journal.clone().close()
            },
            |_| false,
        )?;
        if closed.is_ok() {
            self.promise.certain = self.promise.kept.len();
        }
        self.reopen()
    }

    /// A full check and a scrub find nothing.
    fn look_over(&mut self) -> Result<(), String> {
        if self.fault.is_some() {
            return Ok(());
        }
        let Some(journal) = &self.journal else { return Ok(()) };
        let verified = journal.verify(&mut |_, _| {}).map_err(|error| error.to_string())?;
        hold!(verified.is_ok(), "verify: {:?}", verified.damaged);
        Ok(())
    }

    /// Appends of tasks, together.
    fn tasks(&mut self) -> Result<(), String> {
        for _ in 0..self.rng.usize(1..4) {
            let payload = self.plan.payload(self.rng);
            let unsure = Unsure { payloads: vec![Arc::clone(&payload)], key: None };
            let made = self.call(
                "append of a task",
                |promise| promise.unsure = Some(unsure),
                |_, journal| block_on(journal.append_async(Arc::clone(&payload))),
                |error| error.kind() != Kind::Stop,
            )?;
            match made {
                Ok(appended) => {
                    self.promise.unsure = None;
                    self.promise.accept(&[payload], &[appended], None)?;
                    self.counts.acknowledged += 1;
                    if let Some(journal) = &self.journal {
                        self.promise.durable_to(journal.durable());
                    }
                }
                Err(error) => return self.after(&error),
            }
        }
        Ok(())
    }
}

/// Errors that are answers.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Conflict { .. } | Error::TooLarge { .. })
}

impl Promise {
    /// P2: an append with a key that is remembered is answered with the place of the first one; with other payloads it is
    /// refused. False if there is no key to try.
    pub(crate) fn retry(&self, journal: &Journal, rng: &mut Rng) -> Result<bool, String> {
        let remembered = self.keys.len().min(self.remembers);
        if remembered == 0 {
            return Ok(false);
        }
        let keyed = &self.keys[self.keys.len() - 1 - rng.usize(..remembered)];
        let of_it = &self.kept[keyed.at..keyed.at + keyed.records];
        let how = AppendOptions { key: Some(keyed.key.as_bytes()), ..AppendOptions::default() };
        let payloads: Vec<&[u8]> = of_it.iter().map(|kept| &*kept.payload).collect();
        let answered = journal.append_with(&payloads, &how).map_err(|error| format!("P2: {error}"))?;
        let same = answered.iter().map(|appended| appended.offset).eq(of_it.iter().map(|kept| kept.offset));
        hold!(same, "P2: {} was made at {} and again: {answered:?}", keyed.key, of_it[0].offset);
        match journal.append_with(&[b"other".as_slice()], &how) {
            Err(Error::KeyReused { first }) if first == of_it[0].offset => Ok(true),
            other => Err(format!("P2: {} with other payloads: {other:?}", keyed.key)),
        }
    }
}

/// Waits for a future of a task.
pub(crate) fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(ready) => return ready,
            Poll::Pending => std::thread::park(),
        }
    }
}

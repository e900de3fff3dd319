//! The calls of a life: each with the promise that allows for it, and what its outcome promises.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use annals_journal::{AppendOptions, Consent, Disk, Error, Journal, Keep, SyncPolicy};
use annals_record::{Kind, Offset};

use super::{Life, open_reader};
use crate::crash::promise::{CURSORS, Promise, Unsure, hold};

impl Life<'_> {
    /// One call, drawn.
    pub(super) fn one_call(&mut self) -> Result<(), String> {
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

    fn append(&mut self, records: usize) -> Result<(), String> {
        let payloads =
            if records == 1 { vec![self.plan.payload(self.rng)] } else { self.plan.payloads(self.rng) };
        let durable = self.rng.u32(..8) == 0;
        let how = AppendOptions { durable, ..AppendOptions::default() };
        self.append_these("append", &payloads, None, &how)
    }

    fn append_if(&mut self) -> Result<(), String> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let next = if self.rng.u32(..3) == 0 { Offset::ZERO } else { journal.durability().accepted };
        let payloads = self.plan.payloads(self.rng);
        let how = AppendOptions { next: Some(next), ..AppendOptions::default() };
        self.append_these("append_if", &payloads, None, &how)
    }

    fn keyed(&mut self) -> Result<(), String> {
        let payloads = self.plan.payloads(self.rng);
        let key = format!("key {:016x}", self.rng.u64(..));
        let how = AppendOptions { key: Some(key.as_bytes()), ..AppendOptions::default() };
        self.append_these("append with a key", &payloads, Some(key.clone()), &how)
    }

    fn append_these(
        &mut self,
        name: &'static str,
        payloads: &[Arc<[u8]>],
        key: Option<String>,
        how: &AppendOptions<'_>,
    ) -> Result<(), String> {
        let unsure = Unsure { payloads: payloads.to_vec(), key: key.clone() };
        let allow = |promise: &mut Promise| promise.unsure = Some(unsure);
        let made = self.call(
            name,
            allow,
            |_, journal| match payloads {
                [payload] if *how == AppendOptions::default() => {
                    journal.append(payload).map(|appended| vec![appended])
                }
                _ => journal.append_with(payloads, how),
            },
            |error| error.kind() != Kind::Stop,
        )?;
        match made {
            Ok(appended) => {
                self.promise.unsure = None;
                let last = appended.last().map_or(Offset::ZERO, |last| last.next);
                self.promise.accept(payloads, &appended, key)?;
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
                if self.promise.checkpoint_tried.is_some() {
                    self.reopen()
                } else {
                    self.after(&error)
                }
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
        let within = |kept: Offset| {
            if back { kept < at && kept >= self.promise.oldest } else { kept >= at && kept < durable }
        };
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
        made.or_else(|error| self.after(&error))
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

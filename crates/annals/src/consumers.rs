//! Several workers over one journal, each with a name, a sink and a cursor of its own.
//!
//!   journal -> worker -> store                     it answers questions; its name is `store`
//!         `--> worker -> a sink of an application, as many as wanted, each as fast as it is
//!
//! CO1: A consumer's error is its own: the store, the others and the appends go on.
//! CO2: A pause outlives the process that asked for it, and whoever opens the data next obeys it before a record is applied.
//! CO3: Retention removes nothing that a registered consumer has not made durable, whether it runs or not.
//! CO4: A record is skipped only by a seek forth that somebody has asked for; a seek back has everything applied again.

use std::sync::Arc;
use std::time::Duration;

use annals_record::{Cursor, Lag, Offset};
use annals_storage::Sink;

use crate::annals::{Annals, STORE_CURSOR};
use crate::error::Error;

mod holding;
mod notes;
mod roster;
mod running;
mod said;
mod store;

pub(crate) use notes::Notes;
pub use notes::{Pause, SeekAsked};
pub(crate) use roster::Consumers;
pub(crate) use running::Attended;
use running::Running;
pub(crate) use said::Said;
pub use said::{ConsumerKind, ConsumerState, ConsumerStatus};
pub(crate) use store::StoreWorker;

/// Longest name of a consumer, in bytes.
const MAX_NAME: usize = 64;

/// What no consumer is called, alone or before a dot: the journal has cursors of these names for the store, for kept
/// generations of it, and for projections.
const RESERVED: [&str; 2] = [STORE_CURSOR, "projection"];
/// Why a store cannot be put elsewhere, and what to do instead.
pub(crate) const KEEPS_ITS_PLACE: &str = "its cursor says what it holds; `annals rebuild` applies the journal again from its beginning, and `annals rewind` \
     takes an older copy of it as it stands";

/// How a consumer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// Its worker's settings. Default: those of [`annals_ingest::Options`].
    pub ingest: annals_ingest::Options,
    /// What it is called in reports. Default: [`ConsumerKind::Consumer`].
    pub kind: ConsumerKind,
    /// Where a sink begins that has no cursor yet. Default: [`ConsumerStart::Beginning`].
    pub start: ConsumerStart,
}

/// Where a consumer begins whose sink has no cursor yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsumerStart {
    /// At the journal's first record ever; refused where retention has removed it.
    #[default]
    Beginning,
    /// At the first record that the journal holds. The sink has to allow [`Sink::seek`].
    Oldest,
    /// At the journal's end: what is there by now is not applied. The sink has to allow [`Sink::seek`].
    End,
    /// At this offset. The sink has to allow [`Sink::seek`].
    At(Offset),
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            ingest: annals_ingest::Options::default(),
            kind: ConsumerKind::Consumer,
            start: ConsumerStart::default(),
        }
    }
}

/// One more worker over the journal, under a name. Dropping it stops it, as [`Consumer::stop`] does.
///
/// The name stays registered: the journal keeps what its sink has not made durable, until [`Annals::forget_consumer`].
#[must_use = "a consumer stops when this is dropped"]
pub struct Consumer<S: Sink + 'static> {
    running: Arc<Running<S>>,
    consumers: Arc<Consumers>,
    sink: Arc<S>,
}

impl Annals {
    /// Runs one more worker over the journal, which fills `sink` from where that stands, under this name: 1 to 64 of `a`
    /// to `z`, `0` to `9`, `-` and `.`. From now on the journal holds what the sink has not made durable, by a named
    /// cursor of the same name. A consumer that is paused stays so; a seek that was asked for while it did not run is done
    /// before it applies anything.
    ///
    /// # Errors
    /// [`Error::ConsumerName`]; [`Error::ConsumerTaken`] if one of this name is at work; [`Error::Consumer`] if the sink
    /// does not belong to the journal; [`Error::Journal`] if somebody holds a cursor of this name; [`Error::Store`] if the
    /// sink cannot be read.
    pub fn consumer<S: Sink + 'static>(&self, name: &str, sink: Arc<S>) -> Result<Consumer<S>, Error> {
        self.consumer_with(name, sink, ConsumerOptions::default())
    }

    /// As [`Annals::consumer`], with options.
    ///
    /// # Errors
    /// As [`Annals::consumer`].
    pub fn consumer_with<S: Sink + 'static>(
        &self,
        name: &str,
        sink: Arc<S>,
        options: ConsumerOptions,
    ) -> Result<Consumer<S>, Error> {
        let consumers = self.consumers();
        let running = consumers.register(name, &sink, options, self.journal())?;
        Ok(Consumer { running, consumers: Arc::clone(consumers), sink })
    }

    /// Has the worker of this name, `store` or a consumer's, rest until [`Annals::resume`], also in processes to come:
    /// when this returns it applies nothing more, and what it has applied is durable.
    ///
    /// # Errors
    /// [`Error::NoConsumer`] if no consumer of this name was ever registered; [`Error::Io`] if that cannot be noted.
    pub fn pause(&self, name: &str) -> Result<(), Error> {
        let consumers = self.consumers();
        let consumer = consumers.known(name)?;
        consumers.pause(name, || consumer.iter().for_each(|consumer| consumer.set_paused(true)))?;
        consumer.iter().for_each(|consumer| consumer.wait_until_paused());
        Ok(())
    }

    /// Has the worker of this name go on; a consumer that has failed tries again. Nothing happens to one
    /// that works.
    ///
    /// # Errors
    /// As [`Annals::pause`].
    pub fn resume(&self, name: &str) -> Result<(), Error> {
        let consumers = self.consumers();
        let consumer = consumers.known(name)?;
        consumers.resume(name, || consumer.iter().for_each(|consumer| consumer.set_paused(false)))
    }

    /// Forgets a consumer that is not at work: the journal holds nothing back for it any more, and no pause and no seek of
    /// it is left. False if nothing was known of it.
    ///
    /// # Errors
    /// [`Error::ConsumerTaken`] if it is at work; [`Error::ConsumerName`]; [`Error::Journal`] or [`Error::Io`] if what is
    /// noted cannot be taken away.
    pub fn forget_consumer(&self, name: &str) -> Result<bool, Error> {
        check_consumer(name)?;
        let _together = self.consumers().together();
        let roll = self.consumers().roll();
        if roll.find(name).is_some() {
            return Err(Error::ConsumerTaken { name: name.to_owned() });
        }
        let held = match self.journal().remove_cursor(name) {
            Err(annals_journal::Error::NoCursor { .. }) => false,
            removed => removed.map(|()| true)?,
        };
        let noted = self.consumers().notes.forget(name)?;
        drop(roll);
        Ok(held || noted)
    }
}

impl<S: Sink + 'static> Consumer<S> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.running.name()
    }

    /// What it fills.
    #[must_use]
    pub fn sink(&self) -> &Arc<S> {
        &self.sink
    }

    /// What its worker is doing and has done.
    #[must_use]
    pub fn progress(&self) -> annals_ingest::Status {
        self.running.progress()
    }

    /// How far it has come; none until its worker has looked.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.progress().cursor
    }

    /// How far it is behind the journal. May read a segment: for reports, not for loops.
    ///
    /// # Errors
    /// [`Error::Consumer`] if it has been stopped, or its worker has not looked yet, or the journal cannot be read.
    pub fn lag(&self) -> Result<Lag, Error> {
        let Some(worker) = self.running.worker() else { return Err(self.running.ended(Offset::ZERO)) };
        worker.lag().map_err(|source| self.running.failed(source))
    }

    /// Has it rest until [`Consumer::resume`], also in processes to come: when this returns it applies nothing more, and
    /// what it has applied is durable.
    ///
    /// # Errors
    /// [`Error::Io`] if that cannot be noted.
    pub fn pause(&self) -> Result<(), Error> {
        self.consumers.pause(self.name(), || self.running.set_paused(true))?;
        self.running.wait_until_paused();
        Ok(())
    }

    /// Has it go on; if it has failed, it tries again.
    ///
    /// # Errors
    /// [`Error::Io`] if the note of its pause cannot be taken away.
    pub fn resume(&self) -> Result<(), Error> {
        self.consumers.resume(self.name(), || self.running.set_paused(false))
    }

    /// Waits until everything before `offset` is applied to its sink.
    ///
    /// # Errors
    /// [`Error::Paused`] if it rests before that; [`Error::Timeout`] if it takes longer; [`Error::Consumer`] with its
    /// worker's reason if it has stopped.
    pub fn wait_for(&self, offset: Offset, timeout: Duration) -> Result<(), Error> {
        let Some(worker) = self.running.worker() else { return Err(self.running.ended(offset)) };
        worker.wait_for(offset, timeout).map_err(|error| match error {
            annals_ingest::Error::Paused { cursor, .. } => {
                Error::Paused { name: self.name().to_owned(), offset, applied: cursor }
            }
            annals_ingest::Error::Timeout { cursor, .. } => {
                Error::Timeout { offset, applied: cursor, waited: timeout }
            }
            source => self.running.failed(source),
        })
    }

    /// Puts its sink at `to` and has it go on from there, if it is not paused: back, and everything behind `to` is applied
    /// again; forth, and **what lies between is never applied**. Returns where it stood, none if nothing was applied yet.
    /// Durable on return.
    ///
    /// # Errors
    /// [`Error::Consumer`]: the sink refuses, or no record of the journal begins at `to`; then it stands where it stood.
    pub fn seek(&self, to: Offset) -> Result<Option<Offset>, Error> {
        self.running.seek(to)
    }

    /// Stops it: it finishes its batch and makes it durable. Its name stays registered.
    ///
    /// # Errors
    /// [`Error::Consumer`] if it had stopped by an error, or could not make everything durable.
    pub fn stop(self) -> Result<(), Error> {
        self.end()
    }

    fn end(&self) -> Result<(), Error> {
        let ended = self.running.end();
        self.consumers
            .roll()
            .running
            .retain(|other| !std::ptr::addr_eq(Arc::as_ptr(other), Arc::as_ptr(&self.running)));
        ended
    }
}

impl<S: Sink + 'static> Drop for Consumer<S> {
    fn drop(&mut self) {
        // What went wrong was reported when it did.
        let _ = self.end();
    }
}

/// What the journal's cursor of this name is there for, if no worker that is known has it: a kept generation of the store, a
/// projection, or what an application knows.
pub(crate) fn kind_of(name: &str) -> ConsumerKind {
    match name.split_once('.') {
        Some((first, _)) if first == RESERVED[0] => ConsumerKind::Store,
        Some((first, _)) if first == RESERVED[1] => ConsumerKind::Projection,
        _ => ConsumerKind::Named,
    }
}

/// Whether a name leads to a file of its own, and no other.
fn check_name(name: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(fits) {
        return Ok(());
    }
    Err(Error::ConsumerName { name: name.chars().take(MAX_NAME + 1).collect() })
}

/// Whether a consumer can have this name.
pub(crate) fn check_consumer(name: &str) -> Result<(), Error> {
    check_name(name)?;
    let taken = RESERVED.iter().any(|reserved| {
        name.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    if taken || name.contains('_') {
        return Err(Error::ConsumerName { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;

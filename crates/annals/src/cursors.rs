//! Who reads the journal and how far each has come, seen and told from beside the process that has the data.
//!
//!   status.json   what the owner said last of its workers -.
//!   consumers/    who was registered -----------------------+-> one list, with the journal as it is
//!   journal's cursors, named --------------------------------'
//!
//!   pause, resume, seek -> notes -> the owner looks once a second, or whoever opens next

use std::path::Path;

use annals_journal::{CursorStatus, Reader};
use annals_record::{Log, Offset, ReadLimit};

use crate::annals::STORE_CURSOR;
use crate::consumers::{
    ConsumerKind, ConsumerState, ConsumerStatus, KEEPS_ITS_PLACE, Notes, Pause, Said, kind_of,
};
use crate::directory::Directory;
use crate::error::Error;
use crate::projections::BUILT_ANEW;
use crate::status::{Beside, beside};

/// What a seek would do, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeekPlan {
    /// Whose cursor.
    pub name: String,
    /// What it fills: [`ConsumerKind::Consumer`] or [`ConsumerKind::Named`].
    pub kind: ConsumerKind,
    /// Where it stands, as far as is known; none if nothing is.
    pub from: Option<Offset>,
    /// Where it is to stand.
    pub to: Offset,
    /// How many records lie between the two: applied again, or skipped. Zero if `from` is not known.
    pub records: u64,
    /// How many bytes of the journal.
    pub bytes: u64,
}

impl SeekPlan {
    /// Whether it skips what lies between.
    #[must_use]
    pub fn skips(&self) -> bool {
        self.from.is_some_and(|from| from < self.to)
    }
}

/// The workers over the journal of a data directory, the store's first, then consumers, then the named cursors of the
/// journal that are nobody's of these; each by name. `owner` is the process that has the data now, as its lock names it: what it said last
/// is then how they are; without one it is how they were, and nobody is at work. Takes no lock and changes nothing.
///
/// # Errors
/// [`Error::Missing`] or [`Error::NotOurs`] if there is no data; [`Error::Journal`] if the journal cannot be read.
pub fn cursors(dir: &Path, owner: Option<&str>) -> Result<Vec<ConsumerStatus>, Error> {
    let Beside { reader, said, owner: speaker, .. } = beside(dir)?;
    let held = reader.peek_cursors()?;
    let notes = Notes::of(&Directory::existing(dir)?);
    let mut list = noted(&reader, &notes, said, owner.is_some() && speaker.as_deref() == owner)?;
    if owner.is_some() && speaker.as_deref() != owner {
        // It has just begun, and has not said anything yet.
        list.iter_mut().for_each(|status| status.state = ConsumerState::Starting);
    }
    for CursorStatus { name, position, lag, problem, .. } in held {
        match list.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.holds = position;
                if known.kind != ConsumerKind::Store && known.next.is_none() {
                    (known.next, known.durable, known.lag) = (position, position, lag);
                }
                known.error = known.error.take().or(problem);
            }
            None => {
                let kind = kind_of(&name);
                let paused = if kind == ConsumerKind::Projection { notes.paused(&name)? } else { None };
                let named = Said::nothing(&name, kind).status(lag);
                list.push(ConsumerStatus {
                    next: position,
                    durable: position,
                    holds: position,
                    error: problem,
                    paused,
                    ..named
                });
            }
        }
    }
    Ok(list)
}

/// What was said of the workers, with what is noted of them and how the log is by now.
pub(crate) fn noted<L: Log>(
    log: &L,
    notes: &Notes,
    mut said: Vec<Said>,
    owned: bool,
) -> Result<Vec<ConsumerStatus>, Error> {
    let store = (STORE_CURSOR.to_owned(), ConsumerKind::Store);
    for (name, kind) in std::iter::once(store).chain(notes.registered()?) {
        if !said.iter().any(|said| said.name == name) {
            said.push(Said::nothing(&name, kind));
        }
    }
    said.sort_by(|a, b| {
        (a.kind != ConsumerKind::Store, &a.name).cmp(&(b.kind != ConsumerKind::Store, &b.name))
    });
    let mut list = Vec::with_capacity(said.len());
    for said in said {
        // A place that is gone, or damaged, has no lag; the worker says why.
        let lag = said.next.and_then(|next| log.lag(Offset::new(next)).ok());
        let mut status = said.status(lag);
        if !owned && status.state != ConsumerState::Failed {
            status.state = ConsumerState::NotRunning;
        }
        status.paused = notes.paused(&status.name)?;
        status.seek = notes.seek(&status.name)?;
        list.push(status);
    }
    Ok(list)
}

/// Has the worker of this name, `store` or a consumer's, rest: the process that has the data obeys within a second or so,
/// and whoever opens it next before anything is applied. [`cursors`] tells when it rests. Since when it is to rest.
///
/// # Errors
/// [`Error::NoConsumer`] if there is none; [`Error::WrongKind`] for a named cursor, whose consumer Annals does not know;
/// [`Error::Io`] if it cannot be noted.
pub fn pause(dir: &Path, name: &str) -> Result<Pause, Error> {
    known(dir, name, "paused")?.pause(name)
}

/// Has the worker of this name go on, likewise; a consumer that has failed tries again. False if it was not to rest.
///
/// # Errors
/// As [`pause`].
pub fn resume(dir: &Path, name: &str) -> Result<bool, Error> {
    let notes = known(dir, name, "resumed")?;
    if name == STORE_CURSOR { notes.resume(name) } else { notes.ask_to_resume(name) }
}

/// Forgets a consumer that is not at work, or a named cursor that nobody holds: the journal holds nothing back for it.
///
/// # Errors
/// [`Error::NoConsumer`]; [`Error::WrongKind`] for the store; [`Error::Journal`] if it is at work.
pub fn forget(dir: &Path, name: &str) -> Result<(), Error> {
    let (notes, reader, kind) = named(dir, name)?;
    if matches!(kind, ConsumerKind::Store | ConsumerKind::Projection) {
        let next = match name {
            STORE_CURSOR => {
                "`annals log cursors --remove store` gives up what the journal holds for rebuilds of it"
            }
            _ if kind == ConsumerKind::Projection => {
                "`annals projections disable` takes it away, and what the journal holds for it"
            }
            _ => "`annals generations --remove` takes a kept one away, and what the journal holds for it",
        };
        return Err(Error::WrongKind { name: name.to_owned(), kind, done: "forgotten", next });
    }
    match reader.remove_cursor(name) {
        Err(annals_journal::Error::NoCursor { .. }) => {}
        removed => removed?,
    }
    notes.forget(name).map(drop)
}

/// What a seek of the worker or named cursor of this name to `to` would do. Changes nothing.
///
/// # Errors
/// [`Error::NoConsumer`]; [`Error::WrongKind`] for the store and projections; [`Error::Log`] if nothing of the journal can
/// be read from `to`.
pub fn plan_seek(dir: &Path, name: &str, to: Offset) -> Result<SeekPlan, Error> {
    let (_, reader, kind) = named(dir, name)?;
    let next = match kind {
        ConsumerKind::Store => KEEPS_ITS_PLACE,
        ConsumerKind::Projection => BUILT_ANEW,
        _ => "",
    };
    if !next.is_empty() {
        return Err(Error::WrongKind { name: name.to_owned(), kind, done: "moved", next });
    }
    reader.read(to, ReadLimit { records: 1, bytes: 1 })?;
    let from = cursors(dir, None)?.into_iter().find(|known| known.name == name).and_then(|known| known.next);
    let (records, bytes) = match from {
        Some(from) => {
            // What was purged before it was applied is skipped in any case.
            let from = from.max(reader.bounds()?.oldest);
            let (earlier, later) = (reader.lag(from.min(to))?, reader.lag(from.max(to))?);
            (earlier.records.saturating_sub(later.records), earlier.bytes.saturating_sub(later.bytes))
        }
        None => (0, 0),
    };
    Ok(SeekPlan { name: name.to_owned(), kind, from, to, records, bytes })
}

/// Does it: a named cursor is moved at once, and true is returned; for a consumer it is noted, and the process that has the
/// data does it within a second or so, or whoever registers the consumer next before it applies anything. [`cursors`] tells
/// when it is done, or why not.
///
/// # Errors
/// [`Error::Journal`] if somebody holds the named cursor, or it cannot be moved; [`Error::Io`] if it cannot be noted.
pub fn seek(dir: &Path, plan: &SeekPlan) -> Result<bool, Error> {
    let (notes, reader, kind) = named(dir, &plan.name)?;
    if kind != ConsumerKind::Named {
        return notes.ask_to_seek(&plan.name, plan.to).map(|()| false);
    }
    let mut cursor = reader.cursor(&plan.name)?;
    match plan.to < cursor.position() {
        true => cursor.rewind(plan.to)?,
        false => cursor.advance(plan.to, None)?,
    }
    Ok(true)
}

/// The notes, if a worker of this name can be told something.
fn known(dir: &Path, name: &str, done: &'static str) -> Result<Notes, Error> {
    let (notes, _, kind) = named(dir, name)?;
    if kind == ConsumerKind::Named {
        let next = "its consumer is an application of its own; pause that";
        return Err(Error::WrongKind { name: name.to_owned(), kind, done, next });
    }
    if kind == ConsumerKind::Store && name != STORE_CURSOR {
        let next = "it is a kept one, which nobody fills";
        return Err(Error::WrongKind { name: name.to_owned(), kind, done, next });
    }
    Ok(notes)
}

/// What a name stands for.
fn named(dir: &Path, name: &str) -> Result<(Notes, Reader, ConsumerKind), Error> {
    let directory = Directory::existing(dir)?;
    let (notes, reader) = (Notes::of(&directory), beside(dir)?.reader);
    let registered = notes.registered()?.into_iter().find(|(known, _)| known == name);
    let kind = match registered {
        _ if name == STORE_CURSOR => ConsumerKind::Store,
        Some((_, kind)) => kind,
        None if reader.peek_cursors()?.iter().any(|cursor| cursor.name == name) => kind_of(name),
        None => return Err(Error::NoConsumer { name: name.to_owned() }),
    };
    Ok((notes, reader, kind))
}

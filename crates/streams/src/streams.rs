//! The handle to a root: write to any stream by its name, seal, set, sync, close.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use annals_journal::{AppendOptions, Appended, Clock, Disk, Offset, OpenReport, RealDisk, SystemClock};

use crate::codec::Codec;
use crate::crew;
use crate::durability::{self, Durability};
use crate::error::Error;
use crate::options::Options;
use crate::pool::{Claim, Entry};
use crate::replay::{Query, Replay};
use crate::root::{Core, Foreign, Handles};
use crate::settings::Settings;
use crate::source::{Source, Streamed};
use crate::span;
use crate::stream::Stream;
use crate::worker::Reencoded;

/// Many named streams under one root, open for writing by this process alone.
///
/// A handle is cheap to clone, and every method takes `&self`: threads share it as it is. The last handle to go closes the
/// root in order; [`Streams::close`] does so at once and says whether it worked.
#[derive(Clone, Debug)]
pub struct Streams {
    pub(crate) core: Arc<Handles>,
}

/// What a checkpoint did to a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpointed {
    /// The stream.
    pub stream: String,
    /// Whether a segment was sealed: one that holds nothing is not.
    pub sealed: bool,
    /// Where the stream goes on: everything before is sealed and durable.
    pub next: Offset,
}

impl Streams {
    /// Opens the root `root` with default options, making it if it is missing. No stream is opened by this: of those there
    /// are, the names are listed.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process writes to it; [`Error::Io`].
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(root, Options::default())
    }

    /// Opens the root `root` with these options.
    ///
    /// # Errors
    /// As [`Streams::open`]; [`Error::Option`] if one is out of range.
    pub fn open_with(root: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), Arc::new(SystemClock), root.as_ref(), options)
    }

    /// Opens the root `root` of this disk, with this clock.
    ///
    /// # Errors
    /// As [`Streams::open_with`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        root: &Path,
        options: Options,
    ) -> Result<Self, Error> {
        let core = Arc::new(Core::open(disk, clock, root, options)?);
        Ok(Self { core: Arc::new(Handles(core)) })
    }

    /// The root's directory, as it was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.core.root
    }

    /// What was found in the root that is not ours, when it was opened. It was left alone.
    #[must_use]
    pub fn foreign(&self) -> &[Foreign] {
        &self.core.strangers
    }

    /// The names of the streams, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.core.all().iter().map(|entry| entry.name.to_string()).collect()
    }

    /// Appends payloads to a stream as one atomic batch, making the stream if there is none; returns a receipt for each
    /// once they are what the stream's [`Settings::sync`] promises.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::Poisoned`]; [`Error::Journal`] with what the journal says: above all that the disk is full, and
    /// then nothing was kept.
    pub fn write<P: AsRef<[u8]>>(&self, stream: &str, payloads: &[P]) -> Result<Vec<Appended>, Error> {
        self.write_with(stream, payloads, &AppendOptions::default())
    }

    /// As [`Streams::write`], and as `how` says: durably, only at this end, once for a key.
    ///
    /// # Errors
    /// As [`Streams::write`].
    pub fn write_with<P: AsRef<[u8]>>(
        &self,
        stream: &str,
        payloads: &[P],
        how: &AppendOptions<'_>,
    ) -> Result<Vec<Appended>, Error> {
        self.append(&self.core.entry(stream)?, payloads, how)
    }

    pub(crate) fn append<P: AsRef<[u8]>>(
        &self,
        entry: &Arc<Entry>,
        payloads: &[P],
        how: &AppendOptions<'_>,
    ) -> Result<Vec<Appended>, Error> {
        let lease = self.core.lease(entry)?;
        let interval = lease.settings.interval().filter(|_| !how.durable);
        if interval.is_some() {
            self.core.start_syncer()?;
        }
        let appended = lease
            .journal
            .append_with(payloads, how)
            .map_err(|error| Error::of(entry.name.as_str(), error))?;
        if let Some(interval) = interval {
            self.core.sync_within(entry, interval);
        }
        if lease.disk.has_rolled() {
            self.core.note(entry);
        }
        Ok(appended)
    }

    /// A handle to the stream of this name, whether it is there yet or not. It is the name: it holds nothing open.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Foreign`].
    pub fn stream(&self, stream: &str) -> Result<Stream, Error> {
        Ok(Stream::new(self.clone(), self.core.entry(stream)?))
    }

    /// The records of one stream, or of all, by time, within exact bounds.
    ///
    /// What was accepted before this call is made durable first, and is read. Where that fails, and whatever else is wrong with a
    /// stream, is an item of the replay: it goes on with what is durable, and with the other streams.
    ///
    /// # Errors
    /// [`Error::NoStream`] of a stream that was named; [`Error::Name`]; [`Error::Closed`].
    pub fn replay(&self, query: &Query) -> Result<Replay, Error> {
        let buffered: Vec<Arc<Entry>> = match &query.streams {
            None => self.core.opened().clone(),
            Some(names) => names.iter().map(|name| self.core.existing(name)).collect::<Result<_, _>>()?,
        };
        let settled = crew::each(&buffered, self.core.options.at_once, |entry| {
            let Some(lease) = entry.lease_open() else { return Ok(()) };
            let settled = Source::Open(lease).settle();
            settled.map_err(|error| Error::of(entry.name.as_str(), error))
        });
        let unsettled = settled.into_iter().filter_map(Result::err).collect();
        Replay::new(Arc::clone(&self.core) as Arc<dyn Streamed>, query, unsettled)
    }

    /// Makes durable everything that was accepted, of one stream or of all.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Poisoned`] of the first stream that could not be synced, once all were tried.
    pub fn sync(&self, stream: Option<&str>) -> Result<(), Error> {
        let entries = match stream {
            Some(name) => vec![self.core.existing(name)?],
            None => self.core.opened().clone(),
        };
        self.core.sync_together(&entries).into_iter().fold(Ok(()), Result::and)
    }

    /// Seals the active segment of one stream, or of all, and goes on in a fresh one. A segment that holds nothing is left as
    /// it is. All sealed segments have their manifests then.
    ///
    /// # Errors
    /// [`Error::NoStream`]; the first stream's error, once all were tried.
    pub fn checkpoint(&self, stream: Option<&str>) -> Result<Vec<Checkpointed>, Error> {
        let entries = match stream {
            Some(name) => vec![self.core.existing(name)?],
            None => self.core.all(),
        };
        crew::each(&entries, self.core.options.at_once, |entry| self.checkpoint_one(entry))
            .into_iter()
            .filter(|checkpointed| !matches!(checkpointed, Err(Error::NoStream { .. }) if stream.is_none()))
            .collect()
    }

    fn checkpoint_one(&self, entry: &Arc<Entry>) -> Result<Checkpointed, Error> {
        let failed = |error| Error::of(entry.name.as_str(), error);
        let mut source = self.core.source_of(entry)?;
        let mut sealed = source.sealed().map_err(failed)?;
        let (_, durable) = source.bounds().map_err(|error| Error::read(entry.name.as_str(), error))?;
        let begins = sealed.last().map_or(Offset::ZERO, |last| last.end);
        let mut next = durable;
        if let Source::Beside(..) = source
            && begins < durable
        {
            source = Source::Open(self.core.lease(entry)?);
        }
        if let Source::Open(lease) = &source {
            next = lease.journal.seal().map_err(failed)?;
            sealed = source.sealed().map_err(failed)?;
        }
        for segment in &sealed {
            span::written(&*self.core, &entry.name, &source, segment)?;
        }
        Ok(Checkpointed { stream: entry.name.to_string(), sealed: next > begins, next })
    }

    /// Encodes what is sealed and not yet in the form that its stream's settings say, of one stream or of all, and says what
    /// it did. Each segment is written anew, synced, decoded, compared byte for byte, and only then takes the plain one's
    /// place. One that would not become smaller stays as it is.
    ///
    /// # Errors
    /// [`Error::NoStream`]; the first stream's error, once all were tried; [`Error::Codec`]: the segment stands as it was.
    pub fn encode_now(&self, stream: Option<&str>) -> Result<Vec<Reencoded>, Error> {
        let entries = match stream {
            Some(name) => vec![self.core.existing(name)?],
            None => self.core.all(),
        };
        let (mut all, mut first) = (Vec::new(), Ok(()));
        for entry in entries {
            match self.core.tend(&entry) {
                Ok(encoded) => all.extend(encoded),
                Err(Error::NoStream { .. }) if stream.is_none() => {}
                Err(error) => first = first.and(Err(error)),
            }
        }
        first.map(|()| all)
    }

    /// The settings that count for a stream: its own, or the root's defaults.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::Settings`] if its own do not verify.
    pub fn settings(&self, stream: &str) -> Result<Settings, Error> {
        let entry = self.core.entry(stream)?;
        self.core.settings_of(&entry)
    }

    /// Gives a stream settings of its own, durably, making the stream if there is none. They count from the next append on;
    /// what was accepted before is made durable first.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::Option`]; [`Error::Poisoned`] if what was accepted cannot be made durable; [`Error::Journal`]
    /// if they cannot be written, and then the old ones count.
    pub fn set(&self, stream: &str, settings: Settings) -> Result<(), Error> {
        let settings = settings.checked()?;
        let entry = self.core.entry(stream)?;
        let failed = |error| Error::of(stream, error);
        let mut claim = Claim::new(&entry);
        if self.core.is_closed() {
            return Err(Error::Closed);
        }
        let same = claim.state.open.as_ref().is_some_and(|opened| {
            (opened.settings.sync, opened.settings.segment_bytes, opened.settings.bucket)
                == (settings.sync, settings.segment_bytes, settings.bucket)
        });
        if !same {
            self.core.close_claimed(&entry, &mut claim.state)?;
        }
        let disk = &*self.core.disk;
        disk.create_dir(&entry.dir).map_err(|error| Error::io("create", &entry.dir, error))?;
        disk.sync_dir(&self.core.wal).map_err(|error| Error::io("sync", &self.core.wal, error))?;
        settings.write(disk, &entry.dir).map_err(failed)?;
        claim.state.settings = Some(settings);
        drop(claim);
        entry.made.store(true, Ordering::Release);
        if settings.codec != Codec::Plain {
            self.core.note(&entry);
        }
        Ok(())
    }

    /// Opens a stream anew that has stopped, and says what was found: everything that is durable, and what was cut.
    ///
    /// # Errors
    /// [`Error::NoStream`]; as [`Streams::write`].
    pub fn reopen(&self, stream: &str) -> Result<OpenReport, Error> {
        self.core.reopen(&self.core.existing(stream)?)
    }

    /// What every stream has accepted, and how much of it is durable.
    #[must_use]
    pub fn durability(&self) -> Durability {
        durability::snapshot(&self.core)
    }

    /// Closes the root for all its handles: makes everything accepted durable, closes every stream in order, gives the lock
    /// back. Later calls get [`Error::Closed`].
    ///
    /// # Errors
    /// The first stream's error, once all are closed.
    pub fn close(self) -> Result<(), Error> {
        self.core.close()
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! What the pipeline says of itself, also to other processes.
//!
//!   owner -> status.json, once a second while something changes -> status of a process beside it

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use annals_ingest::{Pace, State};
use annals_journal::{Journal, Reader};
use annals_record::{Lag, Log, Offset};
use annals_storage::{Counts, Passed};
use serde::{Deserialize, Serialize};

use crate::annals::Serving;
use crate::consumers::{ConsumerStatus, Consumers, Notes, Said};
use crate::cursors;
use crate::digest::Sums;
use crate::directory::{self, Directory};
use crate::error::Error;
use crate::lineage::Lineage;

/// How many ranges that were passed are named.
const PASSED_NAMED: usize = 100;
/// How often the owner tells others how far it is.
const RHYTHM: Duration = Duration::from_secs(1);
/// As much of the status file as is read: it may be anything.
const WORDS_BYTES: u64 = 16 << 20;

/// The state of journal, store and worker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The journal.
    pub journal: annals_journal::Status,
    /// The store; none if there is none yet, or its owner has not said anything.
    pub store: Option<StoreStatus>,
    /// How far the store is behind the journal.
    pub lag: Lag,
    /// When it will have caught up, by the rate of the worker at work less the rate of appends, both smoothed over about
    /// ten seconds. Zero if it has; none if it does not catch up, if no worker works, or if the rates are not known yet.
    pub catch_up: Option<Duration>,
    /// The process that owns the data, if it is another one.
    pub owner: Option<String>,
    /// The workers over the journal: the store's first, then the consumers that are known.
    pub consumers: Vec<ConsumerStatus>,
}

/// The state of a store and of the worker that fills it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStatus {
    /// The next offset to apply; none before the first.
    pub cursor: Option<Offset>,
    /// What it holds.
    pub counts: Counts,
    /// How many dead letters were given up.
    pub discarded: u64,
    /// Ranges of the journal that did not verify and were passed, the first hundred: what stood there is not in the store.
    pub passed: Vec<Passed>,
    /// Its generation.
    pub generation: String,
    /// The sums over what it holds; none if its owner does not say.
    pub sums: Option<Sums>,
    /// Why the worker has stopped, if it has.
    pub worker_error: Option<String>,
}

/// The status file's words.
#[derive(Serialize, Deserialize, PartialEq, Clone)]
pub(crate) struct Words {
    owner: Option<String>,
    pub(crate) generation: String,
    pub(crate) cursor: Option<u64>,
    assertions: u64,
    votes: u64,
    epochs: u64,
    epoch_versions: u64,
    subjects: u64,
    dead_letters: u64,
    application: u64,
    /// These are not in what an earlier version wrote.
    #[serde(default)]
    discarded: u64,
    #[serde(default)]
    passed: Vec<PassedWords>,
    #[serde(default)]
    pub(crate) digests: Option<Sums>,
    worker_error: Option<String>,
    /// Said only while the store is behind; not in what an earlier version wrote.
    #[serde(default)]
    pace: Option<Rates>,
    /// The workers; not in what an earlier version wrote.
    #[serde(default)]
    pub(crate) consumers: Vec<Said>,
}

/// How fast the worker is and how fast the journal grows, in bytes of the journal a second.
#[derive(Serialize, Deserialize, PartialEq, Clone, Copy)]
struct Rates {
    applied_bytes_per_second: u64,
    appended_bytes_per_second: u64,
}

/// A range that was passed.
#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct PassedWords {
    offset: u64,
    len: u64,
    detail: String,
}

impl From<&Passed> for PassedWords {
    fn from(passed: &Passed) -> Self {
        Self { offset: passed.offset.get(), len: passed.len, detail: passed.detail.clone() }
    }
}

impl From<PassedWords> for Passed {
    fn from(words: PassedWords) -> Self {
        Self { offset: Offset::new(words.offset), len: words.len, detail: words.detail }
    }
}

impl StoreStatus {
    pub(crate) fn of(serving: &Serving) -> Result<Self, Error> {
        let (status, sums) = Self::with_sums(serving)?;
        Ok(Self { sums: Some(sums), ..status })
    }

    /// The state and, as of the same offset, the sums.
    pub(crate) fn with_sums(serving: &Serving) -> Result<(Self, Sums), Error> {
        let snapshot = serving.store.snapshot()?;
        let progress = serving.ingestor.progress();
        let failed = progress.state == State::Failed;
        let status = Self {
            cursor: snapshot.cursor().map(|cursor| cursor.next),
            counts: snapshot.counts()?,
            discarded: snapshot.discarded_len()?,
            passed: snapshot.passed(None, PASSED_NAMED)?,
            generation: serving.generation.to_string(),
            sums: None,
            worker_error: progress.last_error.filter(|_| failed).map(|error| error.to_string()),
        };
        Ok((status, Sums::of(&snapshot)?))
    }

    fn words(&self, owner: Option<String>, pace: Option<Rates>) -> Words {
        let Counts { assertions, votes, epochs, epoch_versions, subjects, dead_letters, application } =
            self.counts;
        Words {
            owner,
            generation: self.generation.clone(),
            cursor: self.cursor.map(Offset::get),
            assertions,
            votes,
            epochs,
            epoch_versions,
            subjects,
            dead_letters,
            application,
            discarded: self.discarded,
            passed: self.passed.iter().map(PassedWords::from).collect(),
            digests: self.sums.clone(),
            worker_error: self.worker_error.clone(),
            pace,
            consumers: Vec::new(),
        }
    }
}

impl From<Words> for StoreStatus {
    fn from(words: Words) -> Self {
        let Words { assertions, votes, epochs, epoch_versions, subjects, dead_letters, application, .. } =
            words;
        Self {
            cursor: words.cursor.map(Offset::new),
            counts: Counts { assertions, votes, epochs, epoch_versions, subjects, dead_letters, application },
            discarded: words.discarded,
            passed: words.passed.into_iter().map(Passed::from).collect(),
            generation: words.generation,
            sums: words.digests.filter(Sums::are_digests),
            worker_error: words.worker_error,
        }
    }
}

impl Serving {
    /// Whether a worker works, or tries to.
    fn works(&self) -> bool {
        !matches!(self.ingestor.progress().state, State::Failed | State::Stopped | State::Paused)
    }
}

/// The state of a data directory as another process can see it: the journal as it is, the store as its owner last said.
///
/// # Errors
/// [`Error::Missing`] or [`Error::NotOurs`] if there is no data; [`Error::Journal`] if the journal cannot be read.
pub fn status_beside(dir: &Path) -> Result<Status, Error> {
    let Beside { reader, store, owner, rates, said } = beside(dir)?;
    let journal = reader.status()?;
    let cursor = store.as_ref().and_then(|store| store.cursor).unwrap_or(Offset::ZERO);
    let lag = reader.lag(cursor)?;
    let of_rates = |rates: Rates| {
        let Rates { applied_bytes_per_second: applied, appended_bytes_per_second: appended } = rates;
        Pace::between(applied as f64, appended as f64, lag.bytes)
    };
    let catch_up = if lag.bytes == 0 { Some(Duration::ZERO) } else { rates.and_then(of_rates) };
    let consumers = cursors::noted(&reader, &Notes::of(&Directory::existing(dir)?), said, owner.is_some())?;
    Ok(Status { journal, store, lag, catch_up, owner, consumers })
}

/// A data directory as another process can see it.
pub(crate) struct Beside {
    /// Its log.
    pub(crate) reader: Reader,
    /// The store, as its owner last said.
    pub(crate) store: Option<StoreStatus>,
    /// The process that said so, if it still has the data.
    pub(crate) owner: Option<String>,
    /// The rates it said last.
    rates: Option<Rates>,
    /// What it said of its workers.
    pub(crate) said: Vec<Said>,
}

pub(crate) fn beside(dir: &Path) -> Result<Beside, Error> {
    let directory = Directory::existing(dir)?;
    let reader = open_reader(&directory)?;
    let words = read_words(&directory.status_file());
    let owner = words.as_ref().and_then(|words| words.owner.clone());
    let rates = words.as_ref().and_then(|words| words.pace.filter(|_| words.owner.is_some()));
    let said = words.as_ref().map(|words| words.consumers.clone()).unwrap_or_default();
    Ok(Beside { reader, store: words.map(StoreStatus::from), owner, rates, said })
}

/// The log of a data directory, to be read beside whatever process owns it.
///
/// # Errors
/// As [`status_beside`].
pub fn log_reader(dir: &Path) -> Result<Reader, Error> {
    open_reader(&Directory::existing(dir)?)
}

fn open_reader(directory: &Directory) -> Result<Reader, Error> {
    match Reader::open(directory.journal()) {
        Err(annals_journal::Error::Missing { .. }) => {
            Err(Error::Missing { path: directory.root().to_owned() })
        }
        opened => Ok(opened?),
    }
}

/// What the owner last said, if it can be read.
pub(crate) fn read_words(path: &Path) -> Option<Words> {
    // A hint for reports: absent or unreadable, it says nothing.
    serde_json::from_slice(&directory::read_plain(path, WORDS_BYTES).ok()?).ok()
}

/// The status file, kept up to date by a thread of its own, which also looks after the journal when it is quiet
/// takes old generations away once nobody reads them, and has the workers do what
/// other processes have noted.
pub(crate) struct StatusFile {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    path: PathBuf,
    journal: Journal,
    serving: Arc<RwLock<Serving>>,
    lineage: Arc<Lineage>,
    consumers: Arc<Consumers>,
    pace: Mutex<Pace>,
    closed: Mutex<bool>,
    changed: Condvar,
}

impl StatusFile {
    pub(crate) fn keep(
        path: PathBuf,
        journal: Journal,
        serving: Arc<RwLock<Serving>>,
        (lineage, consumers): (Arc<Lineage>, Arc<Consumers>),
    ) -> Result<Self, Error> {
        let (closed, changed) = (Mutex::new(false), Condvar::new());
        let pace = Mutex::default();
        let shared = Arc::new(Shared { path, journal, serving, lineage, consumers, pace, closed, changed });
        let keeper = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("annals-status".to_owned())
            .spawn(move || keeper.run())
            .map_err(Error::io("start a thread for", &shared.path))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// When the store will have caught up; see [`Status::catch_up`].
    pub(crate) fn catch_up(&self, lag: &Lag) -> Option<Duration> {
        if lag.bytes == 0 {
            return Some(Duration::ZERO);
        }
        let serving = self.shared.serving();
        self.shared.pace(&serving).filter(|_| serving.works())?.catch_up(lag.bytes)
    }

    /// How the workers stand.
    pub(crate) fn consumers(&self, journal: &Journal) -> Result<Vec<ConsumerStatus>, Error> {
        cursors::noted(journal, &self.shared.consumers.notes, self.shared.consumers.said(), true)
    }

    /// Says a last time how things stand: nobody owns the data any more.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        self.end();
        self.shared.lineage.remove_waiting();
        self.shared.write(None).map_err(Error::io("write", &self.shared.path))
    }

    fn end(&mut self) {
        *self.shared.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the keeper loses a hint, nothing else.
            let _ = thread.join();
        }
    }
}

impl Drop for StatusFile {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end();
            // Nobody can be told any more; the file is a hint.
            let _ = self.shared.write(None);
        }
    }
}

impl Shared {
    fn run(&self) {
        let owner = annals_journal::holder();
        let (mut said, mut seen) = (None, self.journal.durable());
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closed {
            drop(closed);
            self.consumers.obey();
            let words = self.words(Some(owner.clone()));
            if words.is_some() && words != said {
                if let Err(error) = self.replace(words.as_ref()) {
                    tracing::warn!(%error, path = %self.path.display(), "the status file cannot be written");
                }
                said = words;
            }
            self.settle(&mut seen);
            self.lineage.remove_waiting();
            closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = self.changed.wait_timeout_while(closed, RHYTHM, |closed| !*closed);
            closed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Once nothing was appended for a while, the journal's watermark becomes durable.
    fn settle(&self, seen: &mut Offset) {
        let before = std::mem::replace(seen, self.journal.durable());
        if before == *seen
            && let Err(error) = self.journal.settle()
        {
            tracing::error!(%error, "the journal's watermark cannot be synced");
        }
    }

    fn words(&self, owner: Option<String>) -> Option<Words> {
        let serving = self.serving();
        let pace = self.pace(&serving);
        let status = StoreStatus::of(&serving).ok()?;
        let behind = status.cursor.is_none_or(|cursor| cursor < self.journal.durable());
        let rates = pace.filter(|_| behind && serving.works()).and_then(|pace| {
            Some(Rates {
                applied_bytes_per_second: pace.applied_per_second()? as u64,
                appended_bytes_per_second: pace.appended_per_second() as u64,
            })
        });
        Some(Words { consumers: self.consumers.said(), ..status.words(owner, rates) })
    }

    /// The pace, as of now; none before the worker has looked.
    fn pace(&self, serving: &Serving) -> Option<Pace> {
        let progress = serving.ingestor.progress();
        let (applied, end) = (progress.cursor?.next.get(), self.journal.durable().get());
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.sample(Instant::now(), applied, progress.busy, end);
        Some(pace.clone())
    }

    fn serving(&self) -> Serving {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, owner: Option<String>) -> std::io::Result<()> {
        self.replace(self.words(owner).as_ref())
    }

    fn replace(&self, words: Option<&Words>) -> std::io::Result<()> {
        let Some(words) = words else { return Ok(()) };
        let mut bytes = serde_json::to_vec(words)?;
        bytes.push(b'\n');
        directory::write_aside(&self.path.with_extension("json.tmp"), &self.path, &bytes)
    }
}

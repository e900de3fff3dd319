//! A root: which streams there are, by the names of directories alone, and what they share.
//!
//! ```text
//!   {root}/wal/LOCK                       one writer for the root
//!   {root}/wal/store={name}/              a stream: see `partitioned`
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use annals_journal::{Clock, Disk, Held, holder};

use crate::error::Error;
use crate::name::StreamName;
use crate::options::Options;
use crate::pool::Entry;
use crate::settings::Settings;
use crate::syncer::Syncer;
use crate::worker::Worker;

/// The directory of all streams in a root.
pub(crate) const WAL: &str = "wal";
const LOCK_FILE: &str = "LOCK";

/// What all handles to a root share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) root: PathBuf,
    pub(crate) wal: PathBuf,
    pub(crate) options: Options,
    entries: RwLock<BTreeMap<StreamName, Arc<Entry>>>,
    pub(crate) strangers: Vec<Foreign>,
    pub(crate) open: Mutex<Vec<Arc<Entry>>>,
    pub(crate) ticks: AtomicU64,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) worker: Arc<Worker>,
    is_closed: AtomicBool,
    /// Given back last.
    lock: Mutex<Option<Box<dyn Held>>>,
}

/// Something in a root that is not ours. It was left alone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Foreign {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not ours.
    pub reason: String,
}

/// The streams of a directory, and what else there is.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) names: Vec<StreamName>,
    pub(crate) strangers: Vec<Foreign>,
}

impl Survey {
    /// Looks at names alone, whatever they hold.
    pub(crate) fn of(disk: &dyn Disk, wal: &Path) -> io::Result<Self> {
        let mut survey = Self::default();
        for other in disk.list_others(wal)? {
            match StreamName::of_directory(&other.name) {
                Some(name) if other.is_dir => survey.names.push(name),
                Some(_) => {
                    survey.stranger(
                        wal,
                        &other.name,
                        "it is no directory, and stands where a stream belongs",
                    );
                }
                None => survey.stranger(wal, &other.name, "its name is no stream's"),
            }
        }
        for listed in disk.list(wal)? {
            if listed.name != LOCK_FILE {
                survey.stranger(wal, &listed.name, "it is a file among the streams");
            }
        }
        survey.names.sort_unstable();
        Ok(survey)
    }

    fn stranger(&mut self, wal: &Path, name: &str, reason: &str) {
        self.strangers.push(Foreign { path: wal.join(name), reason: reason.to_owned() });
    }
}

impl Core {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        root: &Path,
        options: Options,
    ) -> Result<Self, Error> {
        let options = options.checked()?;
        let wal = root.join(WAL);
        make(&*disk, root, &wal)?;
        let path = wal.join(LOCK_FILE);
        let lock = disk.lock(&path, &holder()).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::Locked { path, holder: error.to_string() },
            _ => Error::io("lock", &path, error),
        })?;
        let survey = Survey::of(&*disk, &wal).map_err(|error| Error::io("list", &wal, error))?;
        for stranger in &survey.strangers {
            tracing::warn!(path = %stranger.path.display(), reason = %stranger.reason, "left alone");
        }
        let entry = |name: StreamName| {
            let dir = wal.join(name.directory());
            (name.clone(), Arc::new(Entry::new(name, dir, true)))
        };
        let entries = survey.names.into_iter().map(entry).collect();
        Ok(Self {
            disk,
            clock,
            root: root.to_owned(),
            wal,
            options,
            entries: RwLock::new(entries),
            strangers: survey.strangers,
            open: Mutex::default(),
            ticks: AtomicU64::new(1),
            syncer: Arc::default(),
            worker: Arc::default(),
            is_closed: AtomicBool::new(false),
            lock: Mutex::new(Some(lock)),
        })
    }

    /// The stream of this name, whether it is on the disk or not.
    pub(crate) fn entry(&self, name: &str) -> Result<Arc<Entry>, Error> {
        if let Some(entry) = self.known(name) {
            return Ok(entry);
        }
        let name = StreamName::new(name)?;
        let dir = self.wal.join(name.directory());
        if let Some(stranger) = self.strangers.iter().find(|stranger| stranger.path == dir) {
            return Err(Error::Foreign { path: dir, reason: stranger.reason.clone() });
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(name.clone()).or_insert_with(|| Arc::new(Entry::new(name, dir, false)));
        Ok(Arc::clone(entry))
    }

    /// The stream of this name if it is on the disk.
    pub(crate) fn existing(&self, name: &str) -> Result<Arc<Entry>, Error> {
        let entry = self.known(name).filter(|entry| entry.made.load(Ordering::Acquire));
        match entry {
            Some(entry) => Ok(entry),
            None => {
                StreamName::new(name)?;
                Err(Error::NoStream { stream: name.to_owned() })
            }
        }
    }

    fn known(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All streams on the disk, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().filter(|entry| entry.made.load(Ordering::Acquire)).cloned().collect()
    }

    /// The settings that count for a stream: its own, or the defaults.
    pub(crate) fn settings_of(&self, entry: &Entry) -> Result<Settings, Error> {
        if let Some(settings) = entry.lock().settings {
            return Ok(settings);
        }
        let settings = Settings::read(&*self.disk, &entry.dir)?.unwrap_or(self.options.defaults);
        entry.lock().settings.get_or_insert(settings);
        Ok(settings)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Closes every stream, and gives the lock back. The first error, once all are closed.
    pub(crate) fn close(&self) -> Result<(), Error> {
        if self.is_closed.swap(true, Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        self.worker.end();
        self.syncer.end();
        let mut first = Ok(());
        // Who was opening one while this began is on the list, or finds the root closed.
        loop {
            let open = self.opened().clone();
            if open.is_empty() {
                break;
            }
            let closed = crate::crew::each(&open, self.options.at_once, |entry| {
                let mut claim = crate::pool::Claim::new(entry);
                self.close_claimed(entry, &mut claim.state)
            });
            first = closed.into_iter().fold(first, Result::and);
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        first
    }
}

/// What the handles of a root share: the last one to go closes it, whoever else still looks at the core.
#[derive(Debug)]
pub(crate) struct Handles(pub(crate) Arc<Core>);

impl std::ops::Deref for Handles {
    type Target = Arc<Core>;

    fn deref(&self) -> &Arc<Core> {
        &self.0
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        if let Err(error) = self.0.close()
            && !matches!(error, Error::Closed)
        {
            tracing::warn!(%error, root = %self.0.root.display(), "the root did not close in order");
        }
    }
}

/// Sees that the directory of all streams is there, durably.
fn make(disk: &dyn Disk, root: &Path, wal: &Path) -> Result<(), Error> {
    match disk.list(wal) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("list", wal, error)),
    }
    let absent = |path: &&Path| {
        let listed = disk.list(path);
        !path.as_os_str().is_empty() && listed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let mut born: Vec<&Path> = root.ancestors().take_while(absent).collect();
    born.push(wal);
    disk.create_dir(wal).map_err(|error| Error::io("create", wal, error))?;
    for path in born {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk.sync_dir(parent).map_err(|error| Error::io("sync", parent, error))?;
    }
    Ok(())
}

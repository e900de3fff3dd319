//! A mount that goes whatever happens: when it is dropped, after a panic, and what a killed run has left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, Config, MountOption, Session};
use rustix::mount::{UnmountFlags, unmount};

use super::power::Power;
use super::serve::Served;

/// How mounts of ours are called in the kernel's list.
const NAME: &str = "annals-proof";
/// So many calls may be under way at once: those that wait for ever hold no thread.
const THREADS: usize = 3;
/// How long a mount may take to end once nobody uses it.
const SOON: Duration = Duration::from_secs(20);

/// A disk at a place.
pub(crate) struct Mounted {
    at: PathBuf,
    power: Arc<Power>,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts a disk on an empty directory.
    ///
    /// # Errors
    /// Where the kernel has no FUSE, or does not let us.
    pub(crate) fn new(power: Arc<Power>, at: &Path) -> io::Result<Self> {
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName(NAME.to_owned()), MountOption::NoAtime];
        config.n_threads = Some(THREADS);
        let session = Session::new(Served(Arc::clone(&power)), at, &config)?.spawn()?;
        Ok(Self { at: at.to_owned(), power, session: Some(session) })
    }

    pub(crate) fn power(&self) -> &Power {
        &self.power
    }

    /// Takes the mount away; whoever used it must have ended.
    ///
    /// # Errors
    /// If it does not end: somebody still uses it.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.take_away()
    }

    fn take_away(&mut self) -> io::Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        self.power.let_go();
        // At once from the tree of files, from memory when nobody has it open any more.
        let detached = unmount(&self.at, UnmountFlags::DETACH);
        let began = Instant::now();
        while !session.guard.is_finished() {
            if began.elapsed() > SOON {
                std::mem::forget(session);
                return Err(io::Error::new(io::ErrorKind::TimedOut, "a mount is still in use"));
            }
            self.power.let_go();
            std::thread::park_timeout(Duration::from_micros(200));
        }
        // How the threads that served it ended says nothing: whoever read last may have been told of an abort.
        let _ = session.join();
        detached.map_err(io::Error::from)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What cannot be said here was said by `end`, or by the panic that is under way.
        let _ = self.take_away();
    }
}

/// Takes away the mounts of ours below a directory, which a run that was killed has left.
pub(crate) fn detach_leftovers(below: &Path) {
    let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else { return };
    for line in mounts.lines() {
        let mut words = line.split(' ');
        if let (Some(NAME), Some(at)) = (words.next(), words.next())
            && Path::new(at).starts_with(below)
        {
            let _ = unmount(at, UnmountFlags::DETACH);
        }
    }
}

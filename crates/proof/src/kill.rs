//! `kill -9` of the real binary, over and over, on directories that live through it.
//!
//!   number -> a directory, 20 to 50 cycles of up to four processes: import, append, rebuild, purge, seal, backup, ...
//!   each cycle: some are killed -> everything acknowledged is there, nothing is invented, the store equals a rebuilt one
//!   beside them: `tail -f`, which sees the same in the same order, or is told of a gap
//!
//! SIGKILL takes a process and not what it has written: whether bytes were synced is nothing that this trial can tell, and
//! a directory in memory is as good for it as one on a disk, and quicker. Every eighth number lives on a disk all the same:
//! that is slow in other places.

use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::Outcome;
use crate::figures::Figures;
use crate::run::{Run, Verdict};
use crate::trial::Trial;

mod chunk;
mod cycle;
mod follower;
mod history;
mod life;
mod moments;
mod oracle;
mod process;
mod program;
mod work;

use life::Life;
use moments::Moments;

/// Where memory is a file system.
const MEMORY: &str = "/dev/shm";

/// What to kill, and where.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    run: Run,
    /// The binary to kill; without it the `annals` beside this one.
    #[arg(long, value_name = "PATH")]
    annals: Option<PathBuf>,
    /// Where directories on a disk are made; without it, where temporary files are.
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// So many cycles a number, instead of 20 to 50.
    #[arg(long, value_name = "N")]
    cycles: Option<usize>,
}

impl Args {
    /// Tries the numbers.
    ///
    /// # Errors
    /// No binary; as [`Run::all`].
    pub(crate) fn run(self) -> Outcome<Verdict> {
        let annals = match self.annals {
            Some(annals) => annals,
            None => std::env::current_exe()?.with_file_name("annals"),
        };
        let annals = annals.canonicalize().map_err(|error| format!("{}: {error}", annals.display()))?;
        let disk = self.disk.unwrap_or_else(std::env::temp_dir);
        let kill = Kill { annals: annals.clone(), disk, cycles: self.cycles, moments: Moments::default() };
        self.run.all(&kill, &[annals])
    }
}

/// The trial.
struct Kill {
    annals: PathBuf,
    disk: PathBuf,
    cycles: Option<usize>,
    moments: Moments,
}

impl Trial for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn block(&self) -> u64 {
        2
    }

    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String> {
        let in_memory = number % 8 != 7 && Path::new(MEMORY).is_dir();
        let dir = if in_memory { Path::new(MEMORY) } else { &self.disk };
        let made = tempfile::Builder::new().prefix(&format!("annals-kill-{number}-")).tempdir_in(dir);
        let room = made.map_err(|error| format!("{}: {error}", dir.display()))?;
        figures.add("in-memory", u64::from(in_memory));
        match self.live(number, room.path(), figures) {
            Ok(()) => Ok(()),
            Err(what) => Err(format!("{what}\n  all of it is kept in {}", room.keep().display())),
        }
    }
}

impl Kill {
    fn live(&self, number: u64, room: &Path, figures: &mut Figures) -> Result<(), String> {
        let mut random = Rng::with_seed(number);
        let drawn = random.usize(20..=50);
        let mut life = Life::begin(random, &self.annals, room.to_owned(), &self.moments);
        for cycle in 0..self.cycles.unwrap_or(drawn) {
            life.cycle(figures).map_err(|what| format!("cycle {cycle}: {what}"))?;
        }
        life.end(figures)?;
        match figures.get("kills-into-work") {
            0 if self.cycles.is_none() => Err("no kill fell into work: nothing was tried".to_owned()),
            _ => Ok(()),
        }
    }
}

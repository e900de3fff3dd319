//! Power cuts of the real binary, on a file system that keeps only what was synced.
//!
//!   number -> scenario: base, lives -> each life: mount, commands, the power goes, kill, what is left -> the next life's disk
//!                                                                              the last one's -> a plain directory -> oracle
//!
//! What a number repeats: the commands and their input, the change before which the power goes, what survives of each file where
//! the same was dirty. What it does not: how the threads of the processes took turns, and the journal's random id.

mod base;
mod oracle;
mod order;
mod process;
mod records;
mod scenario;
mod stage;
mod truth;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::Args;
use tempfile::TempDir;

use crate::Outcome;
use crate::figures::Figures;
use crate::fuse;
use crate::run::{Run, Verdict};
use crate::trial::Trial;
use base::Bases;
use scenario::Scenario;
use stage::Stage;

/// Set to anything, it lets a machine without FUSE pass, aloud.
const WITHOUT_FUSE: &str = "ANNALS_PROOF_WITHOUT_FUSE";
/// Set for the process within its own mounts.
const WITHIN: &str = "ANNALS_PROOF_WITHIN";

/// Cut the power under `annals` again and again, and look at what is left.
#[derive(Args, Debug)]
pub(crate) struct Cut {
    #[command(flatten)]
    run: Run,
    /// The binary that is tried.
    #[arg(long, value_name = "PATH", default_value = "target/release/annals")]
    annals: PathBuf,
    /// Where mounts and survivors are; a file system in memory is best.
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    room: PathBuf,
    /// Keep what is left of a number that failed, below this directory.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Say what each number does.
    #[arg(long)]
    tell: bool,
}

impl Cut {
    /// Cuts the power.
    pub(crate) fn run(&self) -> Outcome<Verdict> {
        self.all(Way::Cut)
    }

    /// Cuts nothing, and holds the order of writes, syncs and names against the rules.
    pub(crate) fn account(&self) -> Outcome<Verdict> {
        self.all(Way::Account)
    }

    fn all(&self, way: Way) -> Outcome<Verdict> {
        if !Path::new("/dev/fuse").exists() {
            return without_fuse();
        }
        if std::env::var_os(WITHIN).is_none() {
            return within_own_mounts();
        }
        let annals =
            self.annals.canonicalize().map_err(|error| format!("{}: {error}", self.annals.display()))?;
        remove_leftovers(&self.room);
        let prefix = format!("annals-proof-{}-", std::process::id());
        let room = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.room)?;
        let trial = Cuts {
            way,
            annals: annals.clone(),
            keep: self.keep.clone(),
            tell: self.tell,
            bases: OnceLock::new(),
            room,
        };
        self.run.all(&trial, &[annals])
    }
}

/// A machine that cannot try this: loud, and no success but where somebody has said so.
fn without_fuse() -> Outcome<Verdict> {
    if std::env::var_os(WITHOUT_FUSE).is_none() {
        return Err(format!(
            "no power cut was tried: there is no /dev/fuse here. `modprobe fuse`, or set {WITHOUT_FUSE}=1 to go on without"
        )
        .into());
    }
    crate::run::tell(&format!(
        "WARNING: NO POWER CUT WAS TRIED: there is no /dev/fuse here, and {WITHOUT_FUSE} lets that pass"
    ));
    Ok(Verdict::Held)
}

/// Runs this program again with mounts of its own: they go with its last process, however that ends.
fn within_own_mounts() -> Outcome<Verdict> {
    use std::os::unix::process::CommandExt as _;
    let mut own = std::process::Command::new("unshare");
    own.args(["--mount", "--propagation", "private", "--"]);
    own.arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(WITHIN, "1");
    Err(format!("unshare (util-linux) cannot be run: {}", own.exec()).into())
}

/// What runs that were killed have left.
fn remove_leftovers(room: &Path) {
    fuse::detach_leftovers(room);
    let Ok(entries) = std::fs::read_dir(room) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let of = name
            .to_str()
            .and_then(|name| name.strip_prefix("annals-proof-")?.split('-').next()?.parse().ok());
        if of.is_some_and(|of: u32| !Path::new(&format!("/proc/{of}")).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// What is done with a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It is played, with its cuts.
    Cut,
    /// The commands of its first life run to their ends.
    Account,
}

/// The trial.
struct Cuts {
    way: Way,
    annals: PathBuf,
    keep: Option<PathBuf>,
    tell: bool,
    bases: OnceLock<Result<Bases, String>>,
    room: TempDir,
}

impl Trial for Cuts {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Cut => "cut",
            Way::Account => "order",
        }
    }

    fn block(&self) -> u64 {
        10
    }

    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String> {
        let bases = self.bases.get_or_init(|| Bases::make(&self.annals, &self.room.path().join("bases")));
        let bases = bases.as_ref().map_err(|what| format!("the bases cannot be made: {what}"))?;
        let scenario = Scenario::draw(number);
        if self.tell {
            crate::run::tell(&format!("{number}: {scenario:?}"));
        }
        let room = tempfile::Builder::new().prefix("number-").tempdir_in(self.room.path());
        let room = room.map_err(|error| error.to_string())?;
        let stage =
            Stage::new(&self.annals, room.path(), bases.of(scenario.base), &scenario, self.keep.is_some());
        let outcome = stage.and_then(|stage| match self.way {
            Way::Cut => stage.play(figures),
            Way::Account => stage.account(figures),
        });
        match (&outcome, &self.keep) {
            (Err(_), Some(keep)) => {
                let to = keep.join(format!("number-{number}"));
                let _ = std::fs::remove_dir_all(&to);
                let _ = std::fs::create_dir_all(keep);
                let _ = std::process::Command::new("cp").arg("-a").arg(room.path()).arg(&to).status();
                outcome.map_err(|what| format!("{what}\n  {scenario:?}\n  left in {}", to.display()))
            }
            (Err(_), None) => outcome.map_err(|what| format!("{what}\n  {scenario:?}")),
            (Ok(()), _) => outcome,
        }
    }
}

//! Busy neighbours: processes that take what the scheduler gives them.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::outcome::Outcome;

/// No repetition takes as long; a neighbour whose owner was killed ends by itself.
const LIFE: Duration = Duration::from_secs(20);

/// A process that does nothing, busily.
#[derive(Args)]
pub(crate) struct Hog {
    /// The core it stays on.
    #[arg(long)]
    core: usize,
}

impl Hog {
    /// Burns the core.
    pub(crate) fn run(&self) -> Outcome<()> {
        let mut set = CpuSet::new();
        set.set(self.core);
        sched_setaffinity(None, &set)?;
        let since = Instant::now();
        while since.elapsed() < LIFE {
            for _ in 0..10_000 {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}

/// Two of them, one on each of the first two cores, until this is dropped.
pub(crate) struct Hogs(Vec<Child>);

impl Hogs {
    /// Starts them.
    pub(crate) fn start() -> Outcome<Self> {
        let program = std::env::current_exe()?;
        let mut hogs = Self(Vec::new());
        for core in ["0", "1"] {
            let child = Command::new(&program).args(["hog", "--core", core]).stdin(Stdio::null()).spawn()?;
            hogs.0.push(child);
        }
        Ok(hogs)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

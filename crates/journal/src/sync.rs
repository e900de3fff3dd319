//! What threads share, sleep on and measure their waits by. Whatever takes part in the group commit takes it from here.
//!
//!   ordinarily             -> the standard library's, and the kernel's futex
//!   unit tests, `shuttle`  -> `scheduled`: a scheduler decides at each of these calls who goes on, and can be asked to
//!                             decide the same once more
//!
//! `docs/proof.md` says how the second is run.

#[cfg(not(all(test, shuttle)))]
pub(crate) use std::{
    sync::{Condvar, Mutex, MutexGuard, RwLock, atomic},
    thread,
    time::Instant,
};

#[cfg(test)]
#[cfg(shuttle)]
pub(crate) use scheduled::{Condvar, Instant, Mutex, MutexGuard, RwLock, atomic, this_core, thread};

#[cfg(test)]
#[cfg(shuttle)]
pub(crate) mod scheduled;
pub(crate) mod word;

/// The number of the core that this runs on, or ran on a moment ago.
#[cfg(all(not(all(test, shuttle)), target_os = "linux"))]
pub(crate) fn this_core() -> usize {
    rustix::thread::sched_getcpu()
}

/// All cores are one where they cannot be told apart.
#[cfg(all(not(all(test, shuttle)), not(target_os = "linux")))]
pub(crate) fn this_core() -> usize {
    0
}

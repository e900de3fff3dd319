//! The group commit, the watermark and their waiters under a scheduler that decides at each call who goes on.
//!
//!   explore(name) -> schedule -> site: a disk in memory, a journal, threads and tasks -> answers against the disk
//!         ^______________________________________________________________________________|   thousands of times
//!
//! The disk is a place at which others may go on, too, and knows at each moment what a power cut would leave. Whoever
//! waits for ever is found: the scheduler has nobody left to run. How to run it: `docs/proof.md`.

mod appends;
mod book;
mod closing;
mod explore;
mod failing;
mod making;
mod parts;
mod policies;
mod readers;
mod site;
#[cfg(feature = "tokio")]
mod tasks;

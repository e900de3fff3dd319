//! A file system in memory that keeps only what was synced, mounted where real processes use it.
//!
//!   process -> kernel -> served -> tree: as seen | as kept
//!                          '-> the power goes: every call waits for ever; what a disk would have is drawn
//!
//! P1: what is kept of a file is what its syncs covered, of a directory what its own syncs covered; all else is drawn.
//! P2: once the power is gone no call returns, and nothing changes, until whoever called has been killed.
//!
//! How the kernel passes syncs on: `fsync`, `fdatasync` and directories' as calls of their own. `O_SYNC`, `O_DSYNC` and `RWF_DSYNC` come
//! as a flag of the write and a sync by the same thread right after it; that sync is taken to cover the bytes of that write alone, as a
//! device's flag would. Locks (`flock`) stay in the kernel. Nothing is written back late by the kernel: writes come when
//! they are made, those through a shared mapping when it is synced or closed.

mod fault;
mod file;
mod image;
mod mount;
mod plain;
mod power;
mod serve;
mod survival;
mod tree;

pub(crate) use fault::{Call, Fault};
pub(crate) use mount::{Mounted, detach_leftovers};
pub(crate) use plain::{lay_down, take_up};
pub(crate) use power::{Cut, Power};
pub(crate) use survival::Survival;
pub(crate) use tree::{Kept, Unkept};

#[cfg(test)]
mod tests;

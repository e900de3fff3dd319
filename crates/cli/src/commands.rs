//! One file for each command, and what they share.

pub(crate) mod append;
pub(crate) mod backup;
pub(crate) mod cursors;
pub(crate) mod dead_letters;
pub(crate) mod digest;
pub(crate) mod epochs;
pub(crate) mod export;
pub(crate) mod generations;
pub(crate) mod get;
pub(crate) mod heal;
pub(crate) mod import;
pub(crate) mod log;
pub(crate) mod log_walk;
pub(crate) mod pass_damage;
pub(crate) mod projections;
pub(crate) mod query;
pub(crate) mod rebuild;
pub(crate) mod restore;
pub(crate) mod rewind;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod streams;
pub(crate) mod subject;
pub(crate) mod subjects;
pub(crate) mod tail;
pub(crate) mod verify;
pub(crate) mod votes;

mod catch_up;
mod opening;
mod past;
mod question;

use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::place::Place;

/// What a command works with.
pub(crate) struct Context {
    /// The data directory.
    pub(crate) place: Place,
    /// Where answers go.
    pub(crate) output: Output,
    /// Whether Ctrl-C was pressed.
    pub(crate) interrupt: Interrupt,
}

//! Limits: what the machine does with the bytes alone, in the simplest loops that could be. No format, no recovery.

mod file;
mod group;
mod memory;
mod scan;
mod single;

use crate::contender::Contender;

/// All limits.
pub(crate) fn all() -> Vec<&'static dyn Contender> {
    vec![
        &single::FDATASYNC,
        &single::ZEROED,
        &single::DSYNC,
        &group::RawGroup,
        &memory::Copy,
        &single::RawWrite,
        &scan::RawScan,
        &memory::Scan,
        &memory::Blake3,
    ]
}

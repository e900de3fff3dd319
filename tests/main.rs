//! The promises that span crates, in one binary: one line for each file, saying what it shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test may stop at the first surprise, and says its seed; nothing here is public"
)]

mod backup_kill; // a backup that is killed is the one before or the new one; a restore is no data or all of it
mod cli; // what a person and a script meet: every command, every exit code, every shape of JSON
mod crates; // who may depend on whom
mod faults; // the table of faults: all fifty, each with tests that are there
mod fixture; // a data directory of the released format opens, verifies, rebuilds and exports as it did
mod format; // a reader written from docs/format.md and docs/payload.md alone reads the same records, and the same damage
mod journal_crash; // what was acknowledged survives crashes, failing calls and full disks; flipped bits are never silent
mod kill; // receipts of an import survive `kill -9`, and a process that tails lives through it
mod projection_kill; // a projection that is killed, or built anew while others ask, ends as the journal says
mod rebuild_kill; // a rebuild that is killed leaves the old store or the new one, and no question fails meanwhile
mod seeds; // the table of the seed systems: every line of theirs, each with tests that are there
mod shown; // tables that name tests, and whether those are there
mod tidy; // files open with their job, stay small, and are named by nouns; links lead somewhere

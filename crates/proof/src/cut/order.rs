//! What a command that has ended well leaves to the next power cut.
//!
//! O1: no file gets its name by a rename before its bytes are durable.
//! O2: every name that is there is durable, O3: and so are all bytes, but of what is nobody's loss.
//!
//! It needs no cut to fall at the right moment: an order that is wrong is seen each time.

use crate::figures::Figures;
use crate::fuse::Unkept;

/// What may be gone with the power, by the end of its name: who holds a lock; how far a store was seen, which may lag
/// (`storage`, `seen.rs`); how far a build has come, which says so itself where it says too much (`bulk/note.rs`); a segment's file
/// that was made ahead and is not needed yet.
const NOBODYS_LOSS: [&str; 5] = ["/LOCK", ".lock", "/store.seen", "/bulk/note", "/next.wal.tmp"];

/// Judges what is not kept.
pub(super) fn judge(unkept: &Unkept, figures: &mut Figures) -> Result<(), String> {
    figures.add("commands_judged", 1);
    let rules = [("O1", &unkept.hollow), ("O2", &unkept.names), ("O3", &unkept.files)];
    for (rule, paths) in rules {
        let lost: Vec<_> = paths.iter().filter(|path| !is_nobodys_loss(path)).collect();
        if !lost.is_empty() {
            return Err(format!("{rule}: not durable: {lost:?}"));
        }
    }
    Ok(())
}

fn is_nobodys_loss(path: &str) -> bool {
    NOBODYS_LOSS.iter().any(|end| path.ends_with(end))
}

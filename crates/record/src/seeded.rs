//! Seeded bugs: mistakes that a build can be given on purpose, to see that tests and trials notice them.
//!
//!   --cfg annals_bugs, ANNALS_BUG=name -> one place does the wrong thing -> the board asks who has noticed
//!
//! S1: only a build with `--cfg annals_bugs` has them; in every other [`is_on`] is the constant `false`, and nothing of them is
//! compiled. S2: such a build must have debug assertions, which no release has.

#[cfg(all(annals_bugs, not(debug_assertions)))]
compile_error!("S2: seeded bugs in a build without debug assertions, as a release is");

/// Declares the bugs with their names, so that there is one list.
macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $bug:ident = $name:literal,)*) => {
        /// What can be done wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $doc])* $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What `ANNALS_BUG` calls it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)* }
            }
        }
    };
}

bugs! {
    /// A group is acknowledged before its sync.
    AckBeforeSync = "ack-before-sync",
    /// One sync of a group in a hundred is left out.
    SkipSync = "skip-sync",
    /// A new segment's name is not made durable.
    SkipDirSync = "skip-dir-sync",
    /// Nothing is synced when a segment ends.
    SkipSyncAtRoll = "skip-sync-at-roll",
    /// A write that was short is taken for whole.
    IgnoreShortWrite = "ignore-short-write",
    /// A sync that failed is tried again, and believed.
    RetrySync = "retry-sync",
    /// Of those who wait for a group that failed only its leader is told.
    TellOnlyLeader = "tell-only-leader",
    /// Damage in the midst of the log is cut as a torn tail is.
    CutDamage = "cut-damage",
    /// What a failed write or a torn tail has left is not written over or cut.
    LeaveStale = "leave-stale",
    /// A cut is not synced.
    SkipSyncAfterCut = "skip-sync-after-cut",
    /// A frame verifies at any offset.
    CrcWithoutOffset = "crc-without-offset",
    /// A frame's length is believed before it is compared with what is there.
    LenUnchecked = "len-unchecked",
    /// The log ends where a length is zero, whatever follows.
    SentinelOnLength = "sentinel-on-length",
    /// Readers see what is written and not durable.
    ReadBeyondDurable = "read-beyond-durable",
    /// A purge does not look at cursors.
    PurgePastCursors = "purge-past-cursors",
    /// A store's cursor is committed before the index that it covers.
    CursorBeforeIndex = "cursor-before-index",
    /// The index is committed, with its cursor, before content has what it speaks of.
    IndexBeforeContent = "index-before-content",
    /// A cursor is not compared with the log's identity.
    CursorWithoutLog = "cursor-without-log",
    /// The watermark moves before the write.
    WatermarkLeads = "watermark-leads",
    /// The pointer to a generation is renamed before it is synced.
    PointerUnsynced = "pointer-unsynced",
    /// A cut begins no new term.
    TermNotRaised = "term-not-raised",
    /// A seal's checksum is not compared.
    SealUnchecked = "seal-unchecked",
}

#[cfg(annals_bugs)]
mod switched {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::Bug;

    /// What is switched on, asked once.
    fn chosen() -> Option<Bug> {
        static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let name = std::env::var("ANNALS_BUG").ok()?;
            let bug = Bug::ALL.iter().find(|bug| bug.name() == name);
            assert!(bug.is_some() || name.is_empty(), "ANNALS_BUG={name}: no such bug");
            bug.copied()
        })
    }

    /// Whether this bug is switched on. That the place was reached is noted by a file, if `ANNALS_BUG_REACHED` names one:
    /// what a process says may be read by nobody.
    #[must_use]
    pub fn is_on(bug: Bug) -> bool {
        static NOTED: AtomicBool = AtomicBool::new(false);
        let on = chosen() == Some(bug);
        if on
            && !NOTED.swap(true, Ordering::Relaxed)
            && let Some(path) = std::env::var_os("ANNALS_BUG_REACHED")
        {
            let _ = std::fs::File::create(path);
        }
        on
    }

    /// As [`is_on`], one time in so many.
    #[must_use]
    pub fn is_on_once_in(times: u64, bug: Bug) -> bool {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        is_on(bug) && ASKED.fetch_add(1, Ordering::Relaxed) % times == times - 1
    }
}

#[cfg(not(annals_bugs))]
mod switched {
    use super::Bug;

    /// Whether this bug is switched on: not in this build.
    #[inline(always)]
    #[must_use]
    pub const fn is_on(_: Bug) -> bool {
        false
    }

    /// As [`is_on`].
    #[inline(always)]
    #[must_use]
    pub const fn is_on_once_in(_: u64, _: Bug) -> bool {
        false
    }
}

pub use switched::{is_on, is_on_once_in};

#[cfg(test)]
mod tests;

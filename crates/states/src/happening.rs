//! What can happen next.

/// One step of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A process opens the log and recovers it.
    Opens(usize),
    /// It writes a record: one that was never there, or one that may have been.
    Appends(usize, bool),
    /// It syncs, and acknowledges.
    Syncs(usize),
    /// Its readers are told how far they may read.
    Shows,
    /// So are readers of other processes.
    Marks,
    /// It seals the active segment.
    Seals(usize),
    /// It goes, with all in it; what it has written is there.
    IsKilled,
    /// The power goes: so many records that were not durable survive, and perhaps a part of the next one.
    PowerGoes(u8, bool),
    /// The worker looks whether the store fits, and begins.
    WorkBegins,
    /// It applies a record.
    Applies,
    /// Content becomes durable.
    KeepsContent,
    /// The cursor becomes durable.
    KeepsCursor,
    /// The journal's cursor of the store follows.
    Registers,
    /// The worker stops.
    WorkStops,
    /// A purge, of all that is not needed.
    Purges,
    /// The log is copied.
    IsBackedUp,
    /// The copy is put back, and goes on in a term of its own.
    IsRestored,
    /// The store is copied.
    StoreIsCopied,
    /// The store's copy is put back.
    StoreIsPutBack,
    /// A rebuild begins.
    BuildBegins,
    /// It applies a record.
    Builds,
    /// What it has built becomes durable.
    BuildIsKept,
    /// It is marked as finished.
    BuildIsMarked,
    /// The pointer names it.
    Switches,
    /// The old one goes.
    OldGoes,
    /// The consumer looks whether its cursor fits, and begins.
    ConsumerBegins,
    /// It reads a record.
    ConsumerReads,
    /// Its cursor follows, durably.
    ConsumerCommits,
    /// Somebody removes its cursor.
    ConsumerIsForgotten,
}

//! What can be got wrong on purpose, one at a time.

/// A mistake in what the model restates, or in what it tells the product's worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// An append is acknowledged before it is synced.
    AcknowledgesUnsynced,
    /// The lock is not looked at: two processes write.
    IgnoresTheLock,
    /// The cursor of a store is made durable before the content.
    CursorBeforeContent,
    /// What a crash left of content beyond the cursor is not told to whoever judges it.
    ForgetsTheReach,
    /// A store's cursor carries neither term nor last record.
    CursorWithoutIdentity,
    /// A restore goes on in the term that the backup ended in.
    KeepsTheTerm,
    /// A purge looks at the fastest cursor only.
    PurgesPastTheSlowest,
    /// A reader reads what is written, not what is durable.
    ReadsPastTheWatermark,
    /// The pointer changes before what it names is marked, and durable.
    PointerBeforeTheMarks,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AcknowledgesUnsynced,
        Self::IgnoresTheLock,
        Self::CursorBeforeContent,
        Self::ForgetsTheReach,
        Self::CursorWithoutIdentity,
        Self::KeepsTheTerm,
        Self::PurgesPastTheSlowest,
        Self::ReadsPastTheWatermark,
        Self::PointerBeforeTheMarks,
    ];
}

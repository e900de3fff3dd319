//! How much happens at most: what makes the number of states finite.

/// How often each of what can happen does, at most, on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Records that are appended, over all futures.
    pub appends: u8,
    /// Segments that are sealed.
    pub seals: u8,
    /// Times that the power goes.
    pub cuts: u8,
    /// Times that the process that owns the log is killed.
    pub kills: u8,
    /// Times that the worker stops, and its store with it, while its process goes on.
    pub stops: u8,
    /// Purges.
    pub purges: u8,
    /// Times that the log is put back as it was when it was backed up.
    pub restores: u8,
    /// Times that a store is put back as it was when it was copied.
    pub store_copies: u8,
    /// Rebuilds.
    pub rebuilds: u8,
    /// Whether a consumer with a named cursor reads along.
    pub consumer: bool,
}

impl Bounds {
    /// Nothing but a writer and a worker.
    pub const NONE: Self = Self {
        appends: 3,
        seals: 0,
        cuts: 0,
        kills: 0,
        stops: 0,
        purges: 0,
        restores: 0,
        store_copies: 0,
        rebuilds: 0,
        consumer: false,
    };

    /// What is checked with each change.
    pub const SMALL: Self = Self {
        appends: 2,
        seals: 1,
        cuts: 1,
        kills: 0,
        stops: 0,
        purges: 1,
        restores: 1,
        store_copies: 0,
        rebuilds: 1,
        consumer: true,
    };

    /// What is published.
    pub const FULL: Self = Self { appends: 3, ..Self::SMALL };
}

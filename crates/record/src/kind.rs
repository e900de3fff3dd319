//! What a caller does about an error.

/// What a caller does next about an error: the one thing worth branching on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing happened; the same call may succeed later (a full disk, too many open files, a held lock).
    Retry,
    /// The state is unknown or damaged; stop, look, reopen.
    Stop,
    /// The call, the input or the bytes are wrong; the same call fails again.
    Fix,
}

//! What the disk does wrong, once or from then on.

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Calls of a kind fail with EIO: so many pass before, and so many fail. A sync that fails forgets what was dirty.
    Fails { call: Call, after: u64, times: u64 },
    /// So many bytes more fit; then writes and reservations fail with ENOSPC.
    Full { bytes: u64 },
    /// So many bytes more fit; what is beyond fails with ENOSPC only when it is synced, and is forgotten.
    FullAtSync { bytes: u64 },
}

/// A kind of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// What changes nothing: lookups, lists, opening and closing.
    Look,
    Read,
    Write,
    /// Of a file or of a directory.
    Sync,
    Rename,
    /// Names made and removed.
    Name,
    /// A file's length or reservation.
    Size,
}

impl Fault {
    /// Its name among the figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fails { call: Call::Read, .. } => "read_eio",
            Self::Fails { call: Call::Write, .. } => "write_eio",
            Self::Fails { call: Call::Sync, .. } => "sync_eio",
            Self::Fails { call: Call::Rename, .. } => "rename_eio",
            Self::Fails { call: Call::Name, .. } => "name_eio",
            Self::Fails { call: Call::Size, .. } => "size_eio",
            Self::Fails { call: Call::Look, .. } => "look_eio",
            Self::Full { .. } => "full",
            Self::FullAtSync { .. } => "full_at_sync",
        }
    }
}

/// What is left of a fault, and how often it struck.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) fault: Option<Fault>,
    pub(crate) fired: u64,
}

impl Trouble {
    /// Whether a call fails with EIO.
    pub(super) fn strikes(&mut self, called: Call) -> bool {
        let Some(Fault::Fails { call, after, times }) = &mut self.fault else { return false };
        if *call != called {
            return false;
        }
        if *after > 0 {
            *after -= 1;
            return false;
        }
        let strikes = *times > 0;
        *times = times.saturating_sub(1);
        self.fired += u64::from(strikes);
        strikes
    }

    /// Whether so many bytes more do not fit; if they do, they are taken.
    pub(super) fn is_full_for(&mut self, more: u64) -> bool {
        let Some(Fault::Full { bytes }) = &mut self.fault else { return false };
        let left = bytes.checked_sub(more);
        *bytes = left.unwrap_or(*bytes);
        self.fired += u64::from(left.is_none());
        left.is_none()
    }

    /// Whether a sync finds no room for what a file has grown by.
    pub(super) fn is_full_at_sync(&mut self, more: u64) -> bool {
        let Some(Fault::FullAtSync { bytes }) = &mut self.fault else { return false };
        let left = bytes.checked_sub(more);
        *bytes = left.unwrap_or(*bytes);
        self.fired += u64::from(left.is_none());
        left.is_none()
    }
}

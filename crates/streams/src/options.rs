//! What a root may be told, checked once.

use std::sync::Arc;

use crate::error::Error;
use crate::settings::Settings;
use crate::timeline::{JournalTime, Timeline};

/// A root's settings. Disk and clock are arguments.
#[derive(Clone, Debug)]
pub struct Options {
    /// What counts for each stream that has no settings of its own.
    pub defaults: Settings,
    /// So many streams are open at most: the one used least recently is closed, in order, when another is opened. More are open
    /// only while more threads than this are each in the middle of a call. Each takes 5 descriptors at most, and one more
    /// for a moment when its segment rolls. Default: 128. At least 1, at most 65,536.
    pub open_streams: usize,
    /// So many syncs, seals or closes are under way at once at most when several streams are due together. Default: 8. At
    /// least 1, at most 64.
    pub at_once: usize,
    /// So much disk is reserved for a new segment, in bytes: what a stream with a few records takes while it is open. A
    /// segment that fills reserves as much again as it holds. Default: 64 KiB. At least 4 KiB, at most 4 GiB.
    pub reserve_bytes: u64,
    /// A thread of the root encodes sealed segments as their streams' settings say, and notes the times of each beside it, when
    /// a segment is sealed or a stream is opened. Without it that is done by [`crate::Streams::encode_now`] and
    /// [`crate::Streams::checkpoint`]. Default: yes.
    pub background: bool,
    /// When a record is from. Default: [`JournalTime`].
    pub timeline: Arc<dyn Timeline>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            defaults: Settings::default(),
            open_streams: 128,
            at_once: 8,
            reserve_bytes: 64 << 10,
            background: true,
            timeline: Arc::new(JournalTime),
        }
    }
}

impl Options {
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        let within = |option, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(Error::Option { option, value, least, most })
            }
        };
        within("open_streams", self.open_streams as u64, 1, 65_536)?;
        within("at_once", self.at_once as u64, 1, 64)?;
        within("reserve_bytes", self.reserve_bytes, 4 << 10, 4 << 30)?;
        self.defaults = self.defaults.checked()?;
        Ok(self)
    }
}

//! Whether a record, written again, gives the bytes it was read from: compared as it is written, without a copy.

use rkyv::api::high::{HighSerializer, to_bytes_in};
use rkyv::rancor::{Failure, Source};
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Writer};

use super::PAYLOAD_HEADER;

/// A writer that has a payload already, and takes nothing but what stands there.
pub(super) struct Echo<'a> {
    payload: &'a [u8],
    /// How much of it has been met.
    met: usize,
}

/// Other bytes than the payload's.
#[derive(Debug, thiserror::Error)]
#[error("other bytes")]
struct OtherBytes;

impl<'b> Echo<'b> {
    /// Whether the archive of `record` is all that follows the header of `payload`.
    pub(super) fn answers<T>(record: &T, payload: &'b [u8]) -> bool
    where
        T: for<'a> rkyv::Serialize<HighSerializer<Self, ArenaHandle<'a>, Failure>>,
    {
        let echo = Self { payload, met: PAYLOAD_HEADER };
        to_bytes_in::<_, Failure>(record, echo).is_ok_and(|echo| echo.met == payload.len())
    }
}

impl Positional for Echo<'_> {
    fn pos(&self) -> usize {
        self.met
    }
}

impl<E: Source> Writer<E> for Echo<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        if !self.payload[self.met..].starts_with(bytes) {
            return Err(E::new(OtherBytes));
        }
        self.met += bytes.len();
        Ok(())
    }
}

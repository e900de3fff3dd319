//! What is laid around a frame.
//!
//! ```text
//!   0        1          2           3     8                16               24               32
//!   [type:u8][version:0][priority:u8][0;5][sequence:u64 LE][created:i64 LE][expires:i64 LE][frame ...]
//! ```
//!
//! Times are microseconds since 1970-01-01T00:00:00Z; a frame that does not expire has the largest.

use annals_journal::Error as JournalError;

use super::Priority;

/// The record type of a queued frame: one of the application's own.
pub const FRAME_TYPE: u8 = 0x80;
/// The longest frame, in bytes: 16 MiB.
pub const MAX_FRAME: usize = 16 << 20;

const LEN: usize = 32;
const NEVER: i64 = i64::MAX;

/// What is known of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) priority: Priority,
    pub(super) sequence: u64,
    pub(super) created: i64,
    pub(super) expires: Option<i64>,
}

/// Whether a frame can be queued.
pub(super) fn check(frame: &[u8]) -> Result<(), JournalError> {
    if frame.len() > MAX_FRAME {
        let (bytes, limit) = (frame.len() as u64, MAX_FRAME as u64);
        return Err(JournalError::TooLarge { what: "a frame of a queue", bytes, limit });
    }
    Ok(())
}

impl Envelope {
    pub(super) fn around(&self, frame: &[u8]) -> Vec<u8> {
        let mut payload = Vec::with_capacity(LEN + frame.len());
        payload.extend_from_slice(&[FRAME_TYPE, 0, self.priority as u8, 0, 0, 0, 0, 0]);
        payload.extend_from_slice(&self.sequence.to_le_bytes());
        payload.extend_from_slice(&self.created.to_le_bytes());
        payload.extend_from_slice(&self.expires.unwrap_or(NEVER).to_le_bytes());
        payload.extend_from_slice(frame);
        payload
    }

    /// The envelope and the frame, or why these bytes are none.
    pub(super) fn read(payload: &[u8]) -> Result<(Self, &[u8]), String> {
        let Some((head, frame)) = payload.split_first_chunk::<LEN>() else {
            return Err(format!("{} bytes are no frame, which has at least {LEN}", payload.len()));
        };
        if head[0] != FRAME_TYPE || head[1] != 0 || head[3..8] != [0; 5] {
            return Err(format!("a record of type {} and version {}", head[0], head[1]));
        }
        let Some(priority) = Priority::ALL.into_iter().find(|priority| *priority as u8 == head[2]) else {
            return Err(format!("the priority {}", head[2]));
        };
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            bytes
        };
        let expires = i64::from_le_bytes(number(24));
        let sequence = u64::from_le_bytes(number(8));
        if sequence == u64::MAX {
            return Err("the sequence number 2^64 - 1, which is never given".to_owned());
        }
        let envelope = Self {
            priority,
            sequence,
            created: i64::from_le_bytes(number(16)),
            expires: (expires != NEVER).then_some(expires),
        };
        Ok((envelope, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_around_a_frame_comes_off_again() {
        for priority in Priority::ALL {
            for expires in [None, Some(i64::MIN), Some(0), Some(NEVER - 1)] {
                let envelope = Envelope { priority, sequence: 1 << 40, created: -5, expires };
                let payload = envelope.around(b"frame");
                assert_eq!(Envelope::read(&payload), Ok((envelope, &b"frame"[..])));
            }
        }
    }

    #[test]
    fn what_is_no_frame_says_why() {
        let good = Envelope { priority: Priority::Low, sequence: 0, created: 0, expires: None }.around(b"");
        for len in 0..good.len() {
            assert!(Envelope::read(&good[..len]).unwrap_err().contains("no frame"));
        }
        for (at, bit) in [(0, 1), (1, 1), (2, 4), (3, 1), (7, 128)] {
            let mut bad = good.clone();
            bad[at] ^= bit;
            assert!(Envelope::read(&bad).is_err(), "byte {at}");
        }
        let mut last = good;
        last[8..16].fill(0xff);
        assert!(Envelope::read(&last).unwrap_err().contains("never given"));
    }
}

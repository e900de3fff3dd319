//! The head of a frame, in the three forms that were ever written. All numbers are big-endian.
//!
//! ```text
//!   version 2, 88 bytes   magic:4 dest:24 source:24 session:16 sequence:4 service:2 length:2 class:1 version:1 flags:1 work:1 time:8
//!   version 1, 72 bytes   magic:4 version:1 flags:1 service:2 source:24 dest:24 sequence:4 time:8 length:2 work:1 class:1
//!   version 1, 64 bytes   the same with 20 bytes each for source and dest
//! ```

/// The first bytes of every frame.
pub(super) const MAGIC: &[u8] = b"LWF\0";
/// Signature and checksum.
pub(super) const TRAILER: u64 = 36;
/// The longest head.
pub(super) const LONGEST: usize = 88;
/// The flag of a frame of high priority.
pub(super) const PRIORITY: u8 = 0x20;

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) len: usize,
    pub(super) payload_len: u16,
    pub(super) flags: u8,
    pub(super) sequence: u32,
}

impl Head {
    /// What may stand here, in the order in which it is tried. Version and class are few bytes, and chance may set them.
    ///
    /// # Errors
    /// Why nothing of it can.
    pub(super) fn candidates(bytes: &[u8]) -> Result<Vec<Self>, String> {
        if !bytes.starts_with(MAGIC) {
            return Err("no frame begins here".to_owned());
        }
        let is = |at: usize, version: u8| bytes.get(at) == Some(&version);
        let class = |at: usize| bytes.get(at).is_some_and(|class| *class <= 4 || *class == 0xff);
        let mut found = Vec::new();
        if bytes.len() >= 88 && is(77, 2) && class(76) {
            found.push(Self::at(bytes, 88, 74, 78, 68));
        }
        if bytes.len() >= 72 && is(4, 1) && class(71) {
            found.push(Self::at(bytes, 72, 68, 5, 56));
        }
        if bytes.len() >= 64 && is(4, 1) && class(63) {
            found.push(Self::at(bytes, 64, 60, 5, 48));
        }
        match (found.is_empty(), bytes.len() < LONGEST) {
            (false, _) => Ok(found),
            (true, true) => Err(format!("{} bytes are left, too few for a frame", bytes.len())),
            (true, false) => Err("a frame of a version that is not known".to_owned()),
        }
    }

    /// The one of a whole frame.
    pub(super) fn of(frame: &[u8]) -> Result<Self, String> {
        let candidates = Self::candidates(frame)?;
        let fits = candidates.iter().find(|head| head.frame_len() == frame.len() as u64);
        fits.or(candidates.first()).copied().ok_or_else(|| "no frame begins here".to_owned())
    }

    fn at(bytes: &[u8], len: usize, payload_len: usize, flags: usize, sequence: usize) -> Self {
        let two = |at: usize| [bytes[at], bytes[at + 1]];
        let [a, b] = two(sequence);
        let [c, d] = two(sequence + 2);
        Self {
            len,
            payload_len: u16::from_be_bytes(two(payload_len)),
            flags: bytes[flags],
            sequence: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// How many bytes the frame has by this.
    pub(super) fn frame_len(&self) -> u64 {
        self.len as u64 + u64::from(self.payload_len) + TRAILER
    }
}

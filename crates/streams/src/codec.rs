//! Sealed segments in fewer bytes: another file under the same name, which shows exactly the bytes of the plain one.
//!
//! ```text
//!   plain:    [header][frame][frame][commit] ........................ [seal]      what the journal reads
//!                |        `-- 4,096 records or so --'                    |
//!   encoded:  [head][block: verbatim][block][block] ... [block: verbatim][index][tail]
//! ```
//!
//! An encoded segment opened with [`open`] is a [`DiskFile`] whose bytes are those of the plain segment, so readers,
//! verification, seals, retention and access by offset work on it as on any other. Lengths, checksums, hashes, padding
//! and places are not in it: they are computed anew. What would not come again to the same byte is kept as it is.
//!
//! C1: what is served is what the plain segment held. A block is served whole and checked, or its range reads as bytes
//! that no journal takes for a frame: then the journal says [`annals_journal::Error::Damaged`] with that range.
//! C2: [`verify`] has compared every byte before a plain segment goes. C3: no size in a file is believed beyond what its
//! bytes can hold.
//!
//! Drawn byte by byte in docs/codecs.md.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use annals_journal::DiskFile;

mod block;
mod bytes;
mod container;
mod cut;
mod encoding;
mod error;
mod facts;
mod file;
mod ints;
mod packing;
mod rows;
mod skeleton;

pub use encoding::Encoded;
pub use error::CodecError;
pub use file::Writing;

use container::Container;
use file::EncodedFile;

/// In which form a sealed segment is kept. The active one is always plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// As the journal wrote it.
    #[default]
    Plain,
    /// Payloads of a block one after the other, through zstd: for anything.
    Zstd,
    /// Facts field by field, one key after the other, each field as fits it, through zstd; anything else as [`Codec::Zstd`]
    /// has it. For histories of high frequency: positions, readings, records that come again with little changed.
    Delta,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Zstd, Self::Delta];

    /// Its name: `plain`, `zstd`, `delta`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Zstd => "zstd",
            Self::Delta => "delta",
        }
    }

    /// Its number in a container; a plain segment has none.
    const fn number(self) -> u32 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
            Self::Delta => 2,
        }
    }

    fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| *codec != Self::Plain && codec.number() == number)
    }

    /// How many bytes of payload a block holds, unless a single record is larger. Of a fact's payload three quarters are
    /// its fixed fields and come of columns again: 4,096 facts of a mebibyte of their own take four.
    const fn block_bytes(self) -> usize {
        match self {
            Self::Delta => 4 << 20,
            Self::Plain | Self::Zstd => 1 << 20,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Codec {
    type Err = CodecError;

    fn from_str(name: &str) -> Result<Self, CodecError> {
        let found = Self::ALL.into_iter().find(|codec| codec.name() == name);
        found.ok_or_else(|| CodecError::Unknown { name: name.to_owned() })
    }
}

/// Writes the sealed segment `plain` in the form of `codec` to `to`, from first byte to last, and says what came of it.
/// Nothing is synced: that, [`verify`] and the rename are the caller's, in this order. What [`open`] shows can be encoded too:
/// so one form becomes another.
///
/// Bytes that do not verify are kept as they are, and [`Encoded::verbatim_bytes`] says how many: whoever hopes to have them mended
/// leaves the segment plain, for an encoded one is not written to.
///
/// # Errors
/// [`CodecError::NotSealed`] if `plain` is no segment with a seal at its end, [`CodecError::Plain`] if the codec is
/// [`Codec::Plain`], [`CodecError::Read`] and [`CodecError::Write`].
pub fn encode(plain: &dyn DiskFile, to: &mut dyn Write, codec: Codec) -> Result<Encoded, CodecError> {
    encoding::encode(plain, to, codec)
}

/// Decodes all of `encoded` and compares it byte for byte with `plain`. To be called before a plain segment is replaced.
///
/// # Errors
/// [`CodecError::Differs`] with the first place where they do, [`CodecError::Damaged`] if the encoded file does not
/// verify, [`CodecError::Read`].
pub fn verify(plain: &dyn DiskFile, encoded: &dyn DiskFile) -> Result<(), CodecError> {
    file::verify(plain, encoded)
}

/// Whether an encoded segment is whole: the hash of every block is checked and every block decoded as far as the fields of
/// its payloads, and no frame is laid down. Says how many records there are. Several times as fast as reading it all.
///
/// # Errors
/// [`CodecError::Damaged`] if something does not verify, or if it is no encoded segment; [`CodecError::Read`].
pub fn check(encoded: &dyn DiskFile) -> Result<u64, CodecError> {
    file::check(encoded)
}

/// The file as the journal is to see it: an encoded segment reads as the plain one and refuses to be written, anything
/// else is given back as it is.
///
/// # Errors
/// As reading says; [`io::ErrorKind::Unsupported`] if a newer version has encoded it.
pub fn open(file: Box<dyn DiskFile>) -> io::Result<Box<dyn DiskFile>> {
    Ok(match Container::of(&*file)? {
        Some(container) => Box::new(EncodedFile::new(file, container)),
        None => file,
    })
}

/// The length of the segment that [`open`] shows, in bytes, without opening it.
///
/// # Errors
/// As [`open`].
pub fn plain_len(file: &dyn DiskFile) -> io::Result<u64> {
    match container::head_of(file)? {
        Some(head) => Ok(head.plain_len),
        None => file.len(),
    }
}

/// In which form a segment's file is.
///
/// # Errors
/// As [`open`].
pub fn codec_of(file: &dyn DiskFile) -> io::Result<Codec> {
    Ok(container::head_of(file)?.map_or(Codec::Plain, |head| head.codec))
}

#[cfg(test)]
mod tests;

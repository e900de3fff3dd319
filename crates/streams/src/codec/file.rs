//! An encoded segment as a file that shows the plain bytes, and the comparison with the plain one.
//!
//! ```text
//!   read_at(pos) -> which block -> decoded already? else: read, verify, decode -> lay the frames that are asked for
//!                                                            |
//!                              does not verify -> LOST bytes: no frame, no header, no seal begins with them
//! ```
//!
//! C1: a block that does not verify reads as bytes that are no frame, so the journal names its range as damaged and goes
//! on behind it. An error of the disk stays an error.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use annals_journal::DiskFile;
use annals_journal::layout::SEGMENT_HEADER;

use super::block::Block;
use super::container::Container;
use super::error::CodecError;
use super::packing::Unpacker;

/// What a lost block reads as: as a length word it is of no frame, so nothing behind it is looked for in vain. A lost
/// header reads as zeros: it is damaged, not somebody else's.
const LOST: [u8; 4] = *b"lost";
/// How many decoded blocks are kept: a replay reads with up to four threads, each in a block of its own.
const KEPT: usize = 4;

/// An encoded segment, open.
#[derive(Debug)]
pub(crate) struct EncodedFile {
    file: Box<dyn DiskFile>,
    container: Container,
    state: Mutex<State>,
}

/// What is kept between two reads.
#[derive(Debug, Default)]
struct State {
    /// Set up once, and used by one thread at a time each.
    unpackers: Vec<Unpacker>,
    /// The blocks decoded last, newest first; none for one that does not verify.
    blocks: Vec<(usize, Option<Arc<Block>>)>,
}

impl EncodedFile {
    pub(crate) fn new(file: Box<dyn DiskFile>, container: Container) -> Self {
        Self { file, container, state: Mutex::default() }
    }

    /// The block, decoded; none if it does not verify.
    fn block(&self, number: usize) -> io::Result<Option<Arc<Block>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = state.blocks.iter().position(|(kept, _)| *kept == number) {
            let found = state.blocks.remove(at);
            state.blocks.insert(0, found.clone());
            return Ok(found.1);
        }
        let unpacker = state.unpackers.pop();
        // Others go on with what is decoded while this one decodes.
        drop(state);
        let mut unpacker = match unpacker {
            Some(unpacker) => unpacker,
            None => Unpacker::new()?,
        };
        let decoded = decode(&*self.file, &self.container, number, &mut unpacker);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.unpackers.len() < KEPT {
            state.unpackers.push(unpacker);
        }
        let block = decoded?.ok().map(Arc::new);
        state.blocks.retain(|(kept, _)| *kept != number);
        state.blocks.insert(0, (number, block.clone()));
        state.blocks.truncate(KEPT);
        Ok(block)
    }
}

/// Reads, verifies and decodes a block; the reason if it does not verify.
fn decode(
    file: &dyn DiskFile,
    container: &Container,
    number: usize,
    unpacker: &mut Unpacker,
) -> io::Result<Result<Block, &'static str>> {
    let entry = &container.blocks[number];
    Ok(match container.body(file, entry)? {
        Ok(body) => Block::decode(&container.head, entry, &body, unpacker),
        Err(flaw) => Err(flaw),
    })
}

impl DiskFile for EncodedFile {
    fn read_at(&self, buf: &mut [u8], pos: u64) -> io::Result<usize> {
        let left = self.container.head.plain_len.saturating_sub(pos);
        if left == 0 || buf.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let number = match self.container.find(pos) {
            Ok(number) => number,
            Err(lost) => {
                let len = usize::try_from(lost.end - pos).unwrap_or(usize::MAX).min(most);
                lose(&mut buf[..len], pos);
                return Ok(len);
            }
        };
        let range = self.container.blocks[number].range();
        let len = usize::try_from(range.end - pos).unwrap_or(usize::MAX).min(most);
        let at = (pos - range.start) as usize;
        let mut plain = Vec::new();
        let laid = match self.block(number)? {
            Some(block) => block.plain(at..at + len, &mut plain).ok(),
            None => None,
        };
        match laid.and_then(|first| plain.get(first..first + len)) {
            Some(bytes) => buf[..len].copy_from_slice(bytes),
            None => lose(&mut buf[..len], pos),
        }
        Ok(len)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(read_only())
    }

    /// Whoever encoded it has synced it, and nothing was written since.
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.container.head.plain_len)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Err(read_only())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "an encoded segment is only read: decode it first")
}

/// Fills `buf`, which is what is read at `pos`, with what no journal takes for anything of its own.
fn lose(buf: &mut [u8], pos: u64) {
    for (at, byte) in (pos..).zip(buf) {
        *byte = if at < SEGMENT_HEADER { 0 } else { LOST[(at % 4) as usize] };
    }
}

/// Decodes all of `encoded` and compares it with `plain`.
pub(super) fn verify(plain: &dyn DiskFile, encoded: &dyn DiskFile) -> Result<(), CodecError> {
    let damaged = |reason: &str| CodecError::Damaged { reason: reason.to_owned() };
    let container = Container::of(encoded).map_err(CodecError::Read)?;
    let container = container.ok_or_else(|| damaged("it is no encoded segment"))?;
    if let Some(flaw) = container.flaw {
        return Err(damaged(flaw));
    }
    let plain_len = plain.len().map_err(CodecError::Read)?;
    if plain_len != container.head.plain_len {
        return Err(CodecError::Differs { at: plain_len.min(container.head.plain_len) });
    }
    let mut unpacker = Unpacker::new().map_err(CodecError::Read)?;
    let (mut laid, mut held) = (Vec::new(), Vec::new());
    for (number, entry) in container.blocks.iter().enumerate() {
        let named =
            |flaw: &str| damaged(&format!("block at byte {} of the plain one: {flaw}", entry.plain_pos));
        let block = decode(encoded, &container, number, &mut unpacker).map_err(CodecError::Read)?;
        let block = block.map_err(named)?;
        let len = entry.plain_len as usize;
        laid.clear();
        block.plain(0..len, &mut laid).map_err(named)?;
        held.resize(len, 0);
        let read =
            super::container::read_full(plain, &mut held, entry.plain_pos).map_err(CodecError::Read)?;
        let same = laid.iter().zip(&held[..read]).take_while(|(a, b)| a == b).count();
        if same < len || laid.len() != len {
            return Err(CodecError::Differs { at: entry.plain_pos + same as u64 });
        }
    }
    Ok(())
}

/// Decodes every block as far as the fields of its payloads; says how many records there are.
pub(super) fn check(encoded: &dyn DiskFile) -> Result<u64, CodecError> {
    let damaged = |reason: &str| CodecError::Damaged { reason: reason.to_owned() };
    let container = Container::of(encoded).map_err(CodecError::Read)?;
    let container = container.ok_or_else(|| damaged("it is no encoded segment"))?;
    if let Some(flaw) = container.flaw {
        return Err(damaged(flaw));
    }
    let mut unpacker = Unpacker::new().map_err(CodecError::Read)?;
    let mut records = 0;
    for (number, entry) in container.blocks.iter().enumerate() {
        let block = decode(encoded, &container, number, &mut unpacker).map_err(CodecError::Read)?;
        block.map_err(|flaw| {
            damaged(&format!("block at byte {} of the plain one: {flaw}", entry.plain_pos))
        })?;
        records += u64::from(entry.records);
    }
    Ok(records)
}

/// A file as something to write to, from its beginning on.
#[derive(Debug)]
pub struct Writing<'a> {
    file: &'a dyn DiskFile,
    pos: u64,
    held: Vec<u8>,
}

/// So much is written at once.
const WRITE: usize = 256 << 10;

impl<'a> Writing<'a> {
    /// Writes to `file`, over what it holds; what is behind the last byte written stays. [`Write::flush`] writes what is
    /// held back; nothing is synced.
    #[must_use]
    pub fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, pos: 0, held: Vec::new() }
    }
}

impl Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= WRITE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.held.is_empty() {
            match self.file.write_at(&self.held, self.pos) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.held.drain(..n);
                    self.pos += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

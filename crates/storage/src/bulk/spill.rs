//! The file that a build spills into: blocks, each of one bin or one run, in the order in which they filled.
//!
//!   block: whose it is u32 | length of the body u32 | CRC32C of these two and the body u32 | body      (little-endian)
//!
//! A body is whole records of its bin, or whole pieces of its run. What stands in blocks is never changed; a block that is
//! cut off ends what can be gone on with.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::damaged;
use crate::{Error, plain};

const HEAD: usize = 12;
/// From here on it is the number of a run, not of a bin.
const RUNS: u32 = 1 << 31;

/// Where the body of a block lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    at: u64,
    len: u32,
    crc: u32,
    whose: u32,
}

impl Block {
    /// The length of its body in bytes.
    pub(super) fn len(self) -> usize {
        self.len as usize
    }
}

/// The file, and what of it is still in memory.
pub(super) struct Spill {
    file: File,
    path: PathBuf,
    len: u64,
    /// Over the heads of all blocks, which have the checksums of their bodies.
    heads: blake3::Hasher,
    /// A bin that holds this much is written.
    block: usize,
    bins: Vec<Bin>,
    runs: Vec<Vec<Block>>,
}

/// A bin: what is collected for its next block, with room for its head, and the blocks it has.
#[derive(Default)]
struct Bin {
    buffer: Vec<u8>,
    blocks: Vec<Block>,
}

impl Spill {
    /// An empty one, in the place of whatever was there.
    pub(super) fn create(path: &Path, bins: usize, block: usize) -> Result<Self, Error> {
        let file = plain::create_anew(path).map_err(Error::io("create", path))?;
        Ok(Self::over(file, path, bins, block))
    }

    /// One that was left, of which the first `len` bytes count, with this sum; all of it is checked.
    pub(super) fn reopen(
        path: &Path,
        bins: usize,
        block: usize,
        len: u64,
        sum: &[u8; 32],
    ) -> Result<Self, Error> {
        let opened = plain::open(path, OpenOptions::new().read(true).write(true));
        let file = opened.map_err(Error::io("open", path))?;
        if file.metadata().map_err(Error::io("read", path))?.len() < len {
            return Err(damaged("it is shorter than its note says"));
        }
        let mut spill = Self::over(file, path, bins, block);
        let mut body = Vec::new();
        while spill.len < len {
            let mut head = [0; HEAD];
            let left = (len - spill.len).checked_sub(HEAD as u64);
            let left = left.ok_or_else(|| damaged("its last block is cut off"))?;
            spill.file.read_exact_at(&mut head, spill.len).map_err(Error::io("read", path))?;
            let [whose, body_len, crc] = words(&head);
            if u64::from(body_len) > left {
                return Err(damaged("its last block is cut off"));
            }
            let block = Block { at: spill.len + HEAD as u64, len: body_len, crc, whose };
            body.clear();
            spill.read(block, &mut body)?;
            spill.len = block.at + u64::from(body_len);
            spill.heads.update(&head);
            spill.file_under(block)?;
        }
        // It may have been cut and have grown again since: to the same length, and yet to something else.
        if spill.sum() != *sum {
            return Err(damaged("it is not what its note speaks of"));
        }
        spill.file.set_len(len).map_err(Error::io("cut", path))?;
        Ok(spill)
    }

    fn over(file: File, path: &Path, bins: usize, block: usize) -> Self {
        let bins = std::iter::repeat_with(Bin::default).take(bins).collect();
        Self {
            file,
            path: path.to_owned(),
            len: 0,
            heads: blake3::Hasher::new(),
            block,
            bins,
            runs: Vec::new(),
        }
    }

    /// Adds whole records to a bin.
    pub(super) fn add(&mut self, bin: usize, records: &[u8]) -> Result<(), Error> {
        if self.bins[bin].buffer.len() + records.len() > self.block {
            self.write_bin(bin)?;
        }
        let buffer = &mut self.bins[bin].buffer;
        if buffer.is_empty() {
            buffer.reserve_exact(self.block.max(HEAD + records.len()));
            buffer.extend_from_slice(&[0; HEAD]);
        }
        buffer.extend_from_slice(records);
        Ok(())
    }

    /// Begins a run and returns its number.
    pub(super) fn begin_run(&mut self) -> u32 {
        self.runs.push(Vec::new());
        self.runs.len() as u32 - 1
    }

    /// Adds whole pieces to a run as a block. `body` is emptied.
    pub(super) fn add_to_run(&mut self, run: u32, body: &mut Vec<u8>) -> Result<(), Error> {
        body.splice(..0, [0; HEAD]);
        self.write(RUNS | run, body)?;
        body.clear();
        Ok(())
    }

    /// Writes what is in memory.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        (0..self.bins.len()).try_for_each(|bin| self.write_bin(bin))
    }

    /// Writes what is in memory, and lets go of that.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.bins.iter_mut().for_each(|bin| bin.buffer = Vec::new());
        Ok(())
    }

    /// How many bytes are written.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The sum over everything written: no other bytes have it.
    pub(super) fn sum(&self) -> [u8; 32] {
        *self.heads.finalize().as_bytes()
    }

    /// What has everything written survive a power cut, on whatever thread.
    pub(super) fn syncing(&self) -> Result<impl FnOnce() -> Result<(), Error> + Send + use<>, Error> {
        let file = self.file.try_clone().map_err(Error::io("open", &self.path))?;
        let path = self.path.clone();
        Ok(move || file.sync_data().map_err(Error::io("sync", &path)))
    }

    /// The blocks of a bin.
    pub(super) fn blocks(&self, bin: usize) -> &[Block] {
        &self.bins[bin].blocks
    }

    /// The blocks of each run, the oldest first.
    pub(super) fn runs(&self) -> &[Vec<Block>] {
        &self.runs
    }

    /// Appends the body of a block to `bytes`, once it is checked.
    pub(super) fn read(&self, block: Block, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let start = bytes.len();
        bytes.resize(start + block.len(), 0);
        match self.file.read_exact_at(&mut bytes[start..], block.at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(damaged("it ends within a block"));
            }
            read => read.map_err(Error::io("read", &self.path))?,
        }
        if checksum(block.whose, block.len, &bytes[start..]) != block.crc {
            return Err(damaged(format!("the block at {} does not verify", block.at)));
        }
        Ok(())
    }

    fn write_bin(&mut self, bin: usize) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.bins[bin].buffer);
        if !buffer.is_empty() {
            self.write(bin as u32, &mut buffer)?;
            buffer.clear();
        }
        self.bins[bin].buffer = buffer;
        Ok(())
    }

    /// Writes a block; `bytes` begin with room for its head.
    fn write(&mut self, whose: u32, bytes: &mut [u8]) -> Result<(), Error> {
        let Ok(len) = u32::try_from(bytes.len() - HEAD) else {
            unreachable!("a batch of the log has less than 4 GiB");
        };
        let crc = checksum(whose, len, &bytes[HEAD..]);
        for (place, word) in bytes.chunks_exact_mut(4).zip([whose, len, crc]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.file.write_all_at(bytes, self.len).map_err(Error::io("write", &self.path))?;
        self.heads.update(&bytes[..HEAD]);
        let block = Block { at: self.len + HEAD as u64, len, crc, whose };
        self.len += bytes.len() as u64;
        self.file_under(block)
    }

    /// Notes whose block it is.
    fn file_under(&mut self, block: Block) -> Result<(), Error> {
        let blocks = match block.whose.checked_sub(RUNS) {
            None => self.bins.get_mut(block.whose as usize).map(|bin| &mut bin.blocks),
            Some(run) => {
                let run = run as usize;
                if run == self.runs.len() {
                    self.runs.push(Vec::new());
                }
                self.runs.get_mut(run)
            }
        };
        match blocks {
            Some(blocks) => blocks.push(block),
            None => return Err(damaged("a block in it is of no bin")),
        }
        Ok(())
    }
}

fn words(head: &[u8; HEAD]) -> [u32; 3] {
    let mut words = [0; 3];
    words
        .iter_mut()
        .zip(head.as_chunks::<4>().0)
        .for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
    words
}

fn checksum(whose: u32, len: u32, body: &[u8]) -> u32 {
    let head = u64::from(whose) << 32 | u64::from(len);
    crc32c::crc32c_append(crc32c::crc32c(&head.to_le_bytes()), body)
}

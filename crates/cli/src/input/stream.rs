//! Bytes of a file or of standard input, decompressed where their first bytes say that they are compressed.
//!
//!   file | stdin -> counted -> first bytes -> plain | gzip | zstd -> text, without its byte-order mark
//!
//! The name of a file plays no part in this: a `.gz` that holds plain text is read as plain text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

/// How many bytes are asked for at a time, before and after decompression.
const CHUNK_BYTES: usize = 256 * 1024;

/// How the bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    Plain,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
    /// Something that is not read here.
    Foreign(&'static str),
}

/// How far the reading of a file has come, in bytes as they stand on disk.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    read: Arc<AtomicU64>,
    /// How many bytes there are in all; none for a pipe.
    pub(crate) total_bytes: Option<u64>,
}

impl Progress {
    /// How many bytes have been read.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// Text, from wherever it came.
pub(super) struct Stream {
    /// The text, decompressed.
    pub(super) text: Box<dyn BufRead + Send>,
    /// How it was compressed.
    pub(super) compression: Compression,
    /// How much of it has been read.
    pub(super) progress: Progress,
}

impl Stream {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Self::over(file, metadata.is_file().then_some(metadata.len()))
    }

    /// Reads from anything: standard input, or what a test makes up.
    pub(super) fn over(reader: impl Read + Send + 'static, total_bytes: Option<u64>) -> io::Result<Self> {
        let progress = Progress { read: Arc::default(), total_bytes };
        let mut counted = Counted { reader, read: Arc::clone(&progress.read) };
        let mut head = Vec::with_capacity(8);
        counted.by_ref().take(8).read_to_end(&mut head)?;
        let compression = Compression::of(&head);
        let bytes = BufReader::with_capacity(CHUNK_BYTES, Cursor::new(head).chain(counted));
        let text: Box<dyn BufRead + Send> = match compression {
            Compression::Plain | Compression::Foreign(_) => Box::new(bytes),
            Compression::Gzip => Box::new(BufReader::with_capacity(CHUNK_BYTES, MultiGzDecoder::new(bytes))),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
                Box::new(BufReader::with_capacity(CHUNK_BYTES, decoder))
            }
        };
        Ok(Self { text, compression, progress })
    }
}

/// UTF-8's byte-order mark, which some programs put before a text and which is no part of it.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The same text without its byte-order mark.
pub(super) fn without_mark(mut text: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let mut head = Vec::with_capacity(MARK.len());
    text.by_ref().take(MARK.len() as u64).read_to_end(&mut head)?;
    if head == MARK { Ok(text) } else { Ok(Box::new(Cursor::new(head).chain(text))) }
}

impl Compression {
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame before the first one.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Foreign("xz"),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26] => Self::Foreign("bzip2"),
            [0x04, 0x22, 0x4d, 0x18, ..] => Self::Foreign("lz4"),
            [b'P', b'K', 3, 4, ..] => Self::Foreign("zip"),
            _ => Self::Plain,
        }
    }
}

/// Counts what it passes on.
struct Counted<R> {
    reader: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;

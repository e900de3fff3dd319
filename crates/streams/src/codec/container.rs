//! The file around the blocks: a head, an index, a tail that repeats the head. Drawn byte by byte in docs/codecs.md.
//!
//! ```text
//!   [head: 64][block head: 64][body] ... [block head: 64][body][index: 56 each][tail: 128]
//! ```
//!
//! Everything is there twice: a head that does not verify is read from the tail, an index that does not is made anew from
//! the blocks' heads. Only a block's own bytes are there once, and their loss is the loss of that block.

use std::io;
use std::ops::Range;

use annals_journal::layout::{self, Home};
use annals_journal::{DiskFile, LogId, Offset, Term};

use super::Codec;
use super::bytes::{Bytes, Flaw};

pub(crate) const HEAD: usize = 64;
pub(crate) const BLOCK_HEAD: usize = 64;
pub(crate) const TAIL: usize = 128;
/// An entry of the index.
const ENTRY: usize = 56;

/// The newest version of the container.
const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"annalsWZ";
const TAIL_MAGIC: &[u8; 8] = b"annalsZT";
const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"aBlk");
/// How a plain segment begins.
const PLAIN_MAGIC: &[u8; 8] = b"annalsWL";

/// No block shows more bytes than this: a frame of the largest size, or many small ones.
pub(crate) const MOST_PLAIN: u64 = layout::LONGEST_BODY as u64 + (16 << 20);
/// No segment is longer: no place of a log is.
const MOST_SEGMENT: u64 = 1 << 62;

/// What a container says of itself, at both its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) codec: Codec,
    pub(crate) home: Home,
    /// The bytes that it shows.
    pub(crate) plain_len: u64,
}

/// In which form a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The plain bytes, packed.
    Verbatim = 0,
    /// A skeleton, and payloads as rows.
    Rows = 1,
    /// A skeleton, and payloads as columns.
    Facts = 2,
}

/// What a block says of itself, before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHead {
    pub(crate) form: Form,
    pub(crate) body_len: u32,
    pub(crate) plain_len: u32,
    pub(crate) plain_pos: u64,
    pub(crate) records: u32,
}

/// Where a block is, and what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) plain_pos: u64,
    /// Where its head stands.
    pub(crate) file_pos: u64,
    /// The offset of its first frame.
    pub(crate) first: Offset,
    pub(crate) plain_len: u32,
    pub(crate) body_len: u32,
    pub(crate) records: u32,
    pub(crate) form: Form,
    /// The journal times of its first and its last commit; both 0 if it has none.
    pub(crate) times: (i64, i64),
}

/// An encoded segment's file, understood so far that its blocks are found.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) head: Head,
    /// By rising place, none over another; what lies between them is lost.
    pub(crate) blocks: Vec<Entry>,
    /// What did not verify of head, index and tail: the blocks are found all the same.
    pub(crate) flaw: Option<Flaw>,
}

impl Form {
    fn of(number: u32) -> Result<Self, Flaw> {
        match number {
            0 => Ok(Self::Verbatim),
            1 => Ok(Self::Rows),
            2 => Ok(Self::Facts),
            _ => Err("a block of an unknown form"),
        }
    }
}

impl Head {
    pub(crate) fn encode(&self) -> [u8; HEAD] {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.codec.number().to_le_bytes());
        bytes.extend_from_slice(self.home.log.as_bytes());
        bytes.extend_from_slice(&self.home.term.get().to_le_bytes());
        bytes.extend_from_slice(&self.home.base.get().to_le_bytes());
        bytes.extend_from_slice(&self.plain_len.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        let mut head = [0; HEAD];
        head.copy_from_slice(&bytes);
        head
    }

    /// Reads one; a newer version's is an error of its own, for it must not be taken for damage.
    fn decode(bytes: &[u8]) -> Result<Self, HeadError> {
        let mut fields = Bytes::new(bytes.get(..HEAD).ok_or(HeadError::Damaged)?);
        let read = |fields: &mut Bytes<'_>| -> Result<_, Flaw> {
            let (magic, version, codec) = (fields.array::<8>()?, fields.u32()?, fields.u32()?);
            let home = Home {
                log: LogId::from_bytes(fields.array()?),
                term: Term::new(fields.u64()?),
                base: Offset::new(fields.u64()?),
            };
            Ok((magic, version, codec, home, fields.u64()?, fields.u32()?, fields.u32()?))
        };
        let (magic, version, codec, home, plain_len, zeros, crc) =
            read(&mut fields).map_err(|_| HeadError::Damaged)?;
        if magic != *MAGIC || crc32c::crc32c(&bytes[..HEAD - 4]) != crc {
            return Err(HeadError::Damaged);
        }
        // Magic, version and this checksum keep their places in every version to come.
        let codec = match Codec::of_number(codec) {
            Some(codec) if version == VERSION => codec,
            _ => return Err(HeadError::Newer { version, codec }),
        };
        let bounded = home.base.get() < MOST_SEGMENT && plain_len < MOST_SEGMENT && zeros == 0;
        if !bounded || plain_len < layout::SEGMENT_HEADER {
            return Err(HeadError::Damaged);
        }
        Ok(Self { codec, home, plain_len })
    }

    /// The offset of a byte of the plain segment; of its header, that of its first frame.
    pub(crate) fn offset(&self, plain_pos: u64) -> Offset {
        Offset::new(self.home.base.get() + plain_pos.saturating_sub(layout::SEGMENT_HEADER))
    }
}

/// Why a head was not read.
enum HeadError {
    Damaged,
    Newer { version: u32, codec: u32 },
}

impl BlockHead {
    /// The head with the hash over the container's head, itself and the body.
    pub(crate) fn encode(&self, container: &[u8; HEAD], body: &[u8]) -> [u8; BLOCK_HEAD] {
        let mut head = [0; BLOCK_HEAD];
        head[..4].copy_from_slice(&BLOCK_MAGIC.to_le_bytes());
        head[4..8].copy_from_slice(&(self.form as u32).to_le_bytes());
        head[8..12].copy_from_slice(&self.body_len.to_le_bytes());
        head[12..16].copy_from_slice(&self.plain_len.to_le_bytes());
        head[16..24].copy_from_slice(&self.plain_pos.to_le_bytes());
        head[24..28].copy_from_slice(&self.records.to_le_bytes());
        let hash = hash(container, &head[..32], body);
        head[32..].copy_from_slice(&hash);
        head
    }

    fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut fields = Bytes::new(bytes);
        if fields.u32()? != BLOCK_MAGIC {
            return Err("a block without its mark");
        }
        let form = Form::of(fields.u32()?)?;
        let (body_len, plain_len, plain_pos) = (fields.u32()?, fields.u32()?, fields.u64()?);
        let records = fields.u32()?;
        if fields.u32()? != 0 || plain_len == 0 || u64::from(plain_len) > MOST_PLAIN {
            return Err("a block's head says what none of ours does");
        }
        Ok(Self { form, body_len, plain_len, plain_pos, records })
    }
}

fn hash(container: &[u8; HEAD], head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(container).update(head).update(body);
    *hasher.finalize().as_bytes()
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.plain_pos.to_le_bytes());
        out.extend_from_slice(&self.file_pos.to_le_bytes());
        out.extend_from_slice(&self.first.get().to_le_bytes());
        for number in [self.plain_len, self.body_len, self.records, self.form as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.times.0.to_le_bytes());
        out.extend_from_slice(&self.times.1.to_le_bytes());
    }

    fn decode(fields: &mut Bytes<'_>) -> Result<Self, Flaw> {
        Ok(Self {
            plain_pos: fields.u64()?,
            file_pos: fields.u64()?,
            first: Offset::new(fields.u64()?),
            plain_len: fields.u32()?,
            body_len: fields.u32()?,
            records: fields.u32()?,
            form: Form::of(fields.u32()?)?,
            times: (fields.u64()? as i64, fields.u64()? as i64),
        })
    }

    /// The plain bytes that it shows.
    pub(crate) fn range(&self) -> Range<u64> {
        self.plain_pos..self.plain_pos.saturating_add(u64::from(self.plain_len))
    }

    fn file_end(&self) -> u64 {
        self.file_pos.saturating_add((BLOCK_HEAD as u64).saturating_add(u64::from(self.body_len)))
    }
}

/// Index and tail, as they end a container whose blocks end at `index_pos`.
pub(crate) fn end(head: &Head, blocks: &[Entry], index_pos: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() * ENTRY + TAIL);
    blocks.iter().for_each(|entry| entry.encode(&mut out));
    let index = *blake3::hash(&out).as_bytes();
    let mut tail = head.encode().to_vec();
    tail.extend_from_slice(&index_pos.to_le_bytes());
    tail.extend_from_slice(&(blocks.len() as u32).to_le_bytes());
    tail.extend_from_slice(&[0; 4]);
    tail.extend_from_slice(&index);
    tail.extend_from_slice(&[0; 4]);
    tail.extend_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
    tail.extend_from_slice(TAIL_MAGIC);
    out.extend_from_slice(&tail);
    out
}

/// What an encoded file says of itself, at its beginning or at its end; none if it is no encoded file, or one of which both are lost.
pub(crate) fn head_of(file: &dyn DiskFile) -> io::Result<Option<Head>> {
    Ok(heads(file)?.map(|(head, _)| head))
}

/// The head, and whether it stands where it should.
fn heads(file: &dyn DiskFile) -> io::Result<Option<(Head, bool)>> {
    let mut bytes = [0; HEAD];
    let held = read_full(file, &mut bytes, 0)?;
    if bytes[..held].starts_with(PLAIN_MAGIC) {
        return Ok(None);
    }
    match Head::decode(&bytes[..held]) {
        Ok(head) => return Ok(Some((head, true))),
        Err(HeadError::Newer { version, codec }) => return Err(newer(version, codec)),
        Err(HeadError::Damaged) => {}
    }
    let Some(at) = file.len()?.checked_sub((TAIL + HEAD) as u64) else { return Ok(None) };
    let mut tail = [0; TAIL];
    let held = read_full(file, &mut tail, at + HEAD as u64)?;
    if !tail[..held].ends_with(TAIL_MAGIC) {
        return Ok(None);
    }
    match Head::decode(&tail[..HEAD]) {
        Ok(head) => Ok(Some((head, false))),
        Err(HeadError::Newer { version, codec }) => Err(newer(version, codec)),
        Err(HeadError::Damaged) => Ok(None),
    }
}

fn newer(version: u32, codec: u32) -> io::Error {
    let text = format!(
        "an encoded segment of version {version}, codec {codec}, which this version does not know: use a newer one; \
         nothing was touched"
    );
    io::Error::new(io::ErrorKind::Unsupported, text)
}

impl Container {
    /// Of an encoded file; none if it is none.
    pub(crate) fn of(file: &dyn DiskFile) -> io::Result<Option<Self>> {
        let Some((head, in_place)) = heads(file)? else { return Ok(None) };
        let flaw = (!in_place).then_some("the head does not verify");
        match index(file, &head)? {
            Ok(blocks) => Ok(Some(Self { head, blocks, flaw })),
            Err(flaw) => {
                let blocks = walk(file, &head)?;
                Ok(Some(Self { head, blocks, flaw: Some(flaw) }))
            }
        }
    }

    /// The block that shows this byte of the plain segment, or the range around it that none shows.
    pub(crate) fn find(&self, plain_pos: u64) -> Result<usize, Range<u64>> {
        let behind = self.blocks.partition_point(|block| block.plain_pos <= plain_pos);
        let begin = match behind.checked_sub(1) {
            Some(before) if self.blocks[before].range().contains(&plain_pos) => return Ok(before),
            Some(before) => self.blocks[before].range().end,
            None => 0,
        };
        Err(begin..self.blocks.get(behind).map_or(self.head.plain_len, |next| next.plain_pos))
    }

    /// The body of a block, if its bytes verify; the reason if they do not.
    pub(crate) fn body(&self, file: &dyn DiskFile, entry: &Entry) -> io::Result<Result<Vec<u8>, Flaw>> {
        // The index has checked that the file is long enough for it.
        let mut bytes = vec![0; BLOCK_HEAD + entry.body_len as usize];
        let held = read_full(file, &mut bytes, entry.file_pos)?;
        if held < bytes.len() {
            return Ok(Err("the block is cut"));
        }
        let body = bytes.split_off(BLOCK_HEAD);
        Ok(match BlockHead::decode(&bytes) {
            Err(flaw) => Err(flaw),
            Ok(head) if head != entry.head() => Err("the block's head says otherwise than the index"),
            Ok(_) if hash(&self.head.encode(), &bytes[..32], &body)[..] != bytes[32..] => {
                Err("the block's hash does not hold")
            }
            Ok(_) => Ok(body),
        })
    }
}

impl Entry {
    fn head(&self) -> BlockHead {
        let Self { form, body_len, plain_len, plain_pos, records, .. } = *self;
        BlockHead { form, body_len, plain_len, plain_pos, records }
    }
}

/// The index, if it and the tail verify.
fn index(file: &dyn DiskFile, head: &Head) -> io::Result<Result<Vec<Entry>, Flaw>> {
    let len = file.len()?;
    let Some(tail_pos) = len.checked_sub(TAIL as u64) else { return Ok(Err("the tail is cut")) };
    let mut tail = [0; TAIL];
    let held = read_full(file, &mut tail, tail_pos)?;
    if held < TAIL || !tail.ends_with(TAIL_MAGIC) || tail[..HEAD] != head.encode() {
        return Ok(Err("the tail does not verify"));
    }
    let read = |fields: &mut Bytes<'_>| -> Result<_, Flaw> {
        fields.take(HEAD)?;
        let (pos, count, zeros) = (fields.u64()?, fields.u32()?, fields.u32()?);
        Ok((pos, count, zeros, fields.array::<32>()?, fields.u32()?, fields.u32()?))
    };
    let (pos, count, zeros, hash, more_zeros, crc) = match read(&mut Bytes::new(&tail)) {
        Ok(fields) => fields,
        Err(flaw) => return Ok(Err(flaw)),
    };
    let index_len = u64::from(count) * ENTRY as u64;
    let fits = pos.checked_add(index_len) == Some(tail_pos);
    if crc32c::crc32c(&tail[..TAIL - 12]) != crc || zeros != 0 || more_zeros != 0 || !fits {
        return Ok(Err("the tail does not verify"));
    }
    // It lies within the file, so it is no longer than that.
    let mut bytes = vec![0; index_len as usize];
    let held = read_full(file, &mut bytes, pos)?;
    if held < bytes.len() || *blake3::hash(&bytes).as_bytes() != hash {
        return Ok(Err("the index does not verify"));
    }
    let mut fields = Bytes::new(&bytes);
    let blocks: Result<Vec<Entry>, Flaw> = (0..count).map(|_| Entry::decode(&mut fields)).collect();
    Ok(blocks.and_then(|blocks| check(blocks, head, pos)))
}

/// Whether the blocks show every byte of the segment once, and lie in the file one behind the other.
fn check(blocks: Vec<Entry>, head: &Head, index_pos: u64) -> Result<Vec<Entry>, Flaw> {
    let (mut plain, mut file) = (0, HEAD as u64);
    for block in &blocks {
        let bounded = block.plain_len > 0 && u64::from(block.plain_len) <= MOST_PLAIN;
        if block.plain_pos != plain || block.file_pos != file || !bounded {
            return Err("the index's blocks do not follow each other");
        }
        (plain, file) = (block.range().end, block.file_end());
    }
    if plain == head.plain_len && file == index_pos {
        Ok(blocks)
    } else {
        Err("the index does not cover the segment")
    }
}

/// The blocks as their heads say, one behind the other, as far as they can be followed.
fn walk(file: &dyn DiskFile, head: &Head) -> io::Result<Vec<Entry>> {
    let len = file.len()?;
    let (mut blocks, mut plain, mut pos) = (Vec::new(), 0, HEAD as u64);
    while plain < head.plain_len {
        let mut bytes = [0; BLOCK_HEAD];
        if read_full(file, &mut bytes, pos)? < BLOCK_HEAD {
            break;
        }
        let Ok(BlockHead { form, body_len, plain_len, plain_pos, records }) = BlockHead::decode(&bytes)
        else {
            break;
        };
        // First of all, for what is out of its place has no offset.
        if plain_pos != plain {
            break;
        }
        let first = head.offset(plain_pos);
        let entry =
            Entry { plain_pos, file_pos: pos, first, plain_len, body_len, records, form, times: (0, 0) };
        if entry.range().end > head.plain_len || entry.file_end() > len {
            break;
        }
        (plain, pos) = (entry.range().end, entry.file_end());
        blocks.push(entry);
    }
    Ok(blocks)
}

/// Fills `buf` from `pos` on, as far as the file goes, and says how far.
pub(crate) fn read_full(file: &dyn DiskFile, buf: &mut [u8], pos: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], pos + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests;

//! From a plain segment to an encoded one: stretches become blocks, blocks are written one behind the other.

use std::io::{self, Write};
use std::ops::Range;

use annals_journal::layout::{Found, Home, Piece};
use annals_journal::{DiskFile, Offset};

use super::Codec;
use super::container::{self, BlockHead, Entry, Form, Head};
use super::cut::{self, Stretch};
use super::error::CodecError;
use super::facts;
use super::packing::{LEVEL, Packer, QUICK};
use super::rows;
use super::skeleton::{Open, Skeleton};

/// What an encoding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoded {
    /// The bytes of the plain segment.
    pub plain_len: u64,
    /// The bytes that were written.
    pub encoded_len: u64,
    /// The records in it.
    pub records: u64,
    /// The blocks.
    pub blocks: u64,
    /// How many bytes of the plain segment are kept as they are, header and seal included: more than those only where
    /// something does not verify, or is of a kind that this version does not know.
    pub verbatim_bytes: u64,
}

/// What is being written.
struct Encoding<'a> {
    to: &'a mut dyn Write,
    head: Option<Head>,
    codec: Codec,
    plain_len: u64,
    pos: u64,
    blocks: Vec<Entry>,
    packer: Packer,
    /// Of the lowest level.
    quick: Packer,
    done: Encoded,
}

pub(super) fn encode(plain: &dyn DiskFile, to: &mut dyn Write, codec: Codec) -> Result<Encoded, CodecError> {
    if codec == Codec::Plain {
        return Err(CodecError::Plain);
    }
    let plain_len = plain.len().map_err(CodecError::Read)?;
    let [packer, quick] = [LEVEL, QUICK].map(|level| Packer::new(level).map_err(CodecError::Write));
    let (packer, quick) = (packer?, quick?);
    let done = Encoded { plain_len, encoded_len: 0, records: 0, blocks: 0, verbatim_bytes: 0 };
    let mut encoding =
        Encoding { to, head: None, codec, plain_len, pos: 0, blocks: Vec::new(), packer, quick, done };
    cut::cut(plain, codec.block_bytes(), |home, stretch| encoding.block(home, &stretch))?;
    encoding.end()
}

impl Encoding<'_> {
    fn block(&mut self, home: &Home, stretch: &Stretch<'_>) -> Result<(), CodecError> {
        let head = match &self.head {
            Some(head) => head.clone(),
            None => {
                let head = Head { codec: self.codec, home: *home, plain_len: self.plain_len };
                self.write(&head.encode())?;
                self.head = Some(head.clone());
                head
            }
        };
        match *stretch {
            Stretch::Verbatim { plain_pos, bytes } => {
                let body = self.packer.packed(bytes).map_err(CodecError::Write)?;
                self.done.verbatim_bytes += bytes.len() as u64;
                self.put(&head, Form::Verbatim, plain_pos, bytes.len(), 0, (0, 0), &body)
            }
            Stretch::Frames { plain_pos, bytes, frames, open } => {
                let pieces = pieces(&head, plain_pos, bytes, frames)?;
                let (form, body) = self.body(&head, plain_pos, &pieces, open)?;
                let records = pieces.iter().filter(|piece| matches!(piece, Piece::Record(_))).count();
                let mut times = pieces.iter().filter_map(|piece| match piece {
                    Piece::Commit { time_micros, .. } => Some(*time_micros),
                    _ => None,
                });
                let first = times.next();
                let times = first.map_or((0, 0), |first| (first, times.next_back().unwrap_or(first)));
                self.put(&head, form, plain_pos, bytes.len(), records, times, &body)
            }
        }
    }

    /// The body of a block of these pieces.
    fn body(
        &mut self,
        head: &Head,
        plain_pos: u64,
        pieces: &[Piece<'_>],
        open: Open,
    ) -> Result<(Form, Vec<u8>), CodecError> {
        let payloads: Vec<&[u8]> = pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Record(payload) => Some(*payload),
                _ => None,
            })
            .collect();
        let lens: Vec<usize> = payloads.iter().map(|payload| payload.len()).collect();
        let mut body = Vec::new();
        let from = head.offset(plain_pos);
        let skeleton = Skeleton::of(pieces).pack(from, open, &lens, &mut self.packer, &mut body);
        skeleton.map_err(CodecError::Write)?;
        let facts = match self.codec {
            Codec::Delta => self.facts(&payloads, &offsets(from, pieces)).map_err(CodecError::Write)?,
            Codec::Plain | Codec::Zstd => None,
        };
        if let Some(facts) = facts {
            body.extend_from_slice(&facts);
            return Ok((Form::Facts, body));
        }
        rows::pack(&payloads, &mut self.packer, &mut body).map_err(CodecError::Write)?;
        Ok((Form::Rows, body))
    }

    /// The payloads as columns, if they come again of them, and rows are not shorter.
    fn facts(&mut self, payloads: &[&[u8]], offsets: &[u64]) -> io::Result<Option<Vec<u8>>> {
        let Some(facts) = facts::pack(payloads, offsets, &mut self.packer)? else { return Ok(None) };
        // Rows are packed the quick way first: they are not worth the slow one if columns take half of that.
        let mut rows = Vec::new();
        rows::pack(payloads, &mut self.quick, &mut rows)?;
        if facts.len() > rows.len() / 2 {
            rows.clear();
            rows::pack(payloads, &mut self.packer, &mut rows)?;
        }
        let worth = facts.len() <= rows.len() && facts::gives(&facts, payloads, offsets)?;
        Ok(worth.then_some(facts))
    }

    #[allow(clippy::too_many_arguments, reason = "a block's head, field by field")]
    fn put(
        &mut self,
        head: &Head,
        form: Form,
        plain_pos: u64,
        plain_len: usize,
        records: usize,
        times: (i64, i64),
        body: &[u8],
    ) -> Result<(), CodecError> {
        let (body_len, plain_len, records) = (body.len() as u32, plain_len as u32, records as u32);
        let first = head.offset(plain_pos);
        let block = BlockHead { form, body_len, plain_len, plain_pos, records };
        let file_pos = self.pos;
        self.blocks.push(Entry { plain_pos, file_pos, first, plain_len, body_len, records, form, times });
        self.done.records += u64::from(records);
        self.done.blocks += 1;
        self.write(&block.encode(&head.encode(), body))?;
        self.write(body)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        self.pos += bytes.len() as u64;
        self.to.write_all(bytes).map_err(CodecError::Write)
    }

    fn end(mut self) -> Result<Encoded, CodecError> {
        let Some(head) = self.head.clone() else {
            return Err(CodecError::NotSealed { reason: "it is empty".to_owned() });
        };
        let end = container::end(&head, &self.blocks, self.pos);
        self.write(&end)?;
        self.to.flush().map_err(CodecError::Write)?;
        Ok(Encoded { encoded_len: self.pos, ..self.done })
    }
}

/// Where the records among these pieces stand.
fn offsets(from: Offset, pieces: &[Piece<'_>]) -> Vec<u64> {
    let mut at = from.get();
    let mut offsets = Vec::with_capacity(pieces.len());
    for piece in pieces {
        if matches!(piece, Piece::Record(_)) {
            offsets.push(at);
        }
        at += piece.len() as u64;
    }
    offsets
}

/// The pieces of which these frames come.
fn pieces<'a>(
    head: &Head,
    plain_pos: u64,
    bytes: &'a [u8],
    frames: &[Range<usize>],
) -> Result<Vec<Piece<'a>>, CodecError> {
    frames
        .iter()
        .map(|frame| {
            let at = plain_pos + frame.start as u64;
            match head.home.take(head.offset(at), &bytes[frame.clone()]) {
                Found::Piece(piece, _) => Ok(piece),
                _ => Err(CodecError::Differs { at }),
            }
        })
        .collect()
}

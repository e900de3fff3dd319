//! What becomes of one dead letter, as it is written down before it is done.
//!
//!   'A' | where the epoch's name came first, u64 little-endian, or all ones | a row of one piece     applied
//!   'D'                                                                                             the letter goes
//!   'K' | reason                                                                                    it stays

use annals_record::Offset;

use crate::Error;
use crate::chunk::{Chunk, ChunkWriter, Piece};

/// One dead letter, and what becomes of it.
pub(crate) struct Step {
    offset: Offset,
    /// As it is stored.
    value: Vec<u8>,
    /// The piece of what is applied.
    chunk: Option<Chunk>,
}

/// What becomes of a dead letter.
pub(crate) enum Deed<'s> {
    /// Its record is applied at its offset.
    Apply {
        piece: Piece<'s>,
        /// Where the name of its epoch came first so far, if from now on it comes first here: the place itself if it is
        /// new.
        name: Option<Offset>,
    },
    /// The letter goes; its record is there, or is none that the store keeps.
    Drop,
    /// The letter stays, with this reason.
    Keep(&'s str),
}

impl Step {
    pub(crate) fn apply(piece: &Piece<'_>, name: Option<Offset>) -> Self {
        let mut writer = ChunkWriter::default();
        writer.push(piece);
        let chunk = writer.finish().pop();
        let mut value = vec![b'A'];
        value.extend_from_slice(&name.map_or(u64::MAX, Offset::get).to_le_bytes());
        if let Some(chunk) = &chunk {
            let head = value.len();
            value.resize(head + chunk.row_len(), 0);
            chunk.write_row(&mut value[head..]);
        }
        Self { offset: piece.offset, value, chunk }
    }

    pub(crate) fn drop(offset: Offset) -> Self {
        Self { offset, value: vec![b'D'], chunk: None }
    }

    pub(crate) fn keep(offset: Offset, reason: &str) -> Self {
        Self { offset, value: [b"K", reason.as_bytes()].concat(), chunk: None }
    }

    /// Reads what was written down.
    pub(crate) fn read(offset: Offset, value: &[u8]) -> Result<Self, Error> {
        let chunk = match value.first() {
            Some(b'A') => Some(value.get(9..).and_then(Chunk::from_row).ok_or_else(|| damaged(offset))?),
            _ => None,
        };
        let step = Self { offset, value: value.to_vec(), chunk };
        step.deed()?;
        Ok(step)
    }

    /// The letter's place.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    /// As it is stored.
    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }

    /// What becomes of the letter.
    pub(crate) fn deed(&self) -> Result<Deed<'_>, Error> {
        let damaged = || damaged(self.offset);
        match self.value.split_first().ok_or_else(damaged)? {
            (b'A', rest) => {
                let name = u64::from_le_bytes(*rest.first_chunk().ok_or_else(damaged)?);
                let piece =
                    self.chunk.as_ref().and_then(|chunk| chunk.pieces().next()).map(|(piece, _)| piece);
                let piece = piece.filter(|piece| piece.offset == self.offset).ok_or_else(damaged)?;
                Ok(Deed::Apply { piece, name: (name != u64::MAX).then_some(Offset::new(name)) })
            }
            (b'D', []) => Ok(Deed::Drop),
            (b'K', reason) => Ok(Deed::Keep(std::str::from_utf8(reason).map_err(|_| damaged())?)),
            _ => Err(damaged()),
        }
    }
}

fn damaged(offset: Offset) -> Error {
    Error::Damaged {
        key: format!("redriving {offset}"),
        detail: "it does not say what becomes of the dead letter; the store has to be rebuilt".to_owned(),
    }
}

//! A bin in the order of its keys, each key once, at the lowest offset it came at.
//!
//!   fits into memory:  blocks -> sorted -> out
//!   does not:          blocks -> a spill of its own, by the first byte in which the keys differ -> each part the same way

use std::fs;
use std::path::Path;

use super::layout::{Binned, Kind};
use super::spill::{Block, Spill};
use crate::Error;

/// How many parts a bin is cut into that does not fit.
const PARTS: usize = 256;

/// Records in the order in which content wants them.
pub(super) struct Sorted {
    pub(super) kind: Kind,
    bytes: Vec<u8>,
    order: Vec<Spot>,
    /// How many bytes were read for it.
    pub(super) read: u64,
}

/// A record in `bytes`.
#[derive(Clone, Copy)]
struct Spot {
    /// The beginning of its id: nearly always this decides.
    begins: u64,
    at: usize,
}

impl Sorted {
    /// Its records.
    pub(super) fn records(&self) -> impl Iterator<Item = Binned<'_>> {
        self.order.iter().filter_map(|spot| self.record(*spot))
    }

    fn record(&self, spot: Spot) -> Option<Binned<'_>> {
        Binned::read(self.kind, &self.bytes[spot.at..]).ok().map(|(record, _)| record)
    }

    fn of(spill: &Spill, kind: Kind, blocks: &[Block]) -> Result<Self, Error> {
        let mut bytes = Vec::with_capacity(blocks.iter().map(|block| block.len()).sum());
        blocks.iter().try_for_each(|block| spill.read(*block, &mut bytes))?;
        let read = bytes.len() as u64;
        let mut sorted = Self { kind, bytes, order: Vec::new(), read };
        let mut at = 0;
        while at < sorted.bytes.len() {
            let (record, len) = Binned::read(kind, &sorted.bytes[at..])?;
            sorted.order.push(Spot { begins: beginning(kind, record.key), at });
            at += len;
        }
        sorted.sort();
        Ok(sorted)
    }

    fn sort(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        let key = |spot: &Spot| self.record(*spot).map(|record| (record.key, record.offset()));
        order.sort_unstable_by(|a, b| a.begins.cmp(&b.begins).then_with(|| key(a).cmp(&key(b))));
        let same_key = |a: &Spot, b: &Spot| {
            a.begins == b.begins && key(a).map(|(key, _)| key) == key(b).map(|(key, _)| key)
        };
        order.dedup_by(|later, first| same_key(later, first));
        if self.kind == Kind::Epochs {
            // In content an epoch's versions stand by their offsets.
            let epoch = |spot: &Spot| key(spot).map(|(key, offset)| (&key[..32], offset));
            order.sort_unstable_by(|a, b| a.begins.cmp(&b.begins).then_with(|| epoch(a).cmp(&epoch(b))));
        }
        self.order = order;
    }
}

/// Hands out a bin in order, in as many pieces as it takes to hold no more than about `most` bytes at once; parts of it lie
/// in files beside `scratch`. One epoch is always whole, however many versions it has.
pub(super) fn each_of(
    spill: &Spill,
    kind: Kind,
    blocks: &[Block],
    most: usize,
    scratch: &Path,
    visit: &mut dyn FnMut(Sorted) -> Result<(), Error>,
) -> Result<(), Error> {
    if blocks.is_empty() {
        return Ok(());
    }
    if blocks.iter().map(|block| block.len()).sum::<usize>() <= most {
        return visit(Sorted::of(spill, kind, blocks)?);
    }
    let all = if kind == Kind::Epochs { 32 } else { kind.key_bytes() };
    let common = common(spill, kind, blocks, all)?;
    if common == all {
        if kind != Kind::Epochs {
            return visit(only_the_first(spill, kind, blocks)?);
        }
        return visit(Sorted::of(spill, kind, blocks)?);
    }
    // Where the keys differ is as deep as this part of a part lies.
    let path = scratch.with_extension(common.to_string());
    let mut parts = Spill::create(&path, PARTS, most / PARTS)?;
    each_record(spill, kind, blocks, &mut |record, bytes| {
        parts.add(usize::from(record.key[common]), bytes)?;
        Ok(())
    })?;
    parts.end()?;
    for part in 0..PARTS {
        each_of(&parts, kind, parts.blocks(part), most, scratch, visit)?;
    }
    fs::remove_file(&path).map_err(Error::io("remove", &path))
}

/// How many bytes, of the first `all` bytes of their keys, all records share.
fn common(spill: &Spill, kind: Kind, blocks: &[Block], all: usize) -> Result<usize, Error> {
    let mut first: Option<Vec<u8>> = None;
    let mut common = all;
    each_record(spill, kind, blocks, &mut |record, _| {
        let first = first.get_or_insert_with(|| record.key.to_vec());
        common = first.iter().zip(record.key).take(common).take_while(|(a, b)| a == b).count();
        Ok(())
    })?;
    Ok(common)
}

/// The record at the lowest offset of records that all have one key.
fn only_the_first(spill: &Spill, kind: Kind, blocks: &[Block]) -> Result<Sorted, Error> {
    let mut sorted = Sorted { kind, bytes: Vec::new(), order: vec![Spot { begins: 0, at: 0 }], read: 0 };
    let mut lowest = None;
    each_record(spill, kind, blocks, &mut |record, bytes| {
        sorted.read += bytes.len() as u64;
        if lowest.is_none_or(|lowest| record.offset() < lowest) {
            lowest = Some(record.offset());
            sorted.bytes = bytes.to_vec();
        }
        Ok(())
    })?;
    Ok(sorted)
}

/// Takes a record and its bytes.
type Visit<'v> = dyn FnMut(Binned<'_>, &[u8]) -> Result<(), Error> + 'v;

/// Looks at each record of some blocks, and its bytes.
pub(super) fn each_record(
    spill: &Spill,
    kind: Kind,
    blocks: &[Block],
    visit: &mut Visit<'_>,
) -> Result<(), Error> {
    let mut body = Vec::new();
    for block in blocks {
        body.clear();
        spill.read(*block, &mut body)?;
        let mut rest = &body[..];
        while !rest.is_empty() {
            let (record, len) = Binned::read(kind, rest)?;
            visit(record, &rest[..len])?;
            rest = &rest[len..];
        }
    }
    Ok(())
}

fn beginning(kind: Kind, key: &[u8]) -> u64 {
    key.get(kind.id_at()..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

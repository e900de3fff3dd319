//! Who the facts of a block are and which ones they follow: mostly the one before of the same key, which takes nothing.
//!
//! ```text
//!   key a:  1 <- 2 <- 3      key b:  1 <- 2, 1 <- 3, ? <- 4
//!           before, before           before, first, so far back: a number, or 16 bytes of a foreign id
//! ```

use std::io;

use annals_journal::Offset;
use uuid::Uuid;

use super::super::bytes::{Bytes, Flaw};
use super::super::ints;
use super::super::packing::{Packer, Unpacker};
use super::order::Order;
use crate::fact::{Cause, Fact, FactId};

/// How the cause of a fact is said. Those *before* and *first* are of the same key, in this block.
const NONE: i64 = 0;
/// The fact before.
const BEFORE: i64 = 1;
/// The first fact.
const FIRST: i64 = 2;
/// That of the fact before.
const AS_BEFORE: i64 = 3;
/// So many bytes of the log back.
const BACK: i64 = 4;
/// The foreign id of the fact before.
const ID_BEFORE: i64 = 5;
/// ... of the first fact.
const ID_FIRST: i64 = 6;
/// A foreign id.
const ID: i64 = 7;

/// The bytes of an id.
const UUID: usize = 16;

/// The cause of a fact, before it is known where the facts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    None,
    /// A fact of the block.
    Fact(u32),
    /// So many bytes back from a fact of the block; wraps.
    Back(u32, u64),
    Foreign(Uuid),
}

/// Ids and causes, by fact.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    pub(crate) ids: Vec<Option<Uuid>>,
    pub(crate) causes: Vec<Told>,
}

/// For each fact, the one before of its key and the first of its key; none if it is the first.
fn chains(key_of: &[u32]) -> Vec<Option<(u32, u32)>> {
    let keys = key_of.iter().max().map_or(0, |most| *most as usize + 1);
    let mut last: Vec<Option<(u32, u32)>> = vec![None; keys];
    let follow = |(fact, key): (usize, &u32)| {
        let last = &mut last[*key as usize];
        let here = *last;
        *last = Some((fact as u32, here.map_or(fact as u32, |(_, first)| first)));
        here
    };
    key_of.iter().enumerate().map(follow).collect()
}

/// Adds ids and causes to `out`. `offsets` are those of the facts.
pub(crate) fn pack(
    facts: &[Fact],
    offsets: &[u64],
    order: &Order,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let chains = chains(&order.key_of);
    let id = |fact: u32| match facts[fact as usize].id {
        FactId::Native => None,
        FactId::Foreign(uuid) => Some(uuid),
    };
    let (mut foreign, mut ids) = (Vec::new(), Vec::new());
    let (mut codes, mut backs) = (Vec::new(), Vec::new());
    for &fact in &order.facts {
        foreign.push(i64::from(id(fact).is_some()));
        ids.extend(id(fact));
        let chain = chains[fact as usize];
        let (before, first) = (chain.map(|(before, _)| before), chain.map(|(_, first)| first));
        let offset = |of: Option<u32>| of.map(|of| offsets[of as usize]);
        codes.push(match facts[fact as usize].causation {
            None => NONE,
            Some(Cause::Fact(at)) if offset(before) == Some(at.get()) => BEFORE,
            Some(Cause::Fact(at)) if offset(first) == Some(at.get()) => FIRST,
            Some(Cause::Foreign(uuid)) if before.and_then(id) == Some(uuid) => ID_BEFORE,
            Some(Cause::Foreign(uuid)) if first.and_then(id) == Some(uuid) => ID_FIRST,
            cause if before.is_some_and(|before| facts[before as usize].causation == cause) => AS_BEFORE,
            Some(Cause::Fact(at)) => {
                backs.push(offsets[fact as usize].wrapping_sub(at.get()) as i64);
                BACK
            }
            Some(Cause::Foreign(_)) => ID,
        });
    }
    // The ids of causes stand behind those of the facts.
    for (&fact, code) in order.facts.iter().zip(&codes) {
        if let (ID, Some(Cause::Foreign(uuid))) = (*code, facts[fact as usize].causation) {
            ids.push(uuid);
        }
    }
    ints::pack(&foreign, &[], packer, out)?;
    ints::pack(&codes, &[], packer, out)?;
    ints::pack(&backs, &[], packer, out)?;
    // Each byte of all of them beside each other: the random ones stay as they are, the others take little.
    let mut plane = Vec::with_capacity(ids.len());
    for at in 0..UUID {
        plane.clear();
        plane.extend(ids.iter().map(|id| id.as_bytes()[at]));
        packer.pack(&plane, out)?;
    }
    Ok(())
}

impl Causes {
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        order: &Order,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let count = order.facts.len();
        let foreign = ints::unpack(bytes, count, &[], unpacker)?;
        let codes = ints::unpack(bytes, count, &[], unpacker)?;
        let count_of = |column: &[i64], code| column.iter().filter(|found| **found == code).count();
        let backs = ints::unpack(bytes, count_of(&codes, BACK), &[], unpacker)?;
        let foreign_ids = count_of(&foreign, 1);
        let mut ids = vec![[0; UUID]; foreign_ids + count_of(&codes, ID)];
        let mut plane = Vec::new();
        for at in 0..UUID {
            unpacker.unpack_into(bytes, ids.len(), &mut plane)?;
            if plane.len() != ids.len() {
                return Err("ids that are cut");
            }
            ids.iter_mut().zip(&plane).for_each(|(id, byte)| id[at] = *byte);
        }
        let (ids, causes) = ids.split_at(foreign_ids);
        let mut found = Self { ids: vec![None; count], causes: vec![Told::None; count] };
        let mut ids = ids.iter();
        for (fact, foreign) in order.facts.iter().zip(&foreign) {
            found.ids[*fact as usize] = match foreign {
                0 => None,
                1 => ids.next().map(|id| Uuid::from_bytes(*id)),
                _ => return Err("an id of an unknown kind"),
            };
        }
        found.tell(&codes, &backs, causes, order)?;
        Ok(found)
    }

    fn tell(
        &mut self,
        codes: &[i64],
        backs: &[i64],
        causes: &[[u8; UUID]],
        order: &Order,
    ) -> Result<(), Flaw> {
        let chains = chains(&order.key_of);
        let (mut backs, mut causes) = (backs.iter(), causes.iter());
        let none = "a cause before the first fact of its key";
        for (&fact, code) in order.facts.iter().zip(codes) {
            let chain = chains[fact as usize].ok_or(none);
            let id =
                |of: u32| self.ids[of as usize].map(Told::Foreign).ok_or("a foreign id that is not there");
            self.causes[fact as usize] = match *code {
                NONE => Told::None,
                BEFORE => Told::Fact(chain?.0),
                FIRST => Told::Fact(chain?.1),
                AS_BEFORE => self.causes[chain?.0 as usize],
                BACK => Told::Back(fact, *backs.next().ok_or(none)? as u64),
                ID_BEFORE => id(chain?.0)?,
                ID_FIRST => id(chain?.1)?,
                ID => Told::Foreign(Uuid::from_bytes(*causes.next().ok_or(none)?)),
                _ => return Err("a cause of an unknown kind"),
            };
        }
        Ok(())
    }

    /// The cause of a fact, now that it is known where facts stand.
    pub(crate) fn cause(&self, fact: usize, offset: impl Fn(usize) -> u64) -> Option<Cause> {
        match self.causes[fact] {
            Told::None => None,
            Told::Fact(fact) => Some(Cause::Fact(Offset::new(offset(fact as usize)))),
            Told::Back(fact, back) => {
                Some(Cause::Fact(Offset::new(offset(fact as usize).wrapping_sub(back))))
            }
            Told::Foreign(uuid) => Some(Cause::Foreign(uuid)),
        }
    }
}

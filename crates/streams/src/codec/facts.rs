//! The payloads of a block as columns, where they are facts: each field of all of them together, one key after the other.
//!
//! ```text
//!   [which records are no facts][these as rows][how many facts]
//!   [keys, order][transaction times][valid times][ids, causes][versions][stores][producers][derivations][values]
//! ```
//!
//! F1: a block is written so only after it was read again and every payload came of it byte for byte. A record that is no
//! fact, or does not come again, is a row.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use super::bytes::{Bytes, Flaw, put_varint};
use super::ints;
use super::packing::{Packer, Unpacker};
use super::rows::{self, Rows};
use crate::fact::{Fact, View, payload};

mod causes;
mod numbers;
mod order;
mod texts;
mod times;
mod values;

use causes::Causes;
use order::{Mode, Order, Unordered};
use texts::Texts;

/// With fewer facts than this rows are as good.
const FEW: usize = 2;

/// With so many facts of each key in the mean, one key after the other is not longer than as the log has them.
const LONG_RUN: usize = 16;

/// The payloads of a block, decoded as far as fields.
#[derive(Debug)]
pub(crate) struct Facts {
    /// For each record, its fact, or its row.
    of: Vec<Payload>,
    rows: Rows,
    /// The record of each fact.
    records: Vec<u32>,
    order: Order,
    /// The row of each fact.
    row_of: Vec<u32>,
    keys: Texts,
    stores: Texts,
    producers: Texts,
    /// Of each different producer: whether it can be an agent's name.
    names: Vec<bool>,
    derivations: Texts,
    causes: Causes,
    times: Vec<f64>,
    valid: Vec<Option<f64>>,
    versions: Vec<i64>,
    values: Vec<u8>,
    value_ends: Vec<u32>,
}

/// What a record is.
#[derive(Clone, Copy, Debug)]
enum Payload {
    Fact(u32),
    Row(u32),
}

/// The payloads as columns, if they are facts; the shorter of the orders. `offsets` are those of the records.
pub(crate) fn pack(payloads: &[&[u8]], offsets: &[u64], packer: &mut Packer) -> io::Result<Option<Vec<u8>>> {
    let read: Vec<Option<Fact>> = payloads.iter().map(|payload| Fact::of_payload(payload)).collect();
    if read.iter().flatten().count() < FEW {
        return Ok(None);
    }
    let mut out = Vec::new();
    let flags: Vec<i64> = read.iter().map(|fact| i64::from(fact.is_none())).collect();
    ints::pack(&flags, &[], packer, &mut out)?;
    let rest: Vec<&[u8]> =
        payloads.iter().zip(&read).filter(|(_, fact)| fact.is_none()).map(|(payload, _)| *payload).collect();
    rows::pack(&rest, packer, &mut out)?;
    let offsets: Vec<u64> =
        offsets.iter().zip(&read).filter(|(_, fact)| fact.is_some()).map(|(offset, _)| *offset).collect();
    let facts: Vec<Fact> = read.into_iter().flatten().collect();
    let times: Vec<f64> = facts.iter().map(|fact| fact.transaction_time).collect();
    let by_key = if order::tell(&times) { Mode::ByKey } else { Mode::ByKeyStored };
    let by_key = columns(&facts, &offsets, by_key, packer)?;
    let different: HashSet<&str> = facts.iter().map(|fact| &*fact.key).collect();
    let as_logged = if facts.len() < different.len() * LONG_RUN {
        Some(columns(&facts, &offsets, Mode::Log, packer)?)
    } else {
        None
    };
    let shorter = as_logged.filter(|as_logged| as_logged.len() < by_key.len());
    out.extend_from_slice(&shorter.unwrap_or(by_key));
    Ok(Some(out))
}

fn columns(facts: &[Fact], offsets: &[u64], mode: Mode, packer: &mut Packer) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let keys: Vec<&[u8]> = facts.iter().map(|fact| fact.key.as_bytes()).collect();
    let (keys, key_of) = order::keys_of(&keys);
    let order = Order::of(mode, keys.len(), key_of);
    order.pack(mode, &keys, packer, &mut out)?;
    let rows = || order.facts.iter().map(|fact| &facts[*fact as usize]);
    let times: Vec<f64> = rows().map(|fact| fact.transaction_time).collect();
    times::pack(&times, None, &order.runs, packer, &mut out)?;

    let known: Vec<i64> = rows().map(|fact| i64::from(fact.valid_time.is_some())).collect();
    ints::pack(&known, &[], packer, &mut out)?;
    let valid: Vec<f64> = rows().filter_map(|fact| fact.valid_time).collect();
    let (about, runs) = among(&known, &times, &order.run_of);
    times::pack(&valid, Some(&about), &runs, packer, &mut out)?;

    causes::pack(facts, offsets, &order, packer, &mut out)?;
    let versions: Vec<i64> = rows().map(|fact| fact.schema_version).collect();
    ints::pack(&versions, &order.runs, packer, &mut out)?;
    texts::pack(rows().map(|fact| Some(fact.store.as_bytes())), packer, &mut out)?;
    texts::pack(rows().map(|fact| fact.producer.as_deref().map(str::as_bytes)), packer, &mut out)?;
    texts::pack(rows().map(|fact| fact.derivation.as_deref().map(str::as_bytes)), packer, &mut out)?;
    let values: Vec<&[u8]> = rows().map(|fact| fact.value.as_bytes()).collect();
    put_varint(&mut out, values.iter().map(|value| value.len() as u64).sum());
    values::pack(&values, &order.run_of, packer, &mut out)?;
    Ok(out)
}

/// Of the rows that have a valid time: the transaction times, and where runs begin.
fn among(known: &[i64], times: &[f64], run_of: &[u32]) -> (Vec<f64>, Vec<u32>) {
    let (mut about, mut runs, mut before) = (Vec::new(), Vec::new(), None);
    for ((known, time), run) in known.iter().zip(times).zip(run_of) {
        if *known == 0 {
            continue;
        }
        if before != Some(run) {
            runs.push(about.len() as u32);
        }
        before = Some(run);
        about.push(*time);
    }
    (about, runs)
}

impl Facts {
    /// Reads `count` payloads of at most `most` bytes in all.
    pub(crate) fn unpack(
        bytes: &mut Bytes<'_>,
        count: usize,
        most: usize,
        unpacker: &mut Unpacker,
    ) -> Result<Self, Flaw> {
        let flags = ints::unpack(bytes, count, &[], unpacker)?;
        let (mut of, mut records) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (record, flag) in flags.iter().enumerate() {
            let fact = records.len() as u32;
            of.push(match flag {
                0 => Payload::Fact(fact),
                1 => Payload::Row(record as u32 - fact),
                _ => return Err("a record of an unknown kind"),
            });
            if *flag == 0 {
                records.push(record as u32);
            }
        }
        let rows = Rows::unpack(bytes, count - records.len(), most, unpacker)?;
        let facts = records.len();

        let unordered = Unordered::unpack(bytes, facts, most, unpacker)?;
        let runs = unordered.runs();
        let times = times::unpack(bytes, facts, None, &runs, unpacker)?;
        let order = unordered.order(&times)?;
        let known = ints::unpack(bytes, facts, &[], unpacker)?;
        let (about, valid_runs) = among(&known, &times, &order.run_of);
        let valid = times::unpack(bytes, about.len(), Some(&about), &valid_runs, unpacker)?;
        if times.iter().chain(&valid).any(|time| time.is_nan()) {
            return Err("a time that is not a number");
        }
        let mut valid = valid.into_iter();
        let valid = known.iter().map(|known| if *known == 0 { None } else { valid.next() }).collect();
        let causes = Causes::unpack(bytes, &order, unpacker)?;
        let versions = ints::unpack(bytes, facts, &order.runs, unpacker)?;
        let mut text = || Texts::unpack(bytes, facts, most, unpacker);
        let (stores, producers, derivations) = (text()?, text()?, text()?);
        if !stores.is_full() || ![&stores, &producers, &derivations].iter().all(|texts| texts.is_utf8()) {
            return Err("a field that is no text");
        }
        let names = producers.different().map(payload::is_name).collect();
        let value_bytes = bytes.size(most)?;
        let mut values = Vec::with_capacity(value_bytes.min(most));
        let value_ends = values::unpack(bytes, &order.run_of, value_bytes, &mut values, unpacker)?;
        let mut row_of = vec![0; facts];
        order.facts.iter().zip(0..).for_each(|(fact, row)| row_of[*fact as usize] = row);
        Ok(Self {
            of,
            rows,
            records,
            order,
            row_of,
            keys: unordered.keys,
            stores,
            producers,
            names,
            derivations,
            causes,
            times,
            valid,
            versions,
            values,
            value_ends,
        })
    }

    /// A fact's fields, once it is known where records stand.
    fn view(&self, fact: usize, offset: impl Fn(usize) -> u64) -> View<'_> {
        let row = self.row_of[fact] as usize;
        let start = row.checked_sub(1).map_or(0, |before| self.value_ends[before]);
        View {
            id: self.causes.ids[fact].map(uuid::Uuid::into_bytes),
            store: self.stores.text(row),
            key: self.keys.text(self.order.key_of[fact] as usize),
            value: &self.values[start as usize..self.value_ends[row] as usize],
            cause: self.causes.cause(fact, |fact| offset(self.records[fact] as usize)),
            transaction_time: self.times[row],
            valid_time: self.valid[row],
            schema_version: self.versions[row],
            producer: self.producers.get(row),
            producer_names: self.producers.number(row).is_some_and(|number| self.names[number]),
            derivation: self.derivations.get(row),
        }
    }

    /// The length of a record's payload.
    pub(crate) fn len(&self, record: usize) -> usize {
        match self.of[record] {
            Payload::Row(row) => self.rows.len(row as usize),
            // Where facts stand changes no length.
            Payload::Fact(fact) => self.view(fact as usize, |_| 0).len(),
        }
    }

    /// A record's payload; `offset` says where records stand.
    pub(crate) fn get(&self, record: usize, offset: impl Fn(usize) -> u64) -> Cow<'_, [u8]> {
        match self.of[record] {
            Payload::Row(row) => Cow::Borrowed(self.rows.get(row as usize)),
            Payload::Fact(fact) => {
                let view = self.view(fact as usize, offset);
                let mut payload = Vec::with_capacity(512 + view.value.len());
                view.write(&mut payload);
                Cow::Owned(payload)
            }
        }
    }
}

/// Whether these columns give exactly these payloads.
pub(crate) fn gives(packed: &[u8], payloads: &[&[u8]], offsets: &[u64]) -> io::Result<bool> {
    let most = payloads.iter().map(|payload| payload.len()).sum();
    let mut unpacker = Unpacker::new()?;
    unpacker.allow(most);
    let mut bytes = Bytes::new(packed);
    let Ok(facts) = Facts::unpack(&mut bytes, payloads.len(), most, &mut unpacker) else { return Ok(false) };
    let same = |(record, payload): (usize, &&[u8])| {
        facts.len(record) == payload.len() && *facts.get(record, |record| offsets[record]) == **payload
    };
    Ok(bytes.end().is_ok() && payloads.iter().enumerate().all(same))
}

#[cfg(test)]
mod tests;

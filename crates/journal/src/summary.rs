//! What a segment adds up to, group by group: written into its seal, and computed anew to check the seal.

use annals_record::{Offset, Term};

use crate::scan::Group;
use crate::seal::{Seal, TABLE_STRIDE};
use crate::segment::SegmentHeader;

/// The sums over the groups of a segment so far.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    base: Offset,
    /// Where the next group begins.
    pub(crate) end: Offset,
    pub(crate) records: u64,
    pub(crate) groups: u64,
    payload_bytes: u64,
    first_micros: i64,
    last_micros: i64,
    chain: blake3::Hasher,
    table: Vec<u64>,
}

impl Summary {
    pub(crate) fn new(header: &SegmentHeader) -> Self {
        let mut chain = blake3::Hasher::new();
        chain.update(&header.chain);
        Self {
            base: header.base,
            end: header.base,
            records: 0,
            groups: 0,
            payload_bytes: 0,
            first_micros: 0,
            last_micros: 0,
            chain,
            table: Vec::new(),
        }
    }

    /// Counts a group. `ids` are its record ids, one after the other.
    pub(crate) fn absorb(&mut self, group: &Group, ids: &[u8]) {
        self.absorb_group(group);
        self.absorb_ids(ids);
    }

    /// Counts record ids, one after the other, of as many groups as one likes: many at once are faster.
    pub(crate) fn absorb_ids(&mut self, ids: &[u8]) {
        self.chain.update(ids);
    }

    /// Counts a group but for its record ids.
    pub(crate) fn absorb_group(&mut self, group: &Group) {
        let distance = group.start.get() - self.base.get();
        if self.table.last().is_none_or(|last| last / TABLE_STRIDE < distance / TABLE_STRIDE) {
            self.table.push(distance);
        }
        if self.groups == 0 {
            self.first_micros = group.commit.time_micros;
        }
        self.last_micros = group.commit.time_micros;
        self.groups += 1;
        self.records += u64::from(group.commit.records);
        self.payload_bytes += group.payload_bytes;
        self.end = group.end;
    }

    /// Counts the groups that another sum over the same segment has counted, behind the last of these, but for their record ids.
    pub(crate) fn join(&mut self, next: &Self) {
        if next.groups == 0 {
            return;
        }
        let known = self.table.last().map(|last| last / TABLE_STRIDE);
        self.table.extend(next.table.iter().skip_while(|distance| known == Some(**distance / TABLE_STRIDE)));
        if self.groups == 0 {
            self.first_micros = next.first_micros;
        }
        self.last_micros = next.last_micros;
        self.groups += next.groups;
        self.records += next.records;
        self.payload_bytes += next.payload_bytes;
        self.end = next.end;
    }

    /// Passes over what is lost: the next group begins at `to`.
    pub(crate) fn pass(&mut self, to: Offset) {
        self.end = to;
    }

    /// How many entries the seal's table has by now.
    pub(crate) fn table_len(&self) -> usize {
        self.table.len()
    }

    /// The seal that belongs behind these groups.
    pub(crate) fn seal(&self, next_term: Term) -> Seal {
        Seal {
            end: self.end,
            records: self.records,
            groups: self.groups,
            payload_bytes: self.payload_bytes,
            first_micros: self.first_micros,
            last_micros: self.last_micros,
            chain: *self.chain.finalize().as_bytes(),
            next_term,
            table: self.table.clone(),
        }
    }
}

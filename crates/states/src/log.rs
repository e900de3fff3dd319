//! The log of the model: what its files hold, what of it is durable, and what readers may see.
//!
//!   oldest         active        watermark   durable    records
//!   |---sealed-----|-------------|-----------|----------|
//!
//! A record is a byte, and takes one place.

use annals_record::{Cursor, LogId, Offset, Term, TermStart};

/// The log's identity: there is one.
pub(crate) const LOG: LogId = LogId::from_bytes([7; 16]);

/// A record, and where it stands.
pub(crate) type Placed = (u8, u8);

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reached {
    /// The next place.
    pub(crate) next: u8,
    pub(crate) term: u8,
    /// What was applied last, and where it stood.
    pub(crate) last: Option<Placed>,
}

/// A log's files.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    /// Everything this future of the log has said, also what was purged since.
    pub(crate) records: Vec<u8>,
    /// Below here everything is on the medium.
    pub(crate) durable: u8,
    /// Below here readers of the writer's process read.
    pub(crate) watermark: u8,
    /// The same, for other processes: it may lag.
    pub(crate) mark: u8,
    /// What was acknowledged.
    pub(crate) acknowledged: Vec<u8>,
    /// The first place that is held.
    pub(crate) oldest: u8,
    /// Where segments begin, the active one last.
    pub(crate) bases: Vec<u8>,
    /// Terms, and where each began.
    pub(crate) terms: Vec<(u8, u8)>,
    /// A crash left a part of a group behind the last whole one.
    pub(crate) is_torn: bool,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            durable: 0,
            watermark: 0,
            mark: 0,
            acknowledged: Vec::new(),
            oldest: 0,
            bases: vec![0],
            terms: vec![(1, 0)],
            is_torn: false,
        }
    }

    pub(crate) fn end(&self) -> u8 {
        self.records.len() as u8
    }

    pub(crate) fn active(&self) -> u8 {
        self.bases.last().copied().unwrap_or(0)
    }

    pub(crate) fn newest_term(&self) -> u8 {
        self.terms.last().map_or(1, |(term, _)| *term)
    }

    /// The terms as readers are told of them.
    pub(crate) fn term_starts(&self) -> Vec<TermStart> {
        let start =
            |(term, start): &(u8, u8)| TermStart { term: Term::new((*term).into()), start: offset(*start) };
        self.terms.iter().map(start).collect()
    }

    /// What stands below a place.
    pub(crate) fn fold(&self, next: u8) -> impl Iterator<Item = Placed> {
        (0..).zip(self.records.iter().copied()).take(next.into())
    }

    /// What a power cut leaves of it: some whole groups of what was not durable, and perhaps a part of the next one.
    pub(crate) fn cut(&mut self, survive: u8, is_torn: bool) {
        self.records.truncate((self.durable + survive).into());
        self.is_torn = is_torn;
        self.watermark = self.mark;
    }

    /// What an open makes of it: whole groups stay and are written again (I8); what is torn is cut, and a new term begins
    /// behind it.
    pub(crate) fn recover(&mut self) {
        if std::mem::take(&mut self.is_torn) {
            self.fork(self.newest_term() + 1);
        }
        self.durable = self.end();
        self.watermark = self.durable;
        self.mark = self.durable;
    }

    /// A new term begins at the end, in a new segment.
    pub(crate) fn fork(&mut self, term: u8) {
        self.begin_segment();
        self.terms.push((term, self.end()));
    }

    pub(crate) fn begin_segment(&mut self) {
        if self.active() < self.end() {
            self.bases.push(self.end());
        }
    }

    /// A copy of what is durable, in whole.
    pub(crate) fn backed_up(&self) -> Self {
        let mut copy = self.clone();
        copy.records.truncate(copy.watermark.into());
        copy.acknowledged.truncate(copy.watermark.into());
        let end = copy.end();
        copy.bases.retain(|base| *base <= end);
        copy.terms.retain(|(_, start)| *start <= end);
        (copy.durable, copy.mark, copy.is_torn) = (end, end, false);
        copy
    }

    /// Judges a cursor as the product does.
    pub(crate) fn fits(&self, reached: Reached, durable: u8) -> bool {
        let bounds = annals_record::Bounds { oldest: offset(self.oldest), durable: offset(durable) };
        Cursor::from(reached).check(LOG, &self.term_starts(), bounds).is_ok()
    }
}

pub(crate) fn offset(place: u8) -> Offset {
    Offset::new(place.into())
}

pub(crate) fn place(offset: Offset) -> u8 {
    u8::try_from(offset.get()).unwrap_or(u8::MAX)
}

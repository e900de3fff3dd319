//! What a journal was promised to keep, and whether it does.
//!
//!   kept = [.. certain)[.. accepted)  then maybe the one append of unknown fate
//!
//! H1: what was acknowledged as durable is there, at its offset, with its bytes, in order.
//! H2: what else is there is a prefix of what was accepted after it, in whole appends; nothing else.
//! H3: what was seen once stays: settling makes it certain.

use std::collections::VecDeque;
use std::sync::Arc;

use annals_journal::{AppendOptions, Error, Journal};
use annals_record::{Appended, Batch, Log, LogError, LogId, Offset, ReadLimit, RecordId, TermStart};
use fastrand::Rng;

/// Fails with what does not hold.
macro_rules! hold {
    ($held:expr, $($what:tt)+) => {
        if !$held {
            return Err(format!($($what)+));
        }
    };
}
pub(crate) use hold;

/// A record that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) offset: Offset,
    pub(crate) id: RecordId,
    pub(crate) payload: Arc<[u8]>,
    /// Which append it is of.
    pub(crate) append: u32,
}

/// An idempotency key that was used, and its records: where they stand in the list of all.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    pub(crate) key: String,
    pub(crate) at: usize,
    pub(crate) records: usize,
}

/// A named cursor: where it stood for certain, and where it was told to go since. `None`: it is not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) certain: Option<Offset>,
    pub(crate) told: Vec<Option<Offset>>,
}

/// The append of unknown fate.
#[derive(Clone, Debug)]
pub(crate) struct Unsure {
    pub(crate) payloads: Vec<Arc<[u8]>>,
    pub(crate) key: Option<String>,
}

/// What a journal was promised to keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promise {
    /// Everything accepted since the log's beginning, what was purged as well.
    pub(crate) kept: Vec<Kept>,
    /// So many of them are durable.
    pub(crate) certain: usize,
    pub(crate) unsure: Option<Unsure>,
    pub(crate) log: Option<LogId>,
    pub(crate) terms: Vec<TermStart>,
    /// Where the log begins, and where it may begin if a purge was cut off.
    pub(crate) oldest: Offset,
    pub(crate) purging: Vec<Offset>,
    pub(crate) checkpoint: Option<(Offset, Vec<u8>)>,
    pub(crate) checkpoint_tried: Option<Vec<u8>>,
    pub(crate) keys: VecDeque<Keyed>,
    /// How many keys the journal remembers.
    pub(crate) remembers: usize,
    pub(crate) cursors: [Place; 2],
    /// Bytes of it were damaged on purpose, and a salvage makes them whole.
    pub(crate) hurt: bool,
    pub(crate) appends: u32,
}

/// What a log was found to hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many records, those counted that were purged.
    pub(crate) records: usize,
    /// Where the records of the append of unknown fate stand, if they are there.
    more: Vec<(Offset, RecordId)>,
    oldest: Offset,
}

/// The names of the cursors.
pub(crate) const CURSORS: [&str; 2] = ["alpha", "beta"];

impl Promise {
    /// Notes an append that was accepted.
    pub(crate) fn accept(
        &mut self,
        payloads: &[Arc<[u8]>],
        appended: &[Appended],
        key: Option<String>,
    ) -> Result<(), String> {
        hold!(payloads.len() == appended.len(), "{} receipts of {} records", appended.len(), payloads.len());
        self.appends += 1;
        let at = self.kept.len();
        for (payload, appended) in payloads.iter().zip(appended) {
            let Appended { offset, next, id, .. } = *appended;
            hold!(id == RecordId::of(payload), "the receipt of {offset} is of another record");
            let last = self.kept.last().map(|last| last.offset);
            hold!(last < Some(offset) && offset < next, "offset {offset} after {last:?}");
            self.kept.push(Kept { offset, id, payload: Arc::clone(payload), append: self.appends });
        }
        if let Some(key) = key {
            self.keys.push_back(Keyed { key, at, records: payloads.len() });
        }
        Ok(())
    }

    /// Everything below this place is durable.
    pub(crate) fn durable_to(&mut self, durable: Offset) {
        let below = self.kept.partition_point(|kept| kept.offset < durable);
        self.certain = self.certain.max(below);
    }

    /// Reads a log and holds it to H1 and H2.
    pub(crate) fn compare(&self, log: &impl Log, rng: &mut Rng) -> Result<Found, String> {
        let bounds = log.bounds().map_err(|error| format!("no bounds: {error}"))?;
        hold!(
            bounds.oldest == self.oldest || self.purging.contains(&bounds.oldest),
            "R1: the log begins at {}, promised {} or {:?}",
            bounds.oldest,
            self.oldest,
            self.purging
        );
        let most = if rng.u32(..4) == 0 { rng.usize(1..20) } else { usize::MAX };
        let limit = ReadLimit { records: most, bytes: 256 << 10 };
        let unsure = self.unsure.as_ref().map_or(&[][..], |unsure| &unsure.payloads);
        let (mut at, mut batch) = (bounds.oldest, Batch::default());
        let mut records = self.kept.partition_point(|kept| kept.offset < bounds.oldest);
        let mut more = Vec::new();
        while at < bounds.durable {
            match log.read_into(at, limit, &mut batch) {
                Ok(()) => {}
                Err(LogError::Damaged { offset, len, detail }) => {
                    return Err(format!("damage where there is none, {len} bytes at {offset}: {detail}"));
                }
                Err(error) => return Err(format!("reading from {at}: {error}")),
            }
            for entry in batch.iter() {
                match self.kept.get(records) {
                    Some(kept) => {
                        hold!(
                            kept.offset == entry.offset,
                            "H1: record {records} is at {}, promised at {}",
                            entry.offset,
                            kept.offset
                        );
                        hold!(
                            *kept.payload == *entry.payload && kept.id == entry.id,
                            "H1: record {records} at {} has other bytes",
                            kept.offset
                        );
                    }
                    None => {
                        let promised = unsure.get(records - self.kept.len());
                        hold!(
                            promised.is_some_and(|promised| **promised == *entry.payload),
                            "H2: invented: a record of {} bytes at {}, behind {} that were accepted",
                            entry.payload.len(),
                            entry.offset,
                            self.kept.len()
                        );
                        more.push((entry.offset, entry.id));
                    }
                }
                records += 1;
            }
            hold!(at < batch.next(), "reading stands still at {at}");
            at = batch.next();
        }
        hold!(
            records >= self.certain,
            "H1: {} of {} acknowledged records are gone; the log ends at {}",
            self.certain - records,
            self.certain,
            bounds.durable
        );
        let cuts_append =
            |at: usize| at > 0 && at < self.kept.len() && self.kept[at - 1].append == self.kept[at].append;
        hold!(!cuts_append(records), "H2: an append is there in part: {records} records");
        hold!(more.is_empty() || more.len() == unsure.len(), "H2: {} of {}", more.len(), unsure.len());
        Ok(Found { records, more, oldest: bounds.oldest })
    }

    /// Compares an opened journal with what was promised, and holds it to what it shows from now on.
    pub(crate) fn settle(&mut self, journal: &Journal, rng: &mut Rng) -> Result<(), String> {
        let report = journal.report();
        hold!(report.damage.is_none(), "a clean cut is refused: {:?}", report.damage);
        let log = *self.log.get_or_insert(journal.identity());
        hold!(self.certain == 0 || log == journal.identity(), "another log");
        self.log = Some(journal.identity());
        let found = self.compare(journal, rng)?;
        hold!(
            journal.records() == found.records as u64,
            "it counts {} records and shows {}",
            journal.records(),
            found.records
        );
        self.know_terms(journal, report.torn.is_some())?;
        self.settle_records(&found);
        self.oldest = found.oldest;
        self.purging.clear();
        self.settle_checkpoint(journal)
    }

    fn know_terms(&mut self, journal: &Journal, torn: bool) -> Result<(), String> {
        let terms = journal.terms();
        let (newest, known) = (terms.last().map(|last| last.term), self.terms.last().map(|last| last.term));
        hold!(newest >= known, "the newest term is {newest:?}, known {known:?}");
        hold!(!torn || newest > known, "a torn tail was cut and the term stayed {known:?}");
        // A term is known as long as a record of it is held.
        let held = |at: usize| {
            let until = self.terms.get(at + 1).map_or(u64::MAX, |next| next.start.get());
            let from = self.terms[at].start.max(self.oldest_possible()).get();
            self.kept[..self.certain.min(self.kept.len())]
                .iter()
                .any(|kept| (from..until).contains(&kept.offset.get()))
        };
        let lost = (0..self.terms.len()).find(|at| held(*at) && !terms.contains(&self.terms[*at]));
        hold!(lost.is_none(), "H3: terms {terms:?}, known {:?}", self.terms);
        self.terms = terms;
        Ok(())
    }

    fn oldest_possible(&self) -> Offset {
        self.purging.iter().copied().max().map_or(self.oldest, |purging| purging.max(self.oldest))
    }

    fn settle_records(&mut self, found: &Found) {
        let unsure = self.unsure.take();
        self.kept.truncate(found.records);
        self.keys.retain(|keyed| keyed.at + keyed.records <= found.records);
        if let Some(Unsure { payloads, key }) = unsure.filter(|_| !found.more.is_empty()) {
            self.appends += 1;
            if let Some(key) = key {
                self.keys.push_back(Keyed { key, at: self.kept.len(), records: payloads.len() });
            }
            for (payload, (offset, id)) in payloads.into_iter().zip(&found.more) {
                self.kept.push(Kept { offset: *offset, id: *id, payload, append: self.appends });
            }
        }
        self.certain = self.kept.len();
    }

    /// P3.
    fn settle_checkpoint(&mut self, journal: &Journal) -> Result<(), String> {
        if self.checkpoint.is_none() && self.checkpoint_tried.is_none() {
            return Ok(());
        }
        let found = journal.latest_checkpoint().map_err(|error| format!("P3: {error}"))?;
        let found = found.map(|found| (found.offset, found.body));
        let is_tried = self.checkpoint_tried.is_some()
            && found.as_ref().map(|(_, body)| body) == self.checkpoint_tried.as_ref();
        hold!(
            found == self.checkpoint || is_tried,
            "P3: the latest checkpoint is {found:?}, acknowledged {:?}",
            self.checkpoint
        );
        (self.checkpoint, self.checkpoint_tried) = (found, None);
        Ok(())
    }

    /// C1: each cursor stands where it stood for certain, or where it was told to go since.
    pub(crate) fn settle_cursors(&mut self, journal: &Journal) -> Result<(), String> {
        for (name, place) in CURSORS.iter().zip(&mut self.cursors) {
            if place.certain.is_none() && place.told.is_empty() {
                continue;
            }
            let at = match journal.cursor(name) {
                Ok(cursor) => Some(cursor.position()),
                Err(Error::NoCursor { .. }) => None,
                Err(error) => return Err(format!("C1: cursor {name}: {error}")),
            };
            hold!(
                at == place.certain || place.told.contains(&at),
                "C1: cursor {name} is at {at:?}, was at {:?}, told {:?}",
                place.certain,
                place.told
            );
            (place.certain, place.told) = (at, Vec::new());
        }
        Ok(())
    }

    /// P2: an append with a key that is remembered is answered with the place of the first one; with other payloads it is
    /// refused. False if there is no key to try.
    pub(crate) fn retry(&self, journal: &Journal, rng: &mut Rng) -> Result<bool, String> {
        let remembered = self.keys.len().min(self.remembers);
        if remembered == 0 {
            return Ok(false);
        }
        let keyed = &self.keys[self.keys.len() - 1 - rng.usize(..remembered)];
        let of_it = &self.kept[keyed.at..keyed.at + keyed.records];
        let how = AppendOptions { key: Some(keyed.key.as_bytes()), ..AppendOptions::default() };
        let payloads: Vec<&[u8]> = of_it.iter().map(|kept| &*kept.payload).collect();
        let answered = journal.append_with(&payloads, &how).map_err(|error| format!("P2: {error}"))?;
        let same = answered.iter().map(|appended| appended.offset).eq(of_it.iter().map(|kept| kept.offset));
        hold!(same, "P2: {} was made at {} and again: {answered:?}", keyed.key, of_it[0].offset);
        match journal.append_with(&[b"other".as_slice()], &how) {
            Err(Error::KeyReused { first }) if first == of_it[0].offset => Ok(true),
            other => Err(format!("P2: {} with other payloads: {other:?}", keyed.key)),
        }
    }
}

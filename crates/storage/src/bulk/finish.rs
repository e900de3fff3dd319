//! From the spill to the store, on three threads.
//!
//!   bins -> sorted, distinct, summed -> content, strictly in the order of its keys
//!             '-> names -.
//!   dead letters --------|-> index
//!   runs -> merged ------'
//!
//! Nothing of it is a store before the spill is gone, so it may end anywhere and is begun again.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use annals_record::{Cursor, EpochId, Offset, RecordId};

use super::layout::{Kind, Layout};
use super::merge::{Distinct, Group, Merge, repeated};
use super::sorted::{Sorted, each, each_record};
use super::spill::Spill;
use super::{SPILL_DIR, damaged};
use crate::content::{Content, Synced};
use crate::directory::{CONTENT_DIR, INDEX_FILE};
use crate::identity::StoreId;
use crate::index::Index;
use crate::keys::{epoch_key, vote_of_key};
use crate::standing::Standing;
use crate::{Counts, Digests, Error};

/// How many sorted bins wait for content at most.
const WAITING: usize = 1;
/// Of the memory there is, a sorted bin takes at most this part: one is made, one waits, one is written.
const BIN_PART: usize = 8;
/// Subjects are collected up to this part.
const GROUP_PART: usize = 8;
/// What the index keeps in memory of what it writes.
const INDEX_PART: usize = 4;
/// Content is not read: its cache stays empty.
const CONTENT_CACHE: u64 = 1 << 20;
/// Dead letters that are written at once.
const LETTERS: usize = 4096;

/// What is built from.
#[derive(Clone, Copy)]
pub(super) struct Harvest<'b> {
    pub(super) path: &'b Path,
    pub(super) spill: &'b Spill,
    pub(super) layout: Layout,
    pub(super) memory: usize,
    pub(super) cursor: Option<Cursor>,
    pub(super) counts: Counts,
}

/// Epochs, each with its first version's offset.
type Names = Vec<(Offset, EpochId)>;

impl Harvest<'_> {
    /// Writes content and index, durable both.
    pub(super) fn bring_in(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
        let id = StoreId::draw(self.path)?;
        let mut content = Content::open(&self.path.join(CONTENT_DIR), CONTENT_CACHE)?;
        let mut index = Index::open(&self.path.join(INDEX_FILE), self.memory / INDEX_PART)?;
        content.belongs_to(id);
        index.belongs_to(id);
        let (bins, sorted) = sync_channel(WAITING);
        let (names, named) = sync_channel(WAITING);
        let (synced, sums, subjects) = thread::scope(|scope| {
            let sorting = scope.spawn(move || self.sort(&bins, names));
            let index = &index;
            let indexing = scope.spawn(move || self.index(index, &named));
            let synced = self.write(&content, &sorted, progress);
            // Whoever still sends has nobody to send to.
            drop(sorted);
            let sums = sorting.join().unwrap_or_else(|panic| resume_unwind(panic));
            let subjects = indexing.join().unwrap_or_else(|panic| resume_unwind(panic));
            // An error there is the reason for the silence here.
            let sums = sums?;
            Ok::<_, Error>((synced?, sums, subjects?))
        })?;
        let (mut counts, mut digests) = sums;
        if subjects.entries != counts.assertions {
            return Err(damaged("its subjects do not list what it holds"));
        }
        counts.merge(&self.counts);
        counts.subjects = subjects.count;
        digests.merge(&subjects.digests);
        index.end_load(&synced, &Standing { cursor: self.cursor, counts, digests })
    }

    /// Sorts the bins of content, the names among them first, and sums up what is in them.
    fn sort(&self, bins: &SyncSender<Sorted>, names: SyncSender<Names>) -> Result<(Counts, Digests), Error> {
        let scratch = self.path.join(SPILL_DIR);
        let (mut counts, mut digests) = (Counts::default(), Digests::default());
        let mut newest = None;
        // Whoever waits for names goes on when this is gone.
        let mut names = Some(names);
        for kind in Kind::SORTED {
            for bin in self.layout.bins_of(kind) {
                let blocks = self.spill.blocks(bin);
                let most = self.memory / BIN_PART;
                each(self.spill, kind, blocks, most, &scratch, &mut |sorted| {
                    let found = sum_up(&sorted, &mut counts, &mut digests, &mut newest)?;
                    // Nobody listens any more when writing has failed: that is told elsewhere.
                    if let Some(names) = names.as_ref().filter(|_| !found.is_empty()) {
                        let _ = names.send(found);
                    }
                    let _ = bins.send(sorted);
                    Ok(())
                })?;
            }
            names = None;
        }
        Ok((counts, digests))
    }

    /// Writes what is sorted into content.
    fn write(
        &self,
        content: &Content,
        sorted: &Receiver<Sorted>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Synced, Error> {
        let all = self.spill.len();
        let mut done = 0;
        progress(done, all);
        content.load(|put| {
            let mut reach = self.cursor.map(|cursor| content.reach_entry(&cursor));
            for sorted in sorted {
                if sorted.kind == Kind::Votes
                    && let Some((key, value)) = reach.take()
                {
                    put(key, &value)?;
                }
                for record in sorted.records() {
                    match sorted.kind {
                        Kind::Epochs => {
                            let epoch = epoch_of(record.key)?;
                            put(&epoch_key(&epoch, Offset::new(record.offset())), record.value)?;
                        }
                        _ => put(record.key, record.value)?,
                    }
                }
                done += sorted.read;
                progress(done.min(all), all);
            }
            reach.map_or(Ok(()), |(key, value)| put(key, &value))
        })
    }

    /// Writes the index.
    fn index(&self, index: &Index, names: &Receiver<Names>) -> Result<Listing, Error> {
        let mut letters = Vec::new();
        let blocks = self.spill.blocks(self.layout.dead_letters());
        each_record(self.spill, Kind::DeadLetters, blocks, &mut |record, _| {
            letters.push((record.offset(), record.value[super::layout::OFFSET..].to_vec()));
            if letters.len() == LETTERS {
                index.load_dead_letters(&letters)?;
                letters.clear();
            }
            Ok(true)
        })?;
        index.load_dead_letters(&letters)?;
        for mut names in names {
            names.sort_unstable();
            index.load_names(&names)?;
        }
        let most = self.memory / GROUP_PART / size_of::<crate::Listed>();
        let mut merge = Merge::begin(self.spill, self.spill.runs(), most)?;
        let (mut group, mut distinct) = (Group::default(), Distinct::default());
        let mut listing = Listing::default();
        index.load_subjects(&mut |tables| {
            if !merge.next(&mut group)? {
                return Ok(false);
            }
            let subject = &group.subject;
            let mut add = |offset, id: RecordId| {
                listing.entries += 1;
                listing.digests.add_subject(subject, &id);
                tables.add(subject, offset, id)
            };
            if group.count <= most {
                distinct.keep_first(&mut group.entries);
                group.entries.iter().try_for_each(|entry| add(entry.offset, entry.id))?;
            } else {
                let again: HashSet<_> = repeated(&merge, &group)?.into_iter().collect();
                let mut added = Ok(());
                merge.again(&group, &mut |entry| {
                    if added.is_ok() && !again.contains(&entry.offset.get()) {
                        added = add(entry.offset, entry.id);
                    }
                })?;
                added?;
            }
            listing.count += 1;
            tables.end(subject)?;
            Ok(true)
        })?;
        Ok(listing)
    }
}

/// What the index lists.
#[derive(Default)]
struct Listing {
    count: u64,
    entries: u64,
    digests: Digests,
}

/// Counts and sums up what is sorted; the epochs whose first versions are among it. `newest` is the epoch before.
fn sum_up(
    sorted: &Sorted,
    counts: &mut Counts,
    digests: &mut Digests,
    newest: &mut Option<EpochId>,
) -> Result<Names, Error> {
    let mut names = Names::new();
    for record in sorted.records() {
        match sorted.kind {
            Kind::Assertions => {
                counts.assertions += 1;
                digests.add_assertion(&id_at(record.key, Kind::Assertions.id_at())?);
            }
            Kind::Votes => {
                let (assertion, vote) =
                    vote_of_key(record.key).ok_or_else(|| damaged("a vote in it is none"))?;
                counts.votes += 1;
                digests.add_vote(&assertion, &vote);
            }
            Kind::Epochs => {
                let (epoch, id) = (epoch_of(record.key)?, id_at(record.key, 32)?);
                if newest.replace(epoch) != Some(epoch) {
                    counts.epochs += 1;
                    names.push((Offset::new(record.offset()), epoch));
                }
                counts.epoch_versions += 1;
                digests.add_epoch(&epoch, &id);
            }
            Kind::Places | Kind::DeadLetters => {}
        }
    }
    Ok(names)
}

fn id_at(key: &[u8], at: usize) -> Result<RecordId, Error> {
    let id = key.get(at..).and_then(<[u8]>::first_chunk);
    id.map(|id| RecordId::from_bytes(*id)).ok_or_else(|| damaged("a key in it is too short"))
}

fn epoch_of(key: &[u8]) -> Result<EpochId, Error> {
    id_at(key, 0).map(|id| EpochId::from_bytes(*id.as_bytes()))
}

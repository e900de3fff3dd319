//! From the spill to the store, on three threads.
//!
//!   first half of the bins  -> sorted, distinct, summed -> content, strictly in the order of its keys
//!   second half of the bins -> the same
//!   dead letters, names of epochs, runs, merged         -> index
//!
//! The halves go into tables of their own: while one waits for the disk, the others go on. Nothing of it is a store before
//! the spill is gone, so it may end anywhere and is begun again.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use annals_record::{Cursor, EpochId, Offset, RecordId};

use super::layout::{Kind, Layout};
use super::merge::{Distinct, Group, Merge, repeated};
use super::sorted::{Sorted, each_of, each_record};
use super::spill::Spill;
use super::{SPILL_DIR, damaged};
use crate::content::{Content, Put, Synced};
use crate::directory::{CONTENT_DIR, INDEX_FILE};
use crate::identity::StoreId;
use crate::index::Index;
use crate::keys::{epoch_key, vote_of_key};
use crate::standing::Standing;
use crate::{Counts, Digests, Error};

/// How many pieces content is written in at once.
const LANES: usize = 2;
/// Of the memory there is, a sorted bin takes at most this part, for each lane has one.
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

/// Something that stands in content, in the order of its keys.
#[derive(Clone, Copy)]
enum Item {
    Bin(Kind, usize),
    /// How far content reaches.
    Reach(Cursor),
}

/// What a lane has written: how much of what there is, and the sums over it.
type Sums = (Counts, Digests);

impl Harvest<'_> {
    /// Writes content and index, durable both.
    pub(super) fn bring_in(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Error> {
        let id = StoreId::draw(self.path)?;
        let mut content = Content::open(&self.path.join(CONTENT_DIR), CONTENT_CACHE, 0)?;
        let mut index = Index::open(&self.path.join(INDEX_FILE), self.memory / INDEX_PART)?;
        content.belongs_to(id);
        index.belongs_to(id);
        let (content, index, items) = (&content, &index, &self.items());
        let (mut counts, mut digests) = (self.counts, Digests::default());
        let synced = thread::scope(|scope| {
            let (done, steps) = channel();
            let (names, named) = channel();
            let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
            let failed = |error| Error::io("start a thread that builds", self.path)(error);
            let mut lanes = Vec::new();
            for (number, items) in self.halves(items).into_iter().enumerate() {
                let (done, names) = (done.clone(), names.clone());
                let lane = move || self.lane(content, number, items, names, &done);
                lanes.push(spawn("annals-sort").spawn_scoped(scope, lane).map_err(failed)?);
            }
            drop((done, names));
            let listing = spawn("annals-index").spawn_scoped(scope, move || self.index(index, &named));
            let listing = listing.map_err(failed)?;
            self.tell(&steps, progress);
            let mut synced = None;
            for lane in lanes {
                let (lane, sums) = lane.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                counts.merge(&sums.0);
                digests.merge(&sums.1);
                synced = Some(lane);
            }
            let listing = listing.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            if listing.entries != counts.assertions {
                return Err(damaged("its subjects do not list what it holds"));
            }
            counts.subjects = listing.count;
            digests.merge(&listing.digests);
            synced.ok_or_else(|| damaged("there are no bins"))
        })?;
        index.end_load(&synced, &Standing { cursor: self.cursor, counts, digests })
    }

    /// Tells of what is done, until all is.
    fn tell(&self, steps: &Receiver<u64>, progress: &mut dyn FnMut(u64, u64)) {
        let all = self.spill.len();
        let mut done = 0;
        progress(0, all);
        for step in steps {
            done += step;
            progress(done.min(all), all);
        }
    }

    /// Everything of content, in the order of its keys.
    fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        for kind in Kind::SORTED {
            if kind == Kind::Votes {
                items.extend(self.cursor.map(Item::Reach));
            }
            items.extend(self.layout.bins_of(kind).map(|bin| Item::Bin(kind, bin)));
        }
        items
    }

    /// Cuts items into halves of about as many bytes.
    fn halves<'i>(&self, items: &'i [Item]) -> [&'i [Item]; LANES] {
        let bytes = |item: &Item| match item {
            Item::Bin(_, bin) => self.spill.blocks(*bin).iter().map(|block| block.len() as u64).sum(),
            Item::Reach(_) => 0,
        };
        let all: u64 = items.iter().map(bytes).sum();
        let mut before = 0;
        let cut = items.iter().take_while(|item| {
            before += bytes(item);
            before <= all / 2
        });
        let (first, second) = items.split_at(cut.count());
        [first, second]
    }

    /// Sorts some of content, sums it up and writes it; the names of epochs come first in it, if at all.
    fn lane(
        &self,
        content: &Content,
        number: usize,
        items: &[Item],
        names: Sender<Names>,
        done: &Sender<u64>,
    ) -> Result<(Synced, Sums), Error> {
        let mut sums = Sums::default();
        // Whoever waits for names goes on when this is gone.
        let mut names = Some(names);
        let scratch = self.path.join(SPILL_DIR).join(format!("parts-{number}"));
        let synced = content.load(|put| {
            for item in items {
                let (kind, bin) = match *item {
                    Item::Bin(kind, bin) => (kind, bin),
                    Item::Reach(cursor) => {
                        let (key, value) = content.reach_entry(&cursor);
                        put(key, &value)?;
                        continue;
                    }
                };
                if kind != Kind::Epochs {
                    names = None;
                }
                let most = self.memory / BIN_PART;
                each_of(self.spill, kind, self.spill.blocks(bin), most, &scratch, &mut |sorted| {
                    let found = sum_up(&sorted, &mut sums)?;
                    // If nobody listens the index has failed, which is told there.
                    if let Some(names) = names.as_ref().filter(|_| !found.is_empty()) {
                        let _ = names.send(found);
                    }
                    write(&sorted, put)?;
                    let _ = done.send(sorted.read);
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok((synced, sums))
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
            Ok(())
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

/// Puts what is sorted into content.
fn write(sorted: &Sorted, put: &mut Put<'_>) -> Result<(), Error> {
    if sorted.kind != Kind::Epochs {
        return sorted.records().try_for_each(|record| put(record.key, record.value));
    }
    sorted.records().try_for_each(|record| {
        put(&epoch_key(&epoch_of(record.key)?, Offset::new(record.offset())), record.value)
    })
}

/// Counts and sums up what is sorted; the epochs among it, each with its first version's offset. All versions of an epoch
/// come together.
fn sum_up(sorted: &Sorted, (counts, digests): &mut Sums) -> Result<Names, Error> {
    let mut newest = None;
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

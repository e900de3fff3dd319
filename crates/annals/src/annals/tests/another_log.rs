//! Ingest is for any log: the same records in a log in memory make the same store, although they stand elsewhere there.

use annals_ingest::{Options as IngestOptions, Projector};
use annals_record::{MemoryLog, ReadLimit};
use annals_storage::{KvStore, Sink};

use super::*;

/// Claims, votes on them, some before their claim, epochs, a record twice, one of the application's and one that is none.
fn payloads() -> Vec<Vec<u8>> {
    let records = (0..60).flat_map(|i| {
        let epoch = Epoch { description: Some(format!("of {i}")), ..Epoch::new(format!("epoch {}", i % 3)) };
        let early = vote(&claim(i + 5), &format!("voter {}", i % 4), Stance::Against);
        [claim(i), vote(&claim(i), "alice", Stance::For), early, Record::Epoch(epoch), claim(i / 2)]
    });
    let mut payloads: Vec<_> = records.map(|record| record.payload().unwrap()).collect();
    payloads.insert(40, vec![200; 24]);
    payloads.insert(80, vec![7; 24]);
    payloads
}

/// Appends them in groups of several sizes; where each stands.
fn append(log: &impl Log, payloads: &[Vec<u8>]) -> Vec<Offset> {
    let (mut offsets, mut left) = (Vec::new(), payloads);
    for size in [1, 2, 5].into_iter().cycle() {
        let (group, rest) = left.split_at(size.min(left.len()));
        let lent: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
        offsets.extend(log.append(&lent).unwrap().iter().map(|receipt| receipt.offset));
        left = rest;
        if left.is_empty() {
            return offsets;
        }
    }
    offsets
}

#[test]
fn the_same_records_in_another_log_give_the_same_store() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let payloads = payloads();
    let journal = Journal::open(here.path().join("journal")).unwrap();
    let memory = MemoryLog::new();
    let (in_journal, in_memory) = (append(&journal, &payloads), append(&memory, &payloads));
    assert!(
        in_journal.iter().zip(&in_memory).skip(1).all(|(one, other)| one != other),
        "they stand elsewhere"
    );

    // One by steps of a projector, the other by a worker, in other batches.
    let of_journal = Arc::new(HybridStore::open(here.path().join("store")).unwrap());
    let mut projector = Projector::new(Arc::new(journal.clone()), Arc::clone(&of_journal)).unwrap();
    projector.run_to(journal.durable(), &IngestOptions::default(), &mut |_| true).unwrap();
    let of_memory = Arc::new(HybridStore::open(there.path()).unwrap());
    let batch = ReadLimit { records: 7, bytes: 1_000 };
    let options = IngestOptions { batch, ..IngestOptions::default() };
    let mut ingestor = Ingestor::with_options(Arc::new(memory.clone()), Arc::clone(&of_memory), options);
    ingestor.start();
    ingestor.wait_for(memory.end(), SOON).unwrap();

    assert_eq!(of_memory.digests().unwrap(), of_journal.digests().unwrap());
    assert_eq!(of_memory.counts().unwrap(), of_journal.counts().unwrap());
    assert!(of_memory.counts().unwrap().assertions == 60 && of_memory.counts().unwrap().dead_letters == 1);
    assert_ne!(of_memory.cursor().unwrap(), of_journal.cursor().unwrap());
    let ids = |store: &HybridStore| -> Vec<RecordId> {
        let listed = store.snapshot().unwrap().subject("subject 3", None, 100).unwrap();
        listed.iter().map(|stored| stored.id).collect()
    };
    assert_eq!(ids(&of_memory), ids(&of_journal));
    let tally = |store: &HybridStore| store.snapshot().unwrap().tally(&claim(9).id().unwrap()).unwrap();
    assert_eq!(tally(&of_memory), tally(&of_journal));

    // One record more in one of them, and they differ.
    let next = memory.append(&[&claim(1_000).payload().unwrap()]).unwrap()[0].next;
    ingestor.wait_for(next, SOON).unwrap();
    assert_ne!(of_memory.digests().unwrap(), of_journal.digests().unwrap());
}

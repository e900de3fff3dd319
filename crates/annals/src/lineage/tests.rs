use annals_journal::Journal;

use super::*;

struct Room {
    _dir: tempfile::TempDir,
    journal: Journal,
    lineage: Lineage,
}

fn room() -> Room {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path().join("journal")).unwrap();
    let generations = Generations::new(dir.path().join("store"));
    let lineage = Lineage { generations, waiting: Mutex::default() };
    Room { _dir: dir, journal, lineage }
}

impl Room {
    fn make(&self) -> Generation {
        let generation = self.lineage.generations.create_next().unwrap();
        HybridStore::open(self.lineage.generations.path(generation)).unwrap().close().unwrap();
        generation
    }

    fn begun(&self) -> Generation {
        let generation = self.make();
        self.lineage.begin(generation, self.log()).unwrap();
        generation
    }

    fn log(&self) -> LogId {
        annals_record::Log::identity(&self.journal)
    }

    fn numbers(&self) -> Vec<u32> {
        self.lineage.generations.list().unwrap().into_iter().map(Generation::number).collect()
    }
}

#[test]
fn g3_a_sweep_takes_what_is_waste_and_nothing_else() {
    let room = room();
    let lineage = &room.lineage;
    let unknown = room.make();
    let (kept, dismissed, current) = (room.begun(), room.begun(), room.begun());
    lineage.generations.switch(current).unwrap();
    lineage.retire(kept, None, &room.journal).unwrap();
    lineage.dismiss(dismissed).unwrap();
    let (unmarked, begun) = (room.make(), room.begun());
    lineage.sweep(true).unwrap();
    assert_eq!(
        room.numbers(),
        [unknown, kept, current, begun].map(Generation::number),
        "{unmarked} and {dismissed}"
    );
    assert_eq!(lineage.resumable(room.log()).unwrap(), Some(begun));
    assert_eq!(lineage.resumable(LogId::from_bytes([9; 16])).unwrap(), None);
    // Built to its end, but the pointer was not changed any more: it is gone on with.
    let store = HybridStore::open(lineage.generations.path(begun)).unwrap();
    lineage.finish(begun, &store).unwrap();
    store.close().unwrap();
    assert_eq!(lineage.resumable(room.log()).unwrap(), Some(begun));
    lineage.sweep(false).unwrap();
    assert_eq!(room.numbers(), [unknown, kept, current].map(Generation::number));
    // A kept one that is newer, as after going back, stays, and is nothing to go on with.
    let newer = room.begun();
    lineage.retire(newer, None, &room.journal).unwrap();
    lineage.sweep(false).unwrap();
    assert_eq!(room.numbers(), [unknown, kept, current, newer].map(Generation::number));
    assert_eq!(lineage.resumable(room.log()).unwrap(), None);
    // Of two that are kept, the one that stopped answering last.
    assert_eq!(lineage.former().unwrap(), Some(newer));
    lineage.retire(kept, None, &room.journal).unwrap();
    assert_eq!(lineage.former().unwrap(), Some(kept));
}

#[test]
fn with_a_pointer_that_names_nothing_all_stays() {
    let room = room();
    let (first, second) = (room.begun(), room.make());
    std::fs::write(room.lineage.generations.path(first).parent().unwrap().join("CURRENT"), "gen-000009\n")
        .unwrap();
    room.lineage.sweep(false).unwrap();
    assert_eq!(room.numbers(), [first, second].map(Generation::number));
}

#[test]
fn a_mark_that_says_nothing_we_know_is_none() {
    let room = room();
    let generation = room.make();
    for text in ["", "{}", "{\"schema\":2,\"finished_at_micros\":1,\"retired\":1}", "not json"] {
        room.lineage.generations.mark(generation, Mark::Finished, text.as_bytes()).unwrap();
        assert_eq!(room.lineage.finished(generation).unwrap(), None, "{text}");
    }
    room.lineage.retire(generation, None, &room.journal).unwrap();
    assert!(room.lineage.is_kept(generation).unwrap());
}

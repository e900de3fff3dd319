use super::*;

use crate::{Journal, Offset};

/// A line of the stretches of a sealed segment of four groups.
fn line() -> (Line, Offset) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    for i in 0..4 {
        journal.append(vec![i; 100_000]).unwrap();
    }
    journal.seal().unwrap();
    let source = &journal.core.source;
    let stretches = cut(source, &source.segments()[0], Offset::ZERO, 1).unwrap();
    assert_eq!(stretches.len(), 4);
    let line = Line::default();
    stretches.into_iter().for_each(|stretch| line.push(Some(stretch)));
    let end = line.end().unwrap();
    (line, end)
}

#[test]
fn stretches_come_in_order_whoever_reads_them() {
    let (line, end) = line();
    // Somebody else has the first, and the caller reads what it can meanwhile.
    let mut batch = Batch::default();
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| line.work());
        while let Front::Given(to) = line.front(&mut batch) {
            assert_eq!(batch.next(), to);
            seen.extend(batch.iter().map(|entry| entry.payload[0]));
        }
        line.stop();
        worker.join().unwrap();
    });
    assert_eq!((seen, batch.next()), (vec![0, 1, 2, 3], end));
}

#[test]
fn what_was_taken_before_a_clear_goes_nowhere() {
    let (line, _) = line();
    let (other, _) = self::line();
    let taken = {
        let mut state = line.lock();
        let Some(Slot::Waits(stretch)) = state.slots.front() else { panic!("nobody reads yet") };
        let to = stretch.to;
        state.slots[0] = Slot::Taken(to);
        Taken { line: &line, number: 0, to }
    };
    line.clear();
    let Some(Slot::Waits(stretch)) = other.lock().slots.pop_back() else { panic!("nobody reads yet") };
    line.push(Arc::into_inner(stretch));
    drop(taken.end(true, Memory::default()));
    assert!(matches!(line.lock().slots.front(), Some(Slot::Waits(_))));
    let mut batch = Batch::default();
    assert!(matches!(line.front(&mut batch), Front::Given(_)));
    assert_eq!(batch.iter().next().unwrap().payload[0], 3);
}

#[test]
fn a_reader_that_panics_leaves_nobody_waiting() {
    let (line, _) = line();
    let to = {
        let mut state = line.lock();
        let Some(Slot::Waits(stretch)) = state.slots.front() else { panic!("nobody reads yet") };
        let to = stretch.to;
        state.slots[0] = Slot::Taken(to);
        to
    };
    drop(Taken { line: &line, number: 0, to });
    assert!(matches!(line.front(&mut Batch::default()), Front::Bad(bad) if bad == to));
}

#[test]
fn a_stretch_has_its_memory_at_once() {
    let (line, _) = line();
    let Some(Slot::Waits(stretch)) = line.lock().slots.pop_front() else { panic!("nobody reads yet") };
    let mut memory = Memory::default();
    assert!(stretch.read(&mut memory));
    let len = (stretch.to.get() - stretch.from.get()) as usize;
    assert_eq!(memory.bytes.len(), len.next_power_of_two());
    assert_eq!(memory.bytes.capacity(), memory.bytes.len(), "it did not grow");
    let at = memory.bytes.as_ptr();
    assert!(stretch.read(&mut memory));
    assert_eq!(memory.bytes.as_ptr(), at, "it is used again");
}

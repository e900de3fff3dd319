//! What a damaged, torn or merged line costs.

use std::path::Path;

use super::super::collect::Collector;
use super::super::scan::{Tally, scan};
use super::*;
use crate::reading::Fault;

/// Six entries, of which the third to fifth are one batch; and each line's first byte.
fn sample() -> (Vec<u8>, Vec<LogEntry>, Vec<usize>) {
    let (dir, store, session, segment) = begun();
    let entries: Vec<LogEntry> = (0..6).map(entry).collect();
    store.append(session, segment, &entries[0]).unwrap();
    store.append(session, segment, &entries[1]).unwrap();
    store.append_many(session, segment, &entries[2..5]).unwrap();
    store.append(session, segment, &entries[5]).unwrap();
    let bytes = fs::read(path(dir.path(), session, segment)).unwrap();
    let starts = std::iter::once(0)
        .chain(bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1));
    let starts = starts.collect();
    (bytes, entries, starts)
}

fn look(bytes: &[u8]) -> Read {
    let mut collector = Collector::new(Path::new("log"));
    let mut tally = Tally::default();
    scan(&mut &*bytes, &mut tally, &mut |line| collector.show(line)).unwrap();
    collector.end(&tally)
}

#[test]
fn every_byte_made_any_other_costs_at_most_the_lines_it_touches_and_is_reported() {
    let (bytes, entries, starts) = sample();
    for at in 0..bytes.len() {
        let line = starts.iter().rposition(|start| *start <= at).unwrap();
        let touched = if bytes[at] == b'\n' { line..line + 2 } else { line..line + 1 };
        let stand: Vec<&LogEntry> = entries
            .iter()
            .enumerate()
            .filter(|(n, _)| !touched.contains(n))
            .map(|(_, entry)| entry)
            .collect();
        for other in 0..=255_u8 {
            if other == bytes[at] {
                continue;
            }
            let mut hurt = bytes.clone();
            hurt[at] = other;
            let read = look(&hurt);
            let place = || format!("byte {at} of line {} made {other:#x}: {read:?}", line + 1);
            assert_eq!(read.entries.iter().collect::<Vec<_>>(), stand, "{}", place());
            // A newline in the middle makes two lines of one.
            let place_of = |line: &crate::DamagedLine| match other {
                b'\n' => (
                    line.line.min(starts.len()),
                    starts.iter().rfind(|start| **start as u64 <= line.byte).map_or(0, |start| *start as u64),
                ),
                _ => (line.line, line.byte),
            };
            let first = read.damaged.first().unwrap_or_else(|| panic!("not reported: {}", place()));
            let (number, byte) = place_of(first);
            assert!(number == line + 1 || other == b'\n' && number == line + 2, "{}", place());
            assert_eq!(byte, starts[line] as u64, "{}", place());
            assert_eq!(first.what, Fault::Damaged, "{}", place());
        }
    }
}

#[test]
fn every_length_keeps_the_whole_lines_and_reports_the_torn_one() {
    let (bytes, entries, starts) = sample();
    for len in 0..=bytes.len() {
        let read = look(&bytes[..len]);
        let whole = starts.iter().filter(|start| **start > 0 && **start <= len).count();
        // A batch counts once its last line is there.
        let committed = if (3..5).contains(&whole) { 2 } else { whole };
        assert_eq!(read.entries, entries[..committed], "{len} bytes");
        assert_eq!(read.count, committed, "{len} bytes");
        assert!(read.is_whole(), "nothing that was committed is lost: {read:?}");
        let torn = usize::from(!starts.contains(&len)) + (whole - committed);
        assert_eq!(read.damaged.len(), torn, "{len} bytes: {read:?}");
        let last = read.damaged.last().map(|line| line.byte);
        assert!(starts.contains(&len) || last == Some(starts[whole] as u64), "{len} bytes: {read:?}");
    }
}

#[test]
fn after_every_cut_and_many_flips_the_log_goes_on() {
    let (bytes, _, _) = sample();
    let (dir, _, session, segment) = begun();
    let path = path(dir.path(), session, segment);
    let flips = (0..bytes.len()).step_by(7).map(|at| {
        let mut hurt = bytes.clone();
        hurt[at] ^= 0x41;
        hurt
    });
    let newlines = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| {
        let mut hurt = bytes.clone();
        // No blank: that the seal would make a newline's neighbour, and the line whole.
        hurt[at] = 0x0b;
        hurt
    });
    let cuts = (0..bytes.len()).map(|len| bytes[..len].to_vec());
    for hurt in cuts.chain(flips).chain(newlines) {
        fs::write(&path, &hurt).unwrap();
        let before = look(&hurt);
        // As another process, which knows nothing of it.
        let store = open(dir.path());
        let count = store.append_if(session, segment, before.count, &[entry(77), entry(78)]).unwrap();
        let after = store.read(session, segment).unwrap();
        assert_eq!((count, after.count), (before.count + 2, before.count + 2), "{before:?} {after:?}");
        let (old, new) = after.entries.split_at(before.entries.len());
        assert_eq!((old, new), (&*before.entries, &[entry(77), entry(78)][..]), "{before:?}");
        let lost = |read: &Read| read.damaged.iter().filter(|line| line.what == Fault::Damaged).count();
        assert_eq!(lost(&before), lost(&after), "{before:?} {after:?}");
        // What another process has counted is what this one counts.
        assert_eq!(open(dir.path()).read_entry_count(session, segment).unwrap(), count);
        assert!(fs::read(&path).unwrap().starts_with(&hurt), "nothing was cut off");
    }
}

#[test]
fn two_records_merged_on_one_line_cost_that_line_and_no_session() {
    let (dir, store, session, segment) = begun();
    for n in 0..3 {
        store.append(session, segment, &entry(n)).unwrap();
    }
    let path = path(dir.path(), session, segment);
    let mut bytes = fs::read(&path).unwrap();
    // As two writers have left it who wrote the newline by itself: {..}{..} newline newline.
    let merged = b"{\"kind\":\"turn_end\",\"ts\":1,\"turn_count\":1}{\"kind\":\"turn_end\",\"ts\":2,\"turn_count\":2}\n\n";
    let at = bytes.len() as u64;
    bytes.extend_from_slice(merged);
    fs::write(&path, &bytes).unwrap();
    store.append(session, segment, &entry(4)).unwrap();
    let read = store.read(session, segment).unwrap();
    assert_eq!(read.entries, [entry(0), entry(1), entry(2), entry(4)]);
    let [damaged] = &*read.damaged else { panic!("{read:?}") };
    assert_eq!((damaged.line, damaged.byte, damaged.what), (4, at, Fault::Damaged));
    assert!(damaged.reason.contains(&format!("trailing characters, at byte {}", at + 41)), "{damaged}");
    let told = store.read_all(session, segment).unwrap_err().to_string();
    assert!(told.contains("line 4") && told.contains(&format!("{}, byte {at}", path.display())), "{told}");
}

#[test]
fn a_tail_torn_inside_a_character_costs_that_line_and_no_session() {
    let (dir, store, session, segment) = begun();
    store.append(session, segment, &entry(0)).unwrap();
    let path = path(dir.path(), session, segment);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() as u64;
    let torn = "{\"kind\":\"user_input\",\"ts\":1,\"segments\":[\"こ".as_bytes();
    let torn = &torn[..torn.len() - 2];
    bytes.extend_from_slice(torn);
    assert!(std::str::from_utf8(&bytes).is_err());
    fs::write(&path, &bytes).unwrap();
    let store = open(dir.path());
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0)], "what was committed is all there");
    let read = store.read(session, segment).unwrap();
    let [found] = &*read.damaged else { panic!("{read:?}") };
    assert_eq!((found.line, found.byte, found.len, found.what), (2, at, torn.len() as u64, Fault::Torn));
    store.append(session, segment, &entry(1)).unwrap();
    store.append(session, segment, &entry(2)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(1), entry(2)]);
    let read = store.read(session, segment).unwrap();
    assert_eq!(
        (read.damaged.len(), read.damaged[0].byte, read.count),
        (1, at, 3),
        "it is sealed off, and still told of"
    );
}

#[test]
fn what_the_seed_has_written_is_read_and_goes_on() {
    let (dir, store, session, segment) = begun();
    let line = format!(
        "{{\"kind\":\"segment_start\",\"ts\":1000,\"session_id\":\"{session}\",\"system_prompt\":null,\"config\":{{}},\"history\":[]}}\n\n{{\"ts\":2,\"kind\":\"turn_end\",\"turn_count\":1}}\n"
    );
    fs::write(path(dir.path(), session, segment), line).unwrap();
    store.append(session, segment, &entry(1)).unwrap();
    let entries = store.read_all(session, segment).unwrap();
    let kinds: Vec<&str> = entries.iter().map(LogEntry::kind).collect();
    assert_eq!(kinds, ["segment_start", "turn_end", "assistant_item"]);
    assert_eq!(store.read_entry_count(session, segment).unwrap(), 3);
}

#[test]
fn a_line_longer_than_any_entry_costs_that_line() {
    let (dir, store, session, segment) = begun();
    store.append(session, segment, &entry(0)).unwrap();
    let path = path(dir.path(), session, segment);
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // A hole: a quarter of a gigabyte of zeros, and no newline.
    file.set_len(256 << 20).unwrap();
    let store = open(dir.path());
    let read = store.read(session, segment).unwrap();
    assert_eq!((read.entries, read.count, read.damaged[0].what), (vec![entry(0)], 1, Fault::Torn));
    store.append(session, segment, &entry(1)).unwrap();
    assert_eq!(store.read_all(session, segment).unwrap(), [entry(0), entry(1)]);
}

#[test]
fn a_torn_line_of_a_trace_is_sealed_off_too() {
    let (dir, store, session, segment) = begun();
    let event = |n: usize| TraceEntry { ts: n as u64, turn: n, event: json!("e") };
    store.append_trace(session, segment, &event(0)).unwrap();
    let path = dir.path().join(format!("{session}/{segment}.trace.jsonl"));
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"ts\":1,");
    fs::write(&path, bytes).unwrap();
    store.append_trace(session, segment, &event(2)).unwrap();
    let read = store.read_trace(session, segment).unwrap();
    assert_eq!((read.entries, read.damaged.len()), (vec![event(0), event(2)], 1));
}

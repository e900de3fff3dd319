//! A journal that is one of many: it takes little disk, starts no thread, and says when each record was written.

use std::time::Duration;

use super::*;
use crate::{Disk, Other, RealDisk};

const QUIET: Options = Options {
    segment_bytes: 4 << 20,
    fill_ahead: false,
    reserve_bytes: 64 << 10,
    own_thread: false,
    max_batch_bytes: 4 << 20,
    ..SMALL
};

fn active_len(dir: &Path) -> u64 {
    fs::metadata(segment_files(dir).pop().unwrap()).unwrap().len()
}

/// Whether the journal's own thread runs.
fn has_thread(journal: &Journal) -> bool {
    journal.core.commit.keeper.is_started()
}

#[test]
fn a_quiet_journal_reserves_little_and_a_busy_one_as_much_again_as_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(dir.path(), QUIET).unwrap();
    fill(&journal, 0..3);
    assert_eq!(active_len(dir.path()), 64 << 10);
    journal.append(vec![7; 70 << 10]).unwrap();
    let reserved = active_len(dir.path());
    assert!((130 << 10..200 << 10).contains(&reserved), "{reserved}");
    for _ in 0..36 {
        journal.append(vec![7; 100 << 10]).unwrap();
    }
    assert_eq!(active_len(dir.path()), 4 << 20, "never more than the segment");
    let whole = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(whole.path(), Options { reserve_bytes: 4 << 30, ..QUIET }).unwrap();
    fill(&journal, 0..3);
    assert_eq!(active_len(whole.path()), 4 << 20, "as ever, unless it is asked for");
}

#[test]
fn without_a_thread_of_its_own_a_journal_rolls_and_writes_what_was_only_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let quiet = Options { sync: SyncPolicy::OnDemand, ..QUIET };
    let journal = Journal::open_with(dir.path(), quiet).unwrap();
    let mut written = Offset::ZERO;
    for i in 0..60 {
        journal.append(vec![i; 100 << 10]).unwrap();
        written = written.max(journal.durability().written);
    }
    assert!(written > Offset::ZERO, "what is much was written by who appended it");
    assert!(segment_files(dir.path()).len() >= 2, "it rolled");
    assert!(!has_thread(&journal));
    let reach = journal.sync().unwrap();
    assert_eq!(reach, journal.durability().accepted);
    let threads: Vec<_> = (0..4_u8)
        .map(|i| {
            let journal = journal.clone();
            std::thread::spawn(move || {
                for _ in 0..40 {
                    journal.append(vec![i; 90 << 10]).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!has_thread(&journal));
    journal.close().unwrap();
    let journal = Journal::open_with(dir.path(), quiet).unwrap();
    assert_eq!(read_all(journal.clone(), Offset::ZERO).0.len(), 60 + 160);
    let other = tempfile::tempdir().unwrap();
    let journal = Journal::open_with(other.path(), Options { own_thread: true, ..quiet }).unwrap();
    for i in 0..60 {
        journal.append(vec![i; 100 << 10]).unwrap();
    }
    assert!(has_thread(&journal), "the same appends start a thread where one is allowed");
}

#[test]
fn an_interval_has_its_thread_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let sync = SyncPolicy::Interval(Duration::from_millis(10));
    let journal = Journal::open_with(dir.path(), Options { sync, ..QUIET }).unwrap();
    let appended = journal.append("x").unwrap();
    assert!(journal.core.watermark.wait(appended.offset, Duration::from_secs(20)) >= appended.next);
}

/// A clock that ticks at each look.
#[derive(Debug, Default)]
struct Ticks(std::sync::atomic::AtomicI64);

impl Clock for Ticks {
    fn now_micros(&self) -> i64 {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
    }
}

#[test]
fn what_is_read_with_its_times_has_the_time_of_each_group() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Journal::open_on(Arc::new(RealDisk), Arc::new(Ticks::default()), dir.path(), SMALL);
    let journal = open().unwrap();
    journal.append_batch(&["a", "b"]).unwrap();
    journal.checkpoint("no record", false).unwrap();
    let last = journal.append("c").unwrap();
    journal.seal().unwrap();
    let (mut batch, mut times) = (Batch::default(), vec![(Offset::ZERO, 0)]);
    journal.read_timed(Offset::ZERO, ReadLimit::default(), &mut batch, &mut times).unwrap();
    assert_eq!((batch.len(), times.len()), (3, 2));
    for entry in batch.iter() {
        let of_group = times.iter().find(|(end, _)| entry.offset < *end).unwrap().1;
        assert_eq!(Some(of_group), journal.time_of(entry.offset).unwrap());
    }
    assert!(times[0].1 < times[1].1);
    let reader = Reader::open(dir.path()).unwrap();
    let (mut beside, mut known) = (Batch::default(), Vec::new());
    reader.read_timed(Offset::ZERO, ReadLimit::default(), &mut beside, &mut known).unwrap();
    assert_eq!(known, times);
    let beyond = Offset::new(1 << 40);
    assert!(journal.read_timed(beyond, ReadLimit::default(), &mut batch, &mut times).is_err());
    assert!(batch.is_empty() && times.is_empty());
    let sealed = journal.sealed().unwrap();
    assert_eq!((sealed.len(), sealed[0].end), (1, journal.durable()));
    assert!(sealed[0].end > last.next && sealed[0].chain.is_some() && sealed[0].created_micros.is_some());
    let roster = journal.roster().unwrap();
    assert_eq!((roster.len(), &roster[0]), (2, &sealed[0]));
    assert_eq!(roster, reader.roster().unwrap());
}

#[test]
fn a_journal_that_was_closed_says_why_it_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    assert!(journal.stopped().is_none());
    journal.clone().close().unwrap();
    assert!(matches!(journal.stopped(), Some(Error::Closed)));
}

#[test]
fn the_disk_lists_directories_and_what_is_no_file_without_following_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("part")).unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    std::os::unix::fs::symlink(dir.path().join("part"), dir.path().join("link")).unwrap();
    let mut others = RealDisk.list_others(dir.path()).unwrap();
    others.sort_by(|a, b| a.name.cmp(&b.name));
    let other = |name: &str, is_dir| Other { name: name.to_owned(), is_dir };
    assert_eq!(others, [other("link", false), other("part", true)]);
    fs::write(dir.path().join("part/kept"), "x").unwrap();
    let refused = RealDisk.remove_dir(&dir.path().join("part")).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::DirectoryNotEmpty);
    fs::remove_file(dir.path().join("part/kept")).unwrap();
    RealDisk.remove_dir(&dir.path().join("part")).unwrap();
}

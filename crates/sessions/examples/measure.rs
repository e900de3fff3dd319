//! How fast both stores are here: appends, durable and not, by one thread and by eight; reads, counts, lookups, opens.
//!
//!   cargo run --release -p annals-sessions --example measure [DIR]
//!
//! DIR, where the stores are made, tells what medium is measured. An entry is a message of 300 bytes.

#![allow(clippy::print_stdout, reason = "it prints what it measures")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use annals_journal::{Options, SyncPolicy};
use annals_sessions::{
    FsOptions, FsStore, FsSync, JournalStore, LogEntry, SegmentId, SessionId, Store, StoreError,
};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(scratch)?;
    println!("{:<34} {:>10} {:>10}", "appends a second", "1 thread", "8 threads");
    for (name, sync, journal_sync, each) in [
        ("durable when it returns", FsSync::Always, SyncPolicy::Always, 2_000),
        ("durable by sync", FsSync::OnDemand, SyncPolicy::OnDemand, 40_000),
    ] {
        let files = |root: &Path| FsStore::open_with(root, FsOptions { sync });
        let journal =
            |root: &Path| JournalStore::open_with(root, Options { sync: journal_sync, ..Options::default() });
        let at = |kind: &str| dir.path().join(format!("{kind} {name}"));
        let (fs, log) = (files(&at("files"))?, journal(&at("journal"))?);
        println!(
            "{:<34} {:>10} {:>10}",
            format!("files, {name}"),
            appends(&fs, 1, each)?,
            appends(&fs, 8, each)?
        );
        println!(
            "{:<34} {:>10} {:>10}",
            format!("journal, {name}"),
            appends(&log, 1, each)?,
            appends(&log, 8, each)?
        );
    }

    let files = FsStore::open_with(dir.path().join("files"), FsOptions { sync: FsSync::OnDemand })?;
    let options = Options { sync: SyncPolicy::OnDemand, ..Options::default() };
    let place = dir.path().join("journal");
    let journal = JournalStore::open_with(&place, options)?;
    println!("\n{:<34} {:>10} {:>10}", "", "files", "journal");
    let mut made = Vec::new();
    for store in [&files as &dyn Store, &journal] {
        made.push(fill(store, 1_000, 1_000)?);
    }
    let (session, segment) = made[0][500];
    let (in_journal, journal_segment) = made[1][500];
    let cold = FsStore::new(files.root())?;
    report(
        "read of 1,000 entries, µs",
        each(20, || files.read(session, segment).map(drop))?,
        each(20, || journal.read(in_journal, journal_segment).map(drop))?,
    );
    report(
        "cold count of 1,000 entries, µs",
        each(1, || cold.read_entry_count(session, segment).map(drop))?,
        0.0,
    );
    report(
        "count, µs",
        each(2_000, || files.read_entry_count(session, segment).map(drop))?,
        each(2_000, || journal.read_entry_count(in_journal, journal_segment).map(drop))?,
    );
    report("first lookup among 1,000, µs", each(1, || cold.lookup_session_of(segment).map(drop))?, 0.0);
    report(
        "lookup, µs",
        each(2_000, || files.lookup_session_of(segment).map(drop))?,
        each(2_000, || journal.lookup_session_of(journal_segment).map(drop))?,
    );
    report(
        "list of 1,000 sessions, µs",
        each(20, || files.list_sessions().map(drop))?,
        each(20, || journal.list_sessions().map(drop))?,
    );
    report(
        "the same by last use, µs",
        each(5, || files.list_sessions_by_use().map(drop))?,
        each(20, || journal.list_sessions_by_use().map(drop))?,
    );
    journal.close()?;
    let opened = each(1, || JournalStore::open(&place).map(drop))?;
    report(
        "open with 1,000,000 entries, ms",
        each(1, || FsStore::new(files.root()).map(drop))? / 1e3,
        opened / 1e3,
    );
    Ok(())
}

fn report(what: &str, files: f64, journal: f64) {
    let shown = |value: f64| if value == 0.0 { "-".to_owned() } else { format!("{value:.1}") };
    println!("{what:<34} {:>10} {:>10}", shown(files), shown(journal));
}

fn message(number: usize) -> LogEntry {
    LogEntry::AssistantItem { ts: number as u64, item: json!({"type": "message", "text": "x".repeat(230)}) }
}

/// Appends a second, each thread in a session of its own.
fn appends(store: &dyn Store, threads: usize, each: usize) -> Result<u64, StoreError> {
    let places: Vec<(SessionId, SegmentId)> =
        (0..threads).map(|_| (SessionId::new(), SegmentId::new())).collect();
    for (session, segment) in &places {
        store.create_segment(*session, *segment, &[])?;
    }
    let began = Instant::now();
    std::thread::scope(|scope| {
        let writers: Vec<_> = places
            .iter()
            .map(|(session, segment)| {
                scope.spawn(move || (0..each).try_for_each(|n| store.append(*session, *segment, &message(n))))
            })
            .collect();
        writers.into_iter().try_for_each(|writer| writer.join().unwrap_or(Ok(())))
    })?;
    Ok(((threads * each) as f64 / began.elapsed().as_secs_f64()) as u64)
}

fn fill(
    store: &dyn Store,
    sessions: usize,
    entries: usize,
) -> Result<Vec<(SessionId, SegmentId)>, StoreError> {
    (0..sessions)
        .map(|_| {
            let (session, segment) = (SessionId::new(), SegmentId::new());
            let all: Vec<LogEntry> = (0..entries).map(message).collect();
            store.create_segment(session, segment, &all)?;
            Ok((session, segment))
        })
        .collect()
}

/// Microseconds each.
fn each(times: u32, mut work: impl FnMut() -> Result<(), StoreError>) -> Result<f64, StoreError> {
    let began = Instant::now();
    for _ in 0..times {
        work()?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(times))
}

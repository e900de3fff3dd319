//! Everything at once: writers, rolls, purges, encoding, replays, changes of settings, with few streams open.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use annals_journal::{Consent, Keep, LogError};
use annals_testkit::{Call, SimDisk};

use super::*;

const STREAMS: [&str; 4] = ["a", "b", "c", "d"];

fn on(disk: &SimDisk, options: Options) -> Streams {
    Streams::open_on(Arc::new(disk.clone()), Arc::new(SystemClock), Path::new("/root"), options).unwrap()
}

/// The numbers of a stream in their order; what is purged beneath a replay is an item that says so.
fn numbers(streams: &Streams, name: &str) -> (Vec<usize>, usize) {
    let (mut found, mut gaps) = (Vec::new(), 0);
    for record in streams.replay(&Query::of(name)).unwrap() {
        match record {
            Ok(record) => {
                let text = String::from_utf8(record.payload).unwrap();
                found.push(text.split(' ').next().unwrap().parse().unwrap());
            }
            Err(Error::Read { source, .. }) if matches!(*source, LogError::Gap { .. }) => gaps += 1,
            Err(other) => panic!("{other}"),
        }
    }
    (found, gaps)
}

#[test]
fn nothing_is_lost_or_reordered_while_all_of_it_goes_on() {
    let defaults = Settings {
        segment_bytes: 8 << 10,
        codec: Codec::Zstd,
        keep: Keep::Segments(4),
        ..Settings::default()
    };
    let streams = on(&SimDisk::new(), Options { open_streams: 2, defaults, ..Options::default() });
    let (done, rounds, purged) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let last = std::thread::scope(|scope| {
        let writers: Vec<_> = STREAMS
            .into_iter()
            .map(|name| {
                let (streams, rounds, purged) = (&streams, &rounds, &purged);
                scope.spawn(move || {
                    let enough = || rounds.load(Ordering::SeqCst) > 2 && purged.load(Ordering::SeqCst) > 20;
                    let mut i = 0;
                    while i < 400 || !enough() {
                        streams.write(name, &[format!("{i} {}", "x".repeat(i * 37 % 700))]).unwrap();
                        i += 1;
                    }
                    i - 1
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let gone = streams.purge(None, Consent::default()).unwrap();
                // A plan that was overtaken by another purge would be listed; nobody else purges.
                assert!(gone.refused.is_empty(), "{gone:?}");
                purged.fetch_add(gone.receipts.len(), Ordering::SeqCst);
                streams.encode_now(None).unwrap();
            }
        });
        scope.spawn(|| {
            let mut rng = fastrand::Rng::with_seed(1);
            while !done.load(Ordering::SeqCst) {
                let name = STREAMS[rng.usize(..4)];
                if streams.stream(name).unwrap().bounds().is_ok() {
                    let (found, gaps) = numbers(&streams, name);
                    assert!(found.is_sorted_by(|a, b| a < b), "{name}: {found:?}");
                    assert!(
                        gaps > 0 || found.windows(2).all(|two| two[0] + 1 == two[1]),
                        "{name}: {found:?}"
                    );
                }
                let sync = if rng.bool() { SyncPolicy::Always } else { SyncPolicy::OnDemand };
                streams.set(name, Settings { sync, ..defaults }).unwrap();
                drop(streams.manifest(None).unwrap());
                rounds.fetch_add(1, Ordering::SeqCst);
            }
        });
        let last: Vec<usize> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        last
    });
    for (name, last) in STREAMS.into_iter().zip(last) {
        let (found, _) = numbers(&streams, name);
        assert_eq!(found.last(), Some(&last));
        assert!(found.windows(2).all(|two| two[0] + 1 == two[1]), "{name}: {found:?}");
        let gone: u64 = streams
            .purge_receipts(&crate::Wanted { stream: Some(name.to_owned()), ..crate::Wanted::default() })
            .unwrap()
            .receipts
            .iter()
            .map(|receipt| receipt.records)
            .sum();
        assert_eq!(gone as usize, found[0], "what is gone has receipts");
    }
    streams.close().unwrap();
}

#[test]
fn what_a_stream_costs_in_syncs_is_known() {
    let disk = SimDisk::new();
    let streams = on(&disk, Options { background: false, ..Options::default() });
    let syncs = || disk.count(Call::Sync) + disk.count(Call::SyncDir);
    let mut before = syncs();
    let mut cost = || {
        let cost = syncs() - before;
        before = syncs();
        cost
    };
    streams.write("s", &["made"]).unwrap();
    let made = cost();
    streams.write("s", &["open"]).unwrap();
    let written = cost();
    streams.reopen("s").unwrap();
    assert_eq!((made, written, cost()), (13, 1, 6), "made, appended to while it is open, closed and opened");
}

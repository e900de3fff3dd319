//! When what was accepted becomes durable, and what happens when it cannot.

use std::time::Duration;

use annals_journal::RealDisk;
use annals_record::Kind;
use annals_testkit::{Call, Fault, FaultDisk, Outcome, SimDisk};

use super::*;
use crate::durability::State;

fn with(sync: SyncPolicy) -> Options {
    Options { defaults: Settings { sync, ..Settings::default() }, ..Options::default() }
}

fn on<D: Disk + 'static>(disk: D, options: Options) -> Streams {
    Streams::open_on(Arc::new(disk), Arc::new(ManualClock::at(MARCH)), Path::new("/root"), options).unwrap()
}

fn wait_flushed(stream: &Stream, end: Offset) {
    let bounds = stream.wait(Offset::new(end.get() - 1), Duration::from_secs(30)).unwrap();
    assert!(bounds.durable >= end);
}

#[test]
fn an_interval_makes_everything_durable_by_one_thread_for_all_streams() {
    let disk = SimDisk::new();
    let streams = on(disk.clone(), with(SyncPolicy::Interval(Duration::from_millis(10))));
    for round in 0..3 {
        let ends: Vec<(Stream, Offset)> = (0..20)
            .map(|i| {
                let stream = streams.stream(&format!("s{i}")).unwrap();
                let appended = stream.append(&[format!("{round}")]).unwrap();
                (stream, appended[0].next)
            })
            .collect();
        ends.iter().for_each(|(stream, end)| wait_flushed(stream, *end));
    }
    let image = disk.crash(annals_testkit::Survival::NOTHING, &mut fastrand::Rng::with_seed(1));
    let after = on(image, Options::default());
    assert_eq!(after.replay(&Query::default()).unwrap().count(), 60);
    assert!(streams.durability().streams.values().all(|stream| stream.state == State::Flushed));
}

#[test]
fn each_policy_says_what_is_buffered_and_a_power_cut_takes_no_more() {
    let policies =
        [("always", SyncPolicy::Always), ("every", SyncPolicy::Every(3)), ("asked", SyncPolicy::OnDemand)];
    let disk = SimDisk::new();
    let streams = on(disk.clone(), Options::default());
    for (name, sync) in policies {
        streams.set(name, Settings { sync, ..Settings::default() }).unwrap();
        for i in 0..5 {
            streams.write(name, &[i.to_string()]).unwrap();
        }
    }
    let stands = streams.durability().streams;
    let buffered: Vec<(u64, State)> =
        policies.iter().map(|(name, _)| (stands[*name].buffered, stands[*name].state)).collect();
    assert_eq!(buffered, [(0, State::Flushed), (2, State::Buffered), (5, State::Buffered)]);
    assert_eq!(stands["every"].policy.as_deref(), Some("every 3"));
    let lost = disk.crash(annals_testkit::Survival::NOTHING, &mut fastrand::Rng::with_seed(1));
    let after = on(lost, Options::default());
    for (name, _) in policies {
        let held = after
            .replay(&Query { streams: Some(vec![name.to_owned()]), ..Query::default() })
            .unwrap()
            .count();
        assert_eq!(held as u64, stands[name].durable.unwrap(), "{name}");
        assert_eq!(stands[name].accepted, Some(5));
    }
    streams
        .write_with("asked", &["now"], &AppendOptions { durable: true, ..AppendOptions::default() })
        .unwrap();
    assert_eq!(streams.durability().streams["asked"].buffered, 0);
    streams.sync(None).unwrap();
    assert!(streams.durability().streams.values().all(|stream| stream.state == State::Flushed));
    let json = serde_json::to_value(streams.durability()).unwrap();
    assert_eq!((&json["schema_version"], &json["streams"]["asked"]["state"]), (&1.into(), &"flushed".into()));
}

#[test]
fn a_sync_that_fails_stops_its_stream_alone_loudly_until_it_is_opened_anew() {
    for sync in [SyncPolicy::Always, SyncPolicy::OnDemand, SyncPolicy::Interval(Duration::from_millis(10))] {
        let disk = FaultDisk::new(SimDisk::new());
        let streams = on(disk.clone(), Options { open_streams: 2, ..with(sync) });
        streams.write("bad", &["kept"]).unwrap();
        streams.write("good", &["kept"]).unwrap();
        streams.sync(None).unwrap();
        disk.inject(
            Fault::of(&[Call::Sync], Outcome::Error(std::io::ErrorKind::Other)).on("0000000000000000.wal"),
        );
        let bad = streams.stream("bad").unwrap();
        let failed = match bad.append(&["lost?"]) {
            Err(error) => error,
            Ok(_) if matches!(sync, SyncPolicy::OnDemand) => streams.sync(Some("bad")).unwrap_err(),
            Ok(_) => {
                while streams.durability().streams["bad"].state != State::Poisoned {
                    std::thread::yield_now();
                }
                streams.write("bad", &["x"]).unwrap_err()
            }
        };
        assert_eq!((disk.fired(), failed.kind()), (1, Kind::Stop), "{failed}");
        assert!(matches!(&failed, Error::Poisoned { stream, .. } if stream == "bad"), "{failed}");
        let (held, errors): (Vec<_>, Vec<_>) =
            streams.replay(&Query::default()).unwrap().partition(Result::is_ok);
        assert!(held.len() >= 2, "what is durable is read, of all: {held:?}");
        assert!(
            errors.len() <= 1
                && errors.iter().all(|error| error.as_ref().unwrap_err().to_string().contains("bad"))
        );
        for stream in ["good", "third", "fourth"] {
            streams.write(stream, &["goes on"]).unwrap();
        }
        let stands = &streams.durability().streams["bad"];
        assert_eq!((stands.state, stands.open), (State::Poisoned, true), "it is not closed and forgotten");
        assert!(stands.stopped.as_ref().unwrap().contains("injected"), "{stands:?}");
        assert!(matches!(streams.write("bad", &["x"]), Err(Error::Poisoned { .. })));
        streams.reopen("bad").unwrap();
        streams.write("bad", &["on"]).unwrap();
        streams.sync(None).unwrap();
        assert_eq!(streams.durability().streams["bad"].state, State::Flushed);
        let texts = texts(streams.replay(&Query::of("bad")).unwrap());
        let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!((texts[0], texts[texts.len() - 1]), ("kept", "on"));
    }
}

#[test]
fn a_stream_that_cannot_be_closed_in_order_says_so_to_whoever_comes_next() {
    let disk = FaultDisk::new(SimDisk::new());
    let streams = on(disk.clone(), Options { open_streams: 1, ..with(SyncPolicy::OnDemand) });
    streams.write("bad", &["accepted"]).unwrap();
    disk.inject(Fault::of(&[Call::Sync], Outcome::Error(std::io::ErrorKind::Other)).on(".wal"));
    streams.write("other", &["x"]).unwrap();
    assert_eq!(disk.fired(), 1);
    let stands = &streams.durability().streams["bad"];
    assert_eq!((stands.state, stands.open), (State::Poisoned, false));
    assert!(matches!(streams.write("bad", &["x"]), Err(Error::Poisoned { .. })));
    assert!(matches!(streams.sync(Some("bad")), Ok(())), "there is nothing left to sync");
    streams.reopen("bad").unwrap();
    streams.write("bad", &["x"]).unwrap();
}

#[test]
fn the_last_handle_closes_the_root_and_its_threads() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = with(SyncPolicy::Interval(Duration::from_secs(3600)));
        Streams::open_on(Arc::new(RealDisk), Arc::new(SystemClock), dir.path(), options)
    };
    let streams = open().unwrap();
    streams.write("s", &["x"]).unwrap();
    let stream = streams.stream("s").unwrap();
    drop(streams);
    assert!(matches!(open(), Err(Error::Locked { .. })), "a stream's handle is one of the root");
    drop(stream);
    assert_eq!(open().unwrap().replay(&Query::default()).unwrap().count(), 1);
}

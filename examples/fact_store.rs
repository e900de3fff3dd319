//! For a fact store: many histories under one root, each with a codec, a sync policy, and retention of its own; replay by the
//! facts' own times; small once it is sealed, and nothing of a fact is lost.
//!
//!   positions (delta) -.
//!   customers (zstd)   -+-> root/wal/store=NAME/date=DAY/OFFSET.wal -> checkpoint: sealed, encoded -> replay, purge
//!   jobs (plain)       -'
//!
//!   cargo run --example fact_store

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use annals::streams::codec::Codec;
use annals::streams::{
    Cause, Consent, Fact, FactTime, Keep, Options, Query, Settings, Streams, SyncPolicy, Wanted,
};

/// 2026-03-01T08:00:00Z.
const MORNING: f64 = 1_772_352_000.0;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("facts");
    let options = Options { timeline: Arc::new(FactTime), ..Options::default() };
    let streams = Streams::open_with(&root, options.clone())?;

    // A high-frequency history may lose its last fifth of a second in a power cut; the others nothing.
    let often = SyncPolicy::Interval(Duration::from_millis(200));
    streams.set("positions", Settings { codec: Codec::Delta, sync: often, ..Settings::default() })?;
    streams.set("customers", Settings { codec: Codec::Zstd, ..Settings::default() })?;

    let mut before = [None; 5];
    for second in 0..20_000_u32 {
        let van = (second % 5) as usize;
        let at = MORNING + f64::from(second) + 0.001 * f64::from(second % 250);
        let east = 8.5417 + f64::from(second % 977) * 1e-6;
        let value = format!("{{\"lat\":47.3769,\"lon\":{east:.6},\"speed\":{}.5}}", second % 60);
        let mut fact = Fact::new("positions", format!("van-{van}"), value, at);
        fact.causation = before[van].map(Cause::Fact);
        fact.producer = Some("tracker".to_owned());
        before[van] =
            streams.write("positions", &[fact.to_payload()?])?.first().map(|written| written.offset);
    }
    for version in 1..=3 {
        let value = format!("{{\"name\":\"Ada\",\"visits\":{version},\"note\":null}}");
        let mut fact = Fact::new("customers", "c-1", value, MORNING + 3_600.0 * f64::from(version));
        fact.valid_time = Some(MORNING);
        streams.write("customers", &[fact.to_payload()?])?;
    }
    streams.write("jobs", &[Fact::new("jobs", "j-1", "\"done\"", MORNING + 60.0).to_payload()?])?;
    println!("{:?}: {:?}", streams.names(), streams.durability().streams["positions"].state);

    // Sealed, and in their smaller forms.
    streams.checkpoint(None)?;
    streams.encode_now(None)?;
    let (mut as_written, mut as_kept) = (0, 0);
    for stream in streams.manifest(None)?.streams {
        for segment in stream.segments.iter().filter(|segment| segment.sealed) {
            let (facts, bytes) = (segment.records.unwrap_or(0), segment.stored_bytes.unwrap_or(0));
            println!("{}: {facts} facts, {}, {bytes} bytes", segment.segment_id, segment.codec);
            if stream.store == "positions" {
                (as_written, as_kept) = (as_written + segment.bytes, as_kept + bytes);
            }
        }
    }
    println!("positions take {as_kept} bytes in place of {as_written}");
    assert!(as_kept * 10 < as_written);

    // Five minutes of all stores, by the facts' own times, exact at both ends.
    let (since, as_of) = (MORNING + 60.0, MORNING + 360.0);
    let micros = |seconds: f64| Some((seconds * 1e6) as i64);
    let query = Query { since_micros: micros(since), as_of_micros: micros(as_of), ..Query::default() };
    let mut times = Vec::new();
    for record in streams.replay(&query)? {
        let fact = Fact::from_payload(&record?.payload)?;
        assert!((since..=as_of).contains(&fact.transaction_time), "{fact:?}");
        times.push(fact.transaction_time);
    }
    println!("{} facts of five minutes", times.len());
    assert!(times.is_sorted() && times.len() > 300);

    // Retention leaves a receipt for what it takes, and the policy can be changed at any time.
    streams.write("jobs", &[Fact::new("jobs", "j-2", "\"new\"", MORNING + 120.0).to_payload()?])?;
    streams.checkpoint(Some("jobs"))?;
    streams.write("jobs", &[Fact::new("jobs", "j-3", "\"newer\"", MORNING + 180.0).to_payload()?])?;
    let kept = Settings { keep: Keep::Newest, ..streams.settings("jobs")? };
    streams.set("jobs", kept)?;
    streams.purge(None, Consent::default())?;
    let receipts = streams.purge_receipts(&Wanted::default())?.receipts;
    println!("purged: {} of {}, {}", receipts[0].records, receipts[0].store, receipts[0].reason);
    assert_eq!((receipts.len(), &*receipts[0].store, receipts[0].records), (1, "jobs", 1));
    streams.close()?;

    // Another run finds all of it.
    let streams = Streams::open_with(&root, options)?;
    let newest = streams.replay(&Query::of("customers"))?.last().ok_or("no customer")??;
    let fact = Fact::from_payload(&newest.payload)?;
    println!("{} is {}", fact.key, fact.value);
    assert_eq!(fact.value, "{\"name\":\"Ada\",\"visits\":3,\"note\":null}");
    streams.close()?;
    Ok(())
}

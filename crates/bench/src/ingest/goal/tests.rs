use super::{Facts, verdicts};
use crate::ingest::row::Cells;
use crate::ingest::sample::{Load, Sample};
use crate::ingest::work::Work;
use crate::target::{Goal, Verdict};

const FACTS: Facts = Facts { payload: 200.0, reopened_bytes: Some(3 << 20) };

fn found<'v>(verdicts: &'v [Verdict], begins: &str) -> &'v Verdict {
    verdicts.iter().find(|verdict| verdict.what.starts_with(begins)).unwrap()
}

#[test]
fn goals_are_ratios_of_medians_or_times_and_bytes_as_they_are() {
    let mut cells = Cells::default();
    let mut add = |who, work, value| cells.add(who, Sample::of(work, value));
    add("annals", Work::Ingest, 300.0);
    add("annals", Work::IngestSecond, 240.0);
    add("rocksdb-nowal", Work::Ingest, 150.0);
    add("rocksdb", Work::Ingest, 1.0);
    add("annals", Work::BytesDisk, 350.0);
    add("annals", Work::Hot, 400.0);
    add("annals", Work::Reopen, 101.0);
    cells.add("annals", Sample { peak_bytes: Some(256 << 20), ..Sample::of(Work::Rebuild, 7.0) });
    cells.add("annals", Sample { load: Some(Load::Full), ..Sample::of(Work::Visible, 49.0) });
    let verdicts = verdicts(&cells.rows(1), &FACTS);
    let reached = |begins| found(&verdicts, begins).reached;
    assert_eq!(reached("ingest: rate / rocksdb-nowal"), Some(2.0));
    assert_eq!(reached("ingest-1s"), Some(0.8));
    assert_eq!(reached("rebuild: peak memory"), Some(256.0));
    assert_eq!(reached("bytes-disk: B / payload of 200.0 B"), Some(1.75));
    assert_eq!(reached("hot"), Some(2.5), "400 lists a second take 2.5 ms each");
    assert_eq!(reached("reopen of 3 MiB"), Some(101.0));
    assert_eq!(reached("visible, under full"), Some(49.0));
    for unknown in ["ingest: rate / lmdb", "visible, idle", "rebuild: rate", "ingest-50ms"] {
        assert_eq!(reached(unknown), None, "{unknown} was not measured");
    }
    assert_eq!(found(&verdicts, "bytes-disk").goal, Goal::AtMost(1.7));
    assert_eq!(verdicts.len(), 16);
}

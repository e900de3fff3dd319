use super::{Cells, Row, blocks};
use crate::ingest::sample::{Load, Sample};
use crate::ingest::work::Work;

fn visible(load: Load, value: f64) -> Sample {
    Sample { load: Some(load), ..Sample::of(Work::Visible, value) }
}

#[test]
fn a_cell_is_the_median_and_the_ends_of_its_own_samples() {
    let mut cells = Cells::default();
    for (rate, peak) in [(10.0, 7), (30.0, 9), (20.0, 8)] {
        cells.add("lmdb", Sample::of(Work::Ingest, rate / 10.0));
        cells.add("annals", Sample { peak_bytes: Some(peak), ..Sample::of(Work::Rebuild, rate) });
        cells.add("annals", Sample::of(Work::Ingest, rate));
        cells.add("annals", visible(Load::Full, rate));
        cells.add("annals", visible(Load::Idle, rate / 2.0));
    }
    let rows = cells.rows(5);
    let row = |work, load, who, median, min, max, peak_bytes| Row {
        work,
        load,
        who,
        records: 5,
        median,
        min,
        max,
        peak_bytes,
    };
    assert_eq!(
        rows,
        [
            row(Work::Ingest, None, "lmdb", 2.0, 1.0, 3.0, None),
            row(Work::Ingest, None, "annals", 20.0, 10.0, 30.0, None),
            row(Work::Rebuild, None, "annals", 20.0, 10.0, 30.0, Some(9)),
            row(Work::Visible, Some(Load::Idle), "annals", 10.0, 5.0, 15.0, None),
            row(Work::Visible, Some(Load::Full), "annals", 20.0, 10.0, 30.0, None),
        ]
    );
    assert_eq!(blocks(&rows).map(<[Row]>::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
}

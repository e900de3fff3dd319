use super::{draw, goals, lines, text};
use crate::ingest::row::{Cells, Row};
use crate::ingest::sample::Sample;
use crate::ingest::work::Work;

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (records, rate, bytes) in [(100, 50.0, 400.0), (300, 45.0, 400.0), (1000, 40.0, 600.0)] {
        let mut cells = Cells::default();
        cells.add("annals", Sample::of(Work::Ingest, rate));
        cells.add("limit", Sample::of(Work::Ingest, 100.0));
        cells.add("annals", Sample { peak_bytes: Some(1 << 20), ..Sample::of(Work::Rebuild, rate) });
        cells.add("annals", Sample::of(Work::BytesDisk, bytes));
        rows.extend(cells.rows(records));
    }
    rows
}

#[test]
fn growth_is_the_largest_set_beside_the_smallest() {
    let rows = rows();
    let lines = lines(&rows);
    let said = text(&lines);
    assert!(said.contains("0.80") && said.contains("1.50"), "{said}");
    let goals = goals(&lines);
    let met = |what: &str| {
        let goal = goals.iter().find(|goal| goal.what.starts_with(what)).unwrap();
        goal.goal.is_met(goal.reached.unwrap())
    };
    assert!(met("ingest: 10 times") && met("rebuild of 1000: peak") && !met("bytes-disk: 10 times"));
    assert_eq!(goals.len(), 3 + 3, "ours alone, and the memory of each rebuild");
}

#[test]
fn every_cell_has_a_line_in_the_picture_and_every_size_a_point() {
    let rows = rows();
    let picture = draw(&lines(&rows));
    assert_eq!(picture.matches("<polyline class").count(), 4);
    let points = picture.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next());
    assert!(points.clone().all(|points| points.split(' ').count() == 3));
    assert!(
        points
            .flat_map(|points| points.split([',', ' ']))
            .all(|number| number.parse::<f64>().is_ok_and(|number| number >= 0.0))
    );
}

use super::draw;
use crate::contender::Promise;
use crate::row::{Row, panels};
use crate::work::Work;

fn row(who: &'static str, median: f64, threads: usize) -> Row {
    let promise = Promise { durable: true, checksums: true, hashes: false };
    let (min, max, size) = (median * 0.9, 220.0, 128);
    Row { work: Work::Durable, size, threads, who, promise, median, min, max, p50_us: None, p99_us: None }
}

#[test]
fn every_row_has_a_bar_within_the_picture() {
    let rows = [row("annals", 200.0, 1), row("okaywal", 100.0, 1), row("raw-group", 50.0, 8)];
    let picture = draw(&panels(&rows), "Logs", "other logs");
    assert_eq!(picture.matches("<rect").count(), rows.len());
    assert_eq!(picture.matches("class=\"h\"").count(), 2, "a panel for each cell");
    let widths = picture.split("width=\"").skip(2).filter_map(|rest| rest.split('"').next());
    let widths: Vec<f64> = widths.map(|width| width.parse().unwrap()).collect();
    assert!(
        (widths[0] / widths[1] - 2.0).abs() < 0.01,
        "bars stand to each other as the medians: {widths:?}"
    );
    assert!(widths.iter().all(|width| (0.0..=super::BAR_WIDTH).contains(width)), "{widths:?}");
}

//! The same works with more and more records: what grows with the set, and what does not.

use std::fmt::Write as _;
use std::path::Path;

use super::course::{self, Scale};
use super::place::{Place, remove};
use super::row::Row;
use super::table;
use super::work::Work;
use crate::outcome::Outcome;
use crate::svg::STYLE;
use crate::table::{short, verdicts};
use crate::target::{Goal, Verdict};

/// How many times as many records.
const TIMES: [u64; 3] = [1, 3, 10];
/// What is measured unless somebody asks for something else. The hottest subject grows with the set, and so does the
/// time to list it; whoever opens a store after a kill or waits for a record does not wait longer for a larger one.
const WORKS: [Work; 8] = [
    Work::Ingest,
    Work::Rebuild,
    Work::Get,
    Work::Absent,
    Work::Subject,
    Work::Reopen,
    Work::BytesWritten,
    Work::BytesDisk,
];
const MIB: f64 = 1_048_576.0;

/// Measures all sets in turn, draws the lines if asked to, and returns what is to be printed.
pub(crate) fn run(scale: &Scale, place: &Place, json: bool, svg: Option<&Path>) -> Outcome<String> {
    let mut rows = Vec::new();
    for times in TIMES {
        let mut scale = Scale { records: scale.records * times, ..scale.clone() };
        if scale.who.is_empty() {
            scale.who = ["annals", "limit"].map(str::to_owned).to_vec();
        }
        if scale.only.is_empty() {
            scale.only = WORKS.to_vec();
        }
        rows.append(&mut course::run(&scale, place)?.rows);
        remove(place.root())?;
    }
    let lines = lines(&rows);
    if let Some(path) = svg {
        std::fs::write(path, draw(&lines))?;
    }
    if json { Ok(table::lines(&rows)) } else { Ok(format!("{}\n{}", text(&lines), verdicts(&goals(&lines)))) }
}

/// One cell at all sizes.
struct Line<'r>(Vec<&'r Row>);

impl Line<'_> {
    fn first(&self) -> &Row {
        self.0[0]
    }

    /// The largest set's figure, as a multiple of the smallest one's.
    fn growth(&self) -> Option<f64> {
        let last = self.0.last().filter(|_| self.0.len() == TIMES.len())?;
        Some(last.median / self.first().median)
    }
}

/// The rows of each cell, from the smallest set to the largest.
fn lines(rows: &[Row]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for row in rows {
        let cell = (row.work, row.load, row.who);
        let same = |line: &&mut Line<'_>| (line.first().work, line.first().load, line.first().who) == cell;
        match lines.iter_mut().find(same) {
            Some(line) => line.0.push(row),
            None => lines.push(Line(vec![row])),
        }
    }
    lines
}

fn text(lines: &[Line<'_>]) -> String {
    let mut text = format!("{:<14} {:<14}", "work", "who");
    for row in lines.first().map(|line| line.0.as_slice()).unwrap_or_default() {
        let _ = write!(text, " {:>9}", short(row.records as f64));
    }
    let _ = writeln!(text, " {:>8}", "growth");
    for line in lines {
        let Row { work, who, .. } = line.first();
        let _ = write!(text, "{:<14} {who:<14}", work.name());
        for row in &line.0 {
            let _ = write!(text, " {:>9}", short(row.median));
        }
        let growth = line.growth().map_or("-".to_owned(), |growth| format!("{growth:.2}"));
        let _ = writeln!(text, " {growth:>8}  {}", work.unit());
    }
    text
}

/// Ours stays within a quarter, and a rebuild in its memory.
fn goals(lines: &[Line<'_>]) -> Vec<Verdict> {
    let mut goals = Vec::new();
    for line in lines.iter().filter(|line| line.first().who == "annals") {
        let work = line.first().work;
        let goal = if work.is_rate() { Goal::AtLeast(0.75) } else { Goal::AtMost(1.25) };
        let what = format!("{}: {} times the records / one time", work.name(), TIMES[TIMES.len() - 1]);
        goals.push(Verdict { what, goal, reached: line.growth() });
        for row in line.0.iter().filter(|row| row.work == Work::Rebuild) {
            let what = format!("rebuild of {}: peak memory, MiB", row.records);
            let reached = row.peak_bytes.map(|bytes| bytes as f64 / MIB);
            goals.push(Verdict { what, goal: Goal::AtMost(512.0), reached });
        }
    }
    goals
}

const COLUMNS: usize = 4;
const WIDTH: f64 = 240.0;
/// What is left of a panel's width is for the names.
const PLOT_WIDTH: f64 = 130.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 16.0;
const PLOT: f64 = 110.0;

/// A panel for each work: records from left to right, each three to ten times as many; upwards what was measured, from
/// nothing to the most.
fn draw(lines: &[Line<'_>]) -> String {
    let panels: Vec<&[Line<'_>]> = {
        let by_work = |a: &Line<'_>, b: &Line<'_>| a.first().work == b.first().work;
        lines.chunk_by(by_work).collect()
    };
    let mut body = String::new();
    for (index, panel) in panels.iter().enumerate() {
        let (left, top) = ((index % COLUMNS) as f64 * WIDTH + LEFT, (index / COLUMNS) as f64 * HEIGHT + LEFT);
        draw_panel(&mut body, panel, left, top);
    }
    let (width, height) =
        (COLUMNS as f64 * WIDTH, panels.len().div_ceil(COLUMNS) as f64 * HEIGHT + 2.0 * LEFT);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         role=\"img\" aria-label=\"The same with more records\">\n<style>{STYLE}polyline{{fill:none!important;\
         stroke-width:2}}polyline.annals{{stroke:#0969da}}polyline.peer{{stroke:#9a7fd1}}\
         polyline.limit{{stroke:#9aa0a6}}</style>\n{body}</svg>\n"
    )
}

fn draw_panel(body: &mut String, panel: &[Line<'_>], left: f64, top: f64) {
    let all = || panel.iter().flat_map(|line| &line.0);
    let most = all().map(|row| row.max).fold(f64::MIN_POSITIVE, f64::max);
    let (fewest, largest) = all().fold((f64::MAX, 1.0_f64), |(low, high), row| {
        (low.min(row.records as f64), high.max(row.records as f64))
    });
    let span = (largest / fewest).ln().max(f64::MIN_POSITIVE);
    let across = |row: &Row| left + (row.records as f64 / fewest).ln() / span * PLOT_WIDTH;
    let up = |value: f64| top + 14.0 + (1.0 - value / most) * (PLOT - 20.0);
    let first = panel[0].first();
    let _ = writeln!(
        body,
        "<text class=\"h\" x=\"{left:.0}\" y=\"{:.0}\">{} ({})</text>",
        top + 4.0,
        first.work.name(),
        first.work.unit()
    );
    for line in panel {
        let class = match line.first().who {
            "annals" => "annals",
            "limit" => "limit",
            _ => "peer",
        };
        let points: Vec<String> =
            line.0.iter().map(|row| format!("{:.1},{:.1}", across(row), up(row.median))).collect();
        let _ = writeln!(body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
        if let Some(last) = line.0.last() {
            let (x, y) = (across(last) + 4.0, up(last.median) + 4.0);
            let said = format!("{} {}", line.first().who, short(last.median));
            let _ = writeln!(body, "<text x=\"{x:.1}\" y=\"{y:.1}\">{said}</text>");
        }
    }
    let base = top + PLOT;
    let x = left + PLOT_WIDTH;
    let _ = writeln!(
        body,
        "<line class=\"s\" x1=\"{left:.0}\" x2=\"{x:.0}\" y1=\"{base:.0}\" y2=\"{base:.0}\"/>\
         <text x=\"{left:.0}\" y=\"{:.0}\">{}</text><text class=\"n\" x=\"{x:.0}\" y=\"{:.0}\">{} records</text>",
        base + 14.0,
        short(fewest),
        base + 14.0,
        short(largest),
    );
}

#[cfg(test)]
mod tests;

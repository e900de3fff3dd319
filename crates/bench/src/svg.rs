//! Rows as bars: a panel for each cell, readable on light and on dark ground.

use std::fmt::Write as _;

use crate::row::Row;
use crate::table::{heading, short};

const COLUMNS: usize = 2;
const PANEL_WIDTH: f64 = 430.0;
const NAME_WIDTH: f64 = 92.0;
const BAR_WIDTH: f64 = 250.0;
const BAR_STEP: f64 = 17.0;
const HEAD: f64 = 30.0;
const GAP: f64 = 14.0;

/// Colours follow the reader's scheme also where the picture stands in an `img`.
const STYLE: &str = "text{font:11px ui-sans-serif,system-ui,sans-serif;fill:#1f2328}\
.h{font-weight:600;font-size:12px}.n{text-anchor:end}\
.annals{fill:#0969da}.peer{fill:#9a7fd1}.limit{fill:#c8ccd2}.s{stroke:#1f2328;stroke-width:1;opacity:.55}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.annals{fill:#4493f8}.peer{fill:#8a6fc8}\
.limit{fill:#4a525c}.s{stroke:#e6edf3}}";

/// All rows as one picture.
pub(crate) fn draw(rows: &[Row]) -> String {
    let panels: Vec<&[Row]> =
        rows.chunk_by(|a, b| (a.work, a.size, a.threads) == (b.work, b.size, b.threads)).collect();
    let (mut body, mut top) = (String::new(), GAP);
    for line in panels.chunks(COLUMNS) {
        for (column, panel) in line.iter().enumerate() {
            draw_panel(&mut body, panel, GAP + column as f64 * PANEL_WIDTH, top);
        }
        let tallest = line.iter().map(|panel| panel.len()).max().unwrap_or_default();
        top += HEAD + tallest as f64 * BAR_STEP + GAP;
    }
    let (width, height) = (GAP * 2.0 + COLUMNS as f64 * PANEL_WIDTH, top);
    let legend = "Bars are medians, lines the least and the most of the repetitions. \
                  Blue: Annals. Violet: other logs. Grey: limits, which promise less.";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {:.0}\" width=\"{width:.0}\" \
         role=\"img\" aria-label=\"Measurements of the journal\">\n<style>{STYLE}</style>\n{body}\
         <text x=\"{GAP}\" y=\"{:.0}\">{legend}</text>\n</svg>\n",
        height + 24.0,
        height + 10.0,
    )
}

fn draw_panel(body: &mut String, panel: &[Row], left: f64, top: f64) {
    let most = panel.iter().map(|row| row.max).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(
        body,
        "<text class=\"h\" x=\"{left}\" y=\"{:.0}\">{}</text>",
        top + 14.0,
        heading(&panel[0])
    );
    for (index, row) in panel.iter().enumerate() {
        let y = top + HEAD + index as f64 * BAR_STEP;
        let x = left + NAME_WIDTH;
        let at = |value: f64| x + value / most * BAR_WIDTH;
        let class = if row.is_ours() {
            "annals"
        } else if row.is_limit() {
            "limit"
        } else {
            "peer"
        };
        let (middle, base) = (y + BAR_STEP / 2.0 - 1.5, y + BAR_STEP - 6.0);
        let _ = writeln!(
            body,
            "<text class=\"n\" x=\"{:.0}\" y=\"{base:.1}\">{}</text>\
             <rect class=\"{class}\" x=\"{x:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <line class=\"s\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
            x - 6.0,
            row.who,
            at(row.median) - x,
            BAR_STEP - 4.0,
            at(row.min),
            at(row.max),
            at(row.max) + 6.0,
            short(row.median),
        );
    }
}

#[cfg(test)]
mod tests;

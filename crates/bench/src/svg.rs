//! Rows as bars: a panel for each cell, readable on light and on dark ground.

use std::fmt::Write as _;

use crate::table::short;

const COLUMNS: usize = 2;
const PANEL_WIDTH: f64 = 430.0;
const NAME_WIDTH: f64 = 92.0;
const BAR_WIDTH: f64 = 250.0;
const BAR_STEP: f64 = 17.0;
const HEAD: f64 = 30.0;
const GAP: f64 = 14.0;

/// Bars that are compared with each other.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    /// What they measure.
    pub(crate) heading: String,
    /// A bar for each contender.
    pub(crate) bars: Vec<Bar>,
}

/// One contender's bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// Whose it is.
    pub(crate) who: &'static str,
    /// Which colour it has.
    pub(crate) side: Side,
    /// Its length.
    pub(crate) median: f64,
    /// Where its line begins.
    pub(crate) min: f64,
    /// Where its line ends.
    pub(crate) max: f64,
}

/// On which side a contender stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Ours.
    Ours,
    /// Somebody else's.
    Peer,
    /// Nobody's: what the machine does.
    Limit,
}

impl Side {
    fn class(self) -> &'static str {
        match self {
            Self::Ours => "annals",
            Self::Peer => "peer",
            Self::Limit => "limit",
        }
    }
}

/// Colours follow the reader's scheme also where the picture stands in an `img`.
pub(crate) const STYLE: &str = "text{font:11px ui-sans-serif,system-ui,sans-serif;fill:#1f2328}\
.h{font-weight:600;font-size:12px}.n{text-anchor:end}\
.annals{fill:#0969da}.peer{fill:#9a7fd1}.limit{fill:#c8ccd2}.s{stroke:#1f2328;stroke-width:1;opacity:.55}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.annals{fill:#4493f8}.peer{fill:#8a6fc8}\
.limit{fill:#4a525c}.s{stroke:#e6edf3}}";

/// All panels as one picture of `what`, whose violet bars are of `peers`.
pub(crate) fn draw(panels: &[Panel], what: &str, peers: &str) -> String {
    let legend = format!(
        "Bars are medians, lines the least and the most of the repetitions. \
         Blue: Annals. Violet: {peers}. Grey: limits, which promise less."
    );
    draw_with(panels, what, &legend)
}

/// All panels as one picture of `what`, with `legend` below.
pub(crate) fn draw_with(panels: &[Panel], what: &str, legend: &str) -> String {
    let (mut body, mut top) = (String::new(), GAP);
    for line in panels.chunks(COLUMNS) {
        for (column, panel) in line.iter().enumerate() {
            draw_panel(&mut body, panel, GAP + column as f64 * PANEL_WIDTH, top);
        }
        let tallest = line.iter().map(|panel| panel.bars.len()).max().unwrap_or_default();
        top += HEAD + tallest as f64 * BAR_STEP + GAP;
    }
    let (width, height) = (GAP * 2.0 + COLUMNS as f64 * PANEL_WIDTH, top);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {:.0}\" width=\"{width:.0}\" \
         role=\"img\" aria-label=\"{what}\">\n<style>{STYLE}</style>\n{body}\
         <text x=\"{GAP}\" y=\"{:.0}\">{legend}</text>\n</svg>\n",
        height + 24.0,
        height + 10.0,
    )
}

fn draw_panel(body: &mut String, panel: &Panel, left: f64, top: f64) {
    let most = panel.bars.iter().map(|bar| bar.max).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(body, "<text class=\"h\" x=\"{left}\" y=\"{:.0}\">{}</text>", top + 14.0, panel.heading);
    for (index, bar) in panel.bars.iter().enumerate() {
        let y = top + HEAD + index as f64 * BAR_STEP;
        let x = left + NAME_WIDTH;
        let at = |value: f64| x + value / most * BAR_WIDTH;
        let class = bar.side.class();
        let (middle, base) = (y + BAR_STEP / 2.0 - 1.5, y + BAR_STEP - 6.0);
        let _ = writeln!(
            body,
            "<text class=\"n\" x=\"{:.0}\" y=\"{base:.1}\">{}</text>\
             <rect class=\"{class}\" x=\"{x:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <line class=\"s\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{base:.1}\">{}</text>",
            x - 6.0,
            bar.who,
            at(bar.median) - x,
            BAR_STEP - 4.0,
            at(bar.min),
            at(bar.max),
            at(bar.max) + 6.0,
            short(bar.median),
        );
    }
}

#[cfg(test)]
mod tests;

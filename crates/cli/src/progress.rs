//! How far a long command has come: one line on stderr, if that is a terminal, and nothing otherwise.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);

/// The line, or none. It is gone when this is dropped.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
}

impl Progress {
    /// A line that counts bytes up to `total`; without a total it counts on.
    pub(crate) fn of_bytes(total: Option<u64>) -> Self {
        Self::new(
            total,
            "{bar:16} {bytes:>10} of {total_bytes}, {eta} left  {wide_msg}",
            "{spinner} {bytes:>10}  {wide_msg}",
        )
    }

    /// A line that counts anything else up to `total`.
    pub(crate) fn of_steps(total: Option<u64>) -> Self {
        Self::new(total, "{bar:16} {percent:>3} %, {eta} left  {wide_msg}", "{spinner} {wide_msg}")
    }

    /// A line that shows what part is done of a total that comes with each update. How much longer it takes is for
    /// its message to say.
    pub(crate) fn of_parts() -> Self {
        Self::new(Some(1), "{bar:16} {percent:>3} %  {wide_msg}", "{spinner} {wide_msg}")
    }

    fn new(total: Option<u64>, known: &str, unknown: &str) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if dumb || !io::stderr().is_terminal() {
            return Self { bar: None, shown: None };
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        // A template that does not parse is a bug that the tests find; the default serves as well.
        if let Ok(style) = ProgressStyle::with_template(if total.is_some() { known } else { unknown }) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar: Some(bar), shown: None }
    }

    /// Moves the line on. `message` is asked only when the line is to change.
    pub(crate) fn update(&mut self, done: u64, total: Option<u64>, message: impl FnOnce() -> String) {
        let Some(bar) = &self.bar else { return };
        if self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_message(message());
        bar.set_position(done);
        self.shown = Some(Instant::now());
    }

    /// Says something on stderr without tearing the line apart.
    pub(crate) fn say(&self, talk: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(talk)),
            None => output::say(talk),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for template in [
            "{bar:16} {bytes:>10} of {total_bytes}, {eta} left  {wide_msg}",
            "{spinner} {bytes:>10}  {wide_msg}",
            "{bar:16} {percent:>3} %, {eta} left  {wide_msg}",
            "{bar:16} {percent:>3} %  {wide_msg}",
            "{spinner} {wide_msg}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}

//! Where answers go: data to stdout, talk to stderr.
//!
//!   command -> Output -> stdout       records, reports
//!                     -> stderr       as-of, rejected lines, errors
//!
//! O1: nothing but answers is written to stdout, and nothing is lost in silence but what the reader no longer wants.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use serde::Serialize;

use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::paint::Paint;

/// Both streams of a run, and how they are to be written.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    /// Whether everything is JSON: one object a line for lists, one object for reports.
    pub(crate) json: bool,
    /// The colours of stdout.
    pub(crate) paint: Paint,
}

impl Output {
    /// The streams of this process.
    pub(crate) fn new(json: bool) -> Self {
        let stdout = io::stdout().lock();
        let paint = Paint::new(!json && stdout.is_terminal() && colours_wanted());
        Self { stdout: BufWriter::with_capacity(64 << 10, stdout), json, paint }
    }

    /// Writes one line of an answer.
    pub(crate) fn line(&mut self, line: impl Display) -> Result<(), Failure> {
        writeln!(self.stdout, "{line}").map_err(|error| Failure::output(&error))
    }

    /// Hands over what was written, for readers who wait for it.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|error| Failure::output(&error))
    }

    /// Writes one line of an answer as JSON.
    pub(crate) fn object(&mut self, object: &impl Serialize) -> Result<(), Failure> {
        self.line(json(object))
    }
}

/// Something of ours as JSON.
pub(crate) fn json(object: &impl Serialize) -> String {
    // Structs with named fields, numbers and texts have a form in JSON.
    serde_json::to_string(object).unwrap_or_else(|_| "null".to_owned())
}

/// Writes one line to stderr. If nobody hears it, nothing can be done about it.
pub(crate) fn say(talk: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{talk}");
}

/// The colours of stderr.
pub(crate) fn stderr_paint(json: bool) -> Paint {
    Paint::new(!json && io::stderr().is_terminal() && colours_wanted())
}

/// Writes why a run did not end well.
pub(crate) fn report(failure: &Failure, json: bool) {
    if failure.code == Code::OutputClosed {
        return;
    }
    if json {
        return say(failure.to_json());
    }
    let paint = stderr_paint(json);
    say(format_args!("{} {}", paint.red("error:"), Shown(&failure.message)));
    for candidate in &failure.candidates {
        say(format_args!("  {candidate}"));
    }
    if let Some(help) = &failure.help {
        say(format_args!("{} {}", paint.bold("help:"), Shown(help)));
    }
}

/// Says that something is wrong which does not keep the command from doing its job.
pub(crate) fn warn(failure: &Failure, json: bool) {
    if json {
        let warning = failure.to_json().replacen("error", "warning", 1);
        return say(warning);
    }
    say(format_args!("{} {}", stderr_paint(json).bold("warning:"), Shown(&failure.message)));
}

/// Whether the environment wants colours: `NO_COLOR` set to anything, or a terminal that cannot, and there are none.
fn colours_wanted() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !no_color && !dumb
}

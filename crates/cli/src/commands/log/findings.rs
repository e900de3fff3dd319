//! What is the matter with a journal: place, cause, what an open does about it, and what to do next.

use annals::Damage;
use annals::journal::repair::{Finding, Remedy, Trouble};
use serde::Serialize;

use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::output::Output;

/// One thing that is the matter, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct Matter {
    /// `unclean`, `torn-tail`, `damage` and so on.
    what: &'static str,
    offset: u64,
    len: u64,
    file: Option<String>,
    detail: String,
    /// What an open for writing does about it.
    on_open: &'static str,
    /// `repair`, which every open does too, `salvage`, or null: nothing needs to be done.
    remedy: Option<&'static str>,
}

/// How a journal is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As an orderly close leaves it.
    Sound,
    /// An open puts it in order, and loses nothing that was acknowledged.
    Unclean,
    /// Something that was durable does not verify.
    Damaged,
}

impl From<&Finding> for Matter {
    fn from(finding: &Finding) -> Self {
        Self {
            what: finding.what.name(),
            offset: finding.offset.get(),
            len: finding.len,
            file: Some(finding.path.display().to_string()),
            detail: finding.detail.clone(),
            on_open: finding.what.on_open(),
            remedy: Some(match finding.what.remedy() {
                Remedy::Salvage => "salvage",
                _ => "repair",
            }),
        }
    }
}

impl From<&Damage> for Matter {
    /// A field that contradicts the others, where every record is served.
    fn from(damage: &Damage) -> Self {
        Self {
            what: "contradiction",
            offset: damage.offset.get(),
            len: damage.len,
            file: None,
            detail: damage.detail.clone(),
            on_open: "serves every record, and takes appends",
            remedy: None,
        }
    }
}

impl Matter {
    fn state(&self) -> State {
        let lost = [Trouble::LostWatermark.name(), "contradiction"].contains(&self.what);
        if lost || self.remedy == Some("salvage") { State::Damaged } else { State::Unclean }
    }

    fn show(&self, output: &mut Output) -> Result<(), Failure> {
        let Self { what, offset, len, file, detail, on_open, .. } = self;
        let what = match self.state() {
            State::Damaged => output.paint.red(what).to_string(),
            _ => output.paint.bold(what).to_string(),
        };
        output.line(format_args!("  {what}  offset {offset}, {len} bytes: {}", Shown(detail)))?;
        if let Some(file) = file {
            output.line(format_args!("    in       {}", Shown(file)))?;
        }
        output.line(format_args!("    an open  {on_open}"))
    }
}

/// How a journal is with which these things are the matter.
pub(super) fn state(matters: &[Matter]) -> State {
    let worse = |state, matter: &Matter| if state == State::Damaged { state } else { matter.state() };
    matters.iter().fold(State::Sound, worse)
}

/// What to do about them.
pub(super) fn next(matters: &[Matter]) -> &'static str {
    let asks_for = |remedy| matters.iter().any(|matter| matter.remedy == Some(remedy));
    if asks_for("salvage") {
        return "put a good copy of the damaged files back; without one, `annals log salvage` shows what can be made whole and what is lost";
    }
    if asks_for("repair") {
        return "nothing: the next open for writing does this by itself, and `annals log repair --apply` does it now";
    }
    match matters.is_empty() {
        true => "nothing",
        false => "nothing is lost: copy the journal, and look into the segment with `annals log dump`",
    }
}

/// The state and what is the matter, for people.
pub(super) fn show(matters: &[Matter], output: &mut Output) -> Result<(), Failure> {
    for matter in matters {
        matter.show(output)?;
    }
    Ok(())
}

/// The word for a state, painted.
pub(super) fn word(state: State, output: &Output) -> String {
    match state {
        State::Sound => output.paint.green("sound").to_string(),
        State::Unclean => output.paint.bold("not closed in order").to_string(),
        State::Damaged => output.paint.red("damaged").to_string(),
    }
}

/// How a look ends: with damage, the exit code is 4.
pub(super) fn verdict(matters: &[Matter]) -> Result<(), Failure> {
    match matters.iter().find(|matter| matter.state() == State::Damaged) {
        None => Ok(()),
        Some(Matter { what, offset, detail, file, .. }) => {
            let file = file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
            let message = format!("the journal is damaged: {what} at offset {offset}: {detail}{file}");
            Err(Failure::new(Code::Damaged, message).with_help(next(matters)))
        }
    }
}

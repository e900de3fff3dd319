//! The journal that is meant, opened to be read or to be written to.

use std::path::PathBuf;

use annals::journal::{Error, Journal, Reader};

use crate::commands::{Context, opening};
use crate::exit::{Code, Failure};
use crate::output;

/// The journal's directory.
///
/// # Errors
/// Exit codes 10 and 12.
pub(super) fn dir(context: &Context) -> Result<PathBuf, Failure> {
    Ok(annals::journal_dir(context.place.path())?)
}

/// The journal, to be read beside whoever writes it.
///
/// # Errors
/// Exit codes 4, 10 and 12.
pub(super) fn reader(context: &Context) -> Result<Reader, Failure> {
    let reader = Reader::inspect(dir(context)?)?;
    if reader.presumes() {
        let lost = Failure::new(
            Code::Damaged,
            "the watermark is lost, so it is not known how much of the newest segment is durable; it is read to its end",
        );
        output::warn(&lost, context.output.json);
    }
    Ok(reader)
}

/// The journal, to be written to by this process alone. One that is not there is not made.
///
/// # Errors
/// Exit codes 4 and 10 to 14.
pub(super) fn journal(context: &Context) -> Result<Journal, Failure> {
    let dir = dir(context)?;
    Reader::inspect(&dir)?;
    let journal = Journal::open(&dir).map_err(|error| refused(context, error))?;
    opening::tell(journal.report(), context.output.json);
    Ok(journal)
}

/// Why the journal cannot be written to; who has it is named.
pub(super) fn refused(context: &Context, error: Error) -> Failure {
    let Error::Locked { holder, .. } = error else { return error.into() };
    let path = context.place.path().display();
    let help = "wait for it to finish, or ask that process; `info`, `segments`, `dump`, `verify`, `plan` and `receipts` work beside it";
    Failure::new(Code::Locked, format!("{path} is in use by {holder}")).with_help(help)
}

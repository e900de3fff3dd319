//! How a run ends: a number for scripts, a sentence for people.
//!
//!   error of the library -> Failure { code, message, help } -> stderr, exit code
//!
//! X1: a run that ends with another code than 0 says why on stderr, in one line or in one object of JSON.
//! X2: what an error of the library means for the exit code is told here and nowhere else, by its variant, never by its
//!     text.

use std::io;

use annals::Refusal;
use serde::Serialize;

use crate::output;

mod library;

/// What a run ends with. docs/cli.md lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Whoever read the output has gone: nothing more is wanted, and nothing is wrong.
    OutputClosed,
    /// Something failed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// Some lines were rejected; the rest went through.
    Rejected,
    /// Damage was found, or two things that should be the same are not.
    Damaged,
    /// No such record, or several.
    NotFound,
    /// There is no data of Annals.
    NoData,
    /// Another process has it.
    Locked,
    /// A newer version wrote it.
    NewerFormat,
    /// The store is not the one that belongs to this log.
    OtherLog,
    /// The disk is full.
    Full,
    /// The store is paused, and what was asked for needs it to go on.
    Paused,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl Code {
    /// The exit code.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Rejected => 3,
            Self::Damaged => 4,
            Self::NotFound => 5,
            Self::NoData => 10,
            Self::Locked => 11,
            Self::NewerFormat => 12,
            Self::OtherLog => 13,
            Self::Full => 14,
            Self::Paused => 15,
            Self::Interrupted => 130,
        }
    }

    /// The name it has in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OutputClosed => "output_closed",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Rejected => "rejected",
            Self::Damaged => "damaged",
            Self::NotFound => "not_found",
            Self::NoData => "no_data",
            Self::Locked => "locked",
            Self::NewerFormat => "newer_format",
            Self::OtherLog => "other_log",
            Self::Full => "disk_full",
            Self::Paused => "paused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a run did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What to exit with.
    pub(crate) code: Code,
    /// What happened and where, in one sentence.
    pub(crate) message: String,
    /// What to do about it, if the message does not say it.
    pub(crate) help: Option<String>,
    /// The ids of the records that were meant, if several could be.
    pub(crate) candidates: Vec<String>,
    /// Why the store was refused, if it was, for machines.
    pub(crate) refusal: Option<Refusal>,
}

impl Failure {
    /// A failure without further help.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None, candidates: Vec::new(), refusal: None }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The same failure, with what to do about it.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// A failure of the output, which is not ours to mend.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Code::OutputClosed, "the output was closed");
        }
        Self::new(Code::of_io(error), format!("cannot write the output: {error}"))
    }

    /// A failure of a file that the user named.
    pub(crate) fn file(op: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(Code::of_io(error), format!("cannot {op} {}: {error}", path.display()))
    }

    /// As one object of JSON.
    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Error<'a> {
            code: u8,
            name: &'static str,
            message: &'a str,
            help: Option<&'a str>,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            candidates: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            refusal: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            repairs: Option<Vec<&'static str>>,
        }
        let error = Error {
            code: self.code.number(),
            name: self.code.name(),
            message: &self.message,
            help: self.help.as_deref(),
            candidates: &self.candidates,
            refusal: self.refusal.map(|refusal| refusal.name),
            repairs: self.refusal.map(|refusal| refusal.repairs.iter().map(|repair| repair.name()).collect()),
        };
        format!("{{\"error\":{}}}", output::json(&error))
    }
}

impl Code {
    /// What a failure of the operating system comes to.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests;

//! Which data directory, and who said so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::exit::{Code, Failure};

/// The environment variable that names the data directory.
pub(crate) const VARIABLE: &str = "ANNALS_DATA";

/// A data directory, and where its name came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The directory.
    pub(crate) path: PathBuf,
    /// Who named it: `--data`, `ANNALS_DATA`, `--into`, or `DIR` behind a subcommand of `log`.
    pub(crate) from: &'static str,
}

impl Place {
    /// The directory that the command line names, or else the environment. It is never guessed.
    ///
    /// # Errors
    /// A usage error if neither does.
    pub(crate) fn of(flag: Option<PathBuf>, variable: Option<OsString>) -> Result<Self, Failure> {
        if let Some(path) = flag {
            return if path.as_os_str().is_empty() {
                Err(Failure::usage("--data names no directory"))
            } else {
                Ok(Self { path, from: "--data" })
            };
        }
        // A variable that is set to nothing is how a script takes it back.
        match variable.filter(|variable| !variable.is_empty()) {
            Some(variable) => Ok(Self { path: variable.into(), from: VARIABLE }),
            None => Err(Failure::usage("no data directory is given")
                .with_help(format!("say --data DIR, or set the environment variable {VARIABLE}"))),
        }
    }

    /// As [`Place::of`], for a subcommand that may name the directory itself.
    ///
    /// # Errors
    /// A usage error if nobody does, or two do.
    pub(crate) fn of_argument(
        argument: Option<PathBuf>,
        flag: Option<PathBuf>,
        variable: Option<OsString>,
    ) -> Result<Self, Failure> {
        match (argument, flag) {
            (Some(_), Some(_)) => {
                Err(Failure::usage("DIR and --data both name a directory").with_help("give one of them"))
            }
            (Some(path), None) if path.as_os_str().is_empty() => {
                Err(Failure::usage("DIR names no directory"))
            }
            (Some(path), None) => Ok(Self { path, from: "DIR" }),
            (None, flag) => Self::of(flag, variable).map_err(|failure| match failure.code {
                Code::Usage if failure.help.is_some() => failure.with_help(format!(
                    "name it last, say --data DIR, or set the environment variable {VARIABLE}"
                )),
                _ => failure,
            }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flag: Option<&str>, variable: Option<&str>, expected: Option<(&str, &'static str)>) {
        let found = Place::of(flag.map(PathBuf::from), variable.map(OsString::from)).ok();
        assert_eq!(found, expected.map(|(path, from)| Place { path: path.into(), from }));
    }

    #[test]
    fn the_flag_goes_before_the_variable_and_nothing_is_guessed() {
        check(Some("a"), Some("b"), Some(("a", "--data")));
        check(None, Some("b"), Some(("b", "ANNALS_DATA")));
        check(None, Some(""), None);
        check(Some(""), Some("b"), None);
        check(None, None, None);
    }
}

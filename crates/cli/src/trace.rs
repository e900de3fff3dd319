//! What the libraries report of their work, for those who ask: `ANNALS_LOG=info`, or a filter by module.

use std::io;

use tracing_subscriber::EnvFilter;

use crate::exit::Failure;
use crate::output;

/// The environment variable that asks for it.
pub(crate) const VARIABLE: &str = "ANNALS_LOG";

/// Sends what the variable asks for to stderr; without the variable, nothing.
///
/// # Errors
/// A usage error if the variable is no filter.
pub(crate) fn install() -> Result<(), Failure> {
    let Some(filter) = std::env::var_os(VARIABLE).filter(|filter| !filter.is_empty()) else {
        return Ok(());
    };
    let filter = filter.to_string_lossy();
    let filter = EnvFilter::builder().parse(&filter).map_err(|error| {
        Failure::usage(format!("{VARIABLE} is {filter:?}, which is no filter: {error}"))
            .with_help(format!("for example {VARIABLE}=info, or {VARIABLE}=annals_journal=debug"))
    })?;
    let colours = output::stderr_paint(false).is_on();
    // A subscriber that is there already is somebody's wish as well.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .try_init();
    Ok(())
}

//! What the data lie on, and what is to be minded about it.

use std::path::Path;
use std::time::Duration;

use annals::journal::disk::{Medium, sync_concern, sync_time};

use crate::exit::Failure;

/// What the data lie on.
pub(super) struct Ground {
    /// The file system; none if the system does not say.
    pub(super) file_system: Option<String>,
    /// How long a sync takes, if that was to be found out.
    pub(super) sync: Option<Duration>,
    pub(super) concerns: Vec<&'static str>,
}

impl Ground {
    /// Looks; if `probe`, syncs a file without a name there, too.
    pub(super) fn of(data: &Path, probe: bool) -> Result<Self, Failure> {
        let medium = Medium::of(data).ok();
        let failed = |error| Failure::file("time a sync in", data, &error);
        let sync = if probe { Some(sync_time(data).map_err(failed)?) } else { None };
        let concerns =
            medium.iter().filter_map(|medium| medium.concern).chain(sync.and_then(sync_concern)).collect();
        Ok(Self { file_system: medium.map(|medium| medium.file_system), sync, concerns })
    }
}

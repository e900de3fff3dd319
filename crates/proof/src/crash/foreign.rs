//! A cursor of another log, in the place of one of this log's.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use annals_journal::{Disk, Error, Journal, Options};
use annals_record::{CursorRefusal, Offset};
use annals_testkit::SimDisk;

use super::life::{DIR, open};
use super::promise::hold;

const NAME: &str = "foreign";

/// C3: it is refused as another log's, and stays as it is.
pub(super) fn refused(journal: &Journal, image: &SimDisk) -> Result<(), String> {
    static FOREIGN: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let foreign = FOREIGN.get_or_init(|| made().map_err(|error| format!("a cursor of another log: {error}")));
    let foreign = foreign.as_ref().map_err(String::clone)?;
    let path = path();
    let failed = |error: std::io::Error| format!("a cursor of another log: {error}");
    path.parent().map_or(Ok(()), |dir| image.create_dir(dir)).map_err(failed)?;
    image.write_file(&path, foreign).map_err(failed)?;
    let answer = journal.cursor(NAME);
    let is_refused = matches!(&answer, Err(Error::Cursor { refusal: CursorRefusal::ForeignLog { .. }, .. }));
    hold!(is_refused, "C3: a cursor of another log: {:?}", answer.map(|cursor| cursor.position()));
    hold!(image.read_file(&path).map_err(failed)? == *foreign, "C3: a cursor that was refused has changed");
    image.remove_file(&path).map_err(failed)
}

fn made() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let disk = SimDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal = open(&shared, Options::default())?;
    journal.append("another log's")?;
    drop(journal.cursor_at(NAME, Offset::ZERO)?);
    Ok(disk.read_file(path())?)
}

fn path() -> std::path::PathBuf {
    Path::new(DIR).join("cursors").join(format!("{NAME}.cursor"))
}

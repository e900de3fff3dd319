//! Other stores, each used as its own documentation would have it: see `docs/performance.md` for what each promises.

mod fjall;
mod lmdb;
mod redb;
mod sqlite;

use super::contender::Contender;
use super::work::Work;

/// What each may keep in memory of what it has read or not yet written, where it lets one say so.
pub(crate) const CACHE_BYTES: usize = 1 << 30;

/// All but RocksDB.
pub(crate) fn all() -> Vec<&'static dyn Contender> {
    vec![&lmdb::Lmdb, &sqlite::Sqlite, &fjall::Fjall, &redb::Redb]
}

/// All but a rebuild and an answer to what was just appended, which are the pipeline's.
pub(crate) fn takes(work: Work) -> bool {
    !matches!(work, Work::Rebuild | Work::Visible)
}

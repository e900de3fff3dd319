//! What goes when a store is opened, freed on the side: to free a table of 64 MiB takes the file system ten milliseconds.
//!
//!   open -> each table linked into bulk.gone -> fjall takes those away that a crash has left: their names, and no bytes
//!        -> the thread that folds: bulk.gone goes, and with it what nobody else names
//!
//! Nothing is lost by a link, and nothing by one that is missing: then it takes as long as it takes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bulk::GONE_DIR;
use crate::directory::CONTENT_DIR;
use crate::plain;

/// What is held aside until it is dropped: by the thread that folds, or at once where the store is refused.
pub(crate) struct Aside {
    store: PathBuf,
}

impl Aside {
    /// Links every table of a store to where it may be taken away later.
    pub(crate) fn hold(store: &Path) -> Self {
        let gone = store.join(GONE_DIR);
        let keyspaces = fs::read_dir(store.join(CONTENT_DIR).join("keyspaces"));
        for keyspace in keyspaces.into_iter().flatten().flatten() {
            let tables = fs::read_dir(keyspace.path().join("tables"));
            for table in tables.into_iter().flatten().flatten() {
                let name = format!("{}-{}", keyspace.file_name().display(), table.file_name().display());
                // On a file system without links, or where one of an earlier open is left, it is freed at once.
                let _ = plain::create_directory(&gone)
                    .and_then(|()| fs::hard_link(table.path(), gone.join(name)));
            }
        }
        Self { store: store.to_owned() }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Err(error) = crate::bulk::clear_gone(&self.store) {
            // It takes room and does no harm; the next open tries again.
            tracing::warn!(%error, "what was taken away cannot be freed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HybridStore;
    use crate::scene::{Scene, assertion};

    #[test]
    fn a_table_that_an_open_takes_away_is_freed_and_one_that_is_needed_stays() {
        let scene = Scene::new((0..20).map(|n| assertion("a", n)));
        let store = scene.filled();
        store.fold().unwrap();
        store.close().unwrap();
        let path = scene.dir.path().join("store");
        let tables = path.join(CONTENT_DIR).join("keyspaces/1/tables");
        let there = || fs::read_dir(&tables).unwrap().count();
        let before = there();
        // What a crash leaves behind: a table that no version names.
        fs::write(tables.join("77"), b"nobody's").unwrap();
        std::mem::forget(Aside::hold(&path));
        assert!(path.join(GONE_DIR).join("1-77").exists(), "it is held aside");
        let store = HybridStore::open(&path).unwrap();
        assert!(store.snapshot().unwrap().walk(&mut |_, _| {}).unwrap().is_sound());
        store.close().unwrap();
        assert_eq!((there(), path.join(GONE_DIR).exists()), (before, false));
    }
}

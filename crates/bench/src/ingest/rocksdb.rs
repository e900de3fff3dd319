//! RocksDB: one column family, a write batch for each batch; with its log, synced when it is due, and without.
//!
//! Without its log nothing is durable before a flush, so it takes no part where syncs or a kill come in between.

use std::path::Path;

use annals_record::RecordId;
use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, FlushOptions, Options, ReadOptions,
    SnapshotWithThreadMode, WriteBatch, WriteOptions,
};

use super::contender::{Answers, Contender, Store};
use super::keyed::{CURSOR, Filled, Keyed, Puts, cursor, subject};
use super::keys;
use super::work::Work;
use crate::outcome::Outcome;

/// Through the `rocksdb` crate.
pub(crate) struct RocksDb {
    wal: bool,
}

const CACHE_BYTES: usize = 1 << 30;
/// Bits of a Bloom filter for each key, as its documentation recommends.
const FILTER_BITS: f64 = 10.0;

/// With its log and without.
pub(crate) fn both() -> [&'static dyn Contender; 2] {
    [&RocksDb { wal: true }, &RocksDb { wal: false }]
}

impl Contender for RocksDb {
    fn name(&self) -> &'static str {
        if self.wal { "rocksdb" } else { "rocksdb-nowal" }
    }

    fn takes(&self, work: Work) -> bool {
        match work {
            Work::Rebuild | Work::Visible => false,
            Work::Ingest | Work::BytesWritten | Work::BytesDisk => true,
            _ => self.wal,
        }
    }

    fn promise(&self) -> &'static str {
        if self.wal { "checksums of blocks" } else { "checksums of blocks; a kill costs what is not flushed" }
    }

    fn open(&self, dir: &Path) -> Outcome<Box<dyn Store>> {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&Cache::new_lru_cache(CACHE_BYTES)?);
        blocks.set_bloom_filter(FILTER_BITS, false);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        options.increase_parallelism(std::thread::available_parallelism()?.get() as i32);
        let store = Lsm { database: DB::open(&options, dir)?, wal: self.wal };
        store.cursor()?;
        Ok(Box::new(Filled(store)))
    }
}

struct Lsm {
    database: DB,
    wal: bool,
}

impl Keyed for Lsm {
    fn cursor(&self) -> Outcome<Option<u64>> {
        self.database.get_pinned(CURSOR)?.map(|bytes| cursor(&bytes)).transpose()
    }

    fn write(&mut self, puts: &Puts<'_>, cursor: u64) -> Outcome<()> {
        let (mut batch, mut options) = (WriteBatch::default(), WriteOptions::default());
        for (key, value) in puts.iter() {
            batch.put(key, value);
        }
        batch.put(CURSOR, cursor.to_le_bytes());
        options.disable_wal(!self.wal);
        Ok(self.database.write_opt(batch, &options)?)
    }

    fn sync(&mut self) -> Outcome<()> {
        if self.wal {
            return Ok(self.database.flush_wal(true)?);
        }
        let mut options = FlushOptions::default();
        options.set_wait(true);
        Ok(self.database.flush_opt(&options)?)
    }

    fn answers(&self) -> Outcome<Box<dyn Answers + '_>> {
        Ok(Box::new(Asked { snapshot: self.database.snapshot(), key: Vec::new() }))
    }

    fn close(self) -> Outcome<()> {
        Ok(())
    }
}

struct Asked<'d> {
    snapshot: SnapshotWithThreadMode<'d, DB>,
    key: Vec<u8>,
}

impl Answers for Asked<'_> {
    fn get(&mut self, id: &RecordId) -> Outcome<bool> {
        self.key.clear();
        keys::assertion(&mut self.key, id);
        let found = self.snapshot.get_pinned(&self.key)?;
        Ok(found.is_some_and(|value| !std::hint::black_box(&value).is_empty()))
    }

    fn list(&mut self, of: &str) -> Outcome<usize> {
        self.key.clear();
        subject(&mut self.key, of);
        let mut end = self.key.clone();
        // The zero byte that ends the subject.
        if let Some(last) = end.last_mut() {
            *last = 1;
        }
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(end);
        let mut entries = self.snapshot.raw_iterator_opt(options);
        entries.seek(&self.key);
        let mut count = 0;
        while let Some(key) = entries.key() {
            std::hint::black_box(key.last());
            count += 1;
            entries.next();
        }
        entries.status()?;
        Ok(count)
    }
}

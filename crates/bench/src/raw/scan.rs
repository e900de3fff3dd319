//! Reading a file: a mebibyte a call, CRC32C of each record's bytes, nothing else.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Mutex;

use crate::contender::{Contender, Hand, Log, Promise, Room, Scanned, Tally};
use crate::outcome::{Outcome, unable};
use crate::work::Work;

const WINDOW_BYTES: usize = 1 << 20;
const RECORD_BYTES: usize = 1024;

/// `pread` and CRC32C.
pub(crate) struct RawScan;

impl Contender for RawScan {
    fn name(&self) -> &'static str {
        "raw-scan"
    }

    fn promise(&self, _work: Work) -> Promise {
        Promise { checksums: true, ..Promise::BARE }
    }

    fn takes(&self, work: Work, _threads: usize) -> bool {
        work == Work::Replay
    }

    fn open(&self, dir: &Path, _room: Room) -> Outcome<Box<dyn Log>> {
        Ok(Box::new(Plain(Mutex::new(File::create(dir.join("raw"))?))))
    }

    fn scan(&self, _work: Work, dir: &Path, bytes: u64) -> Outcome<Scanned> {
        let file = File::open(dir.join("raw"))?;
        let mut window = vec![0; WINDOW_BYTES];
        let mut tally = Tally::start();
        let mut at = 0;
        while at < bytes {
            let n = file.read_at(&mut window, at)?;
            if n == 0 {
                break;
            }
            for record in window[..n].chunks_exact(RECORD_BYTES) {
                std::hint::black_box(crc32c::crc32c(record));
                tally.see(record);
            }
            at += n as u64;
        }
        Ok(tally.end())
    }
}

struct Plain(Mutex<File>);

impl Log for Plain {
    fn hand(&self, _thread: usize) -> Outcome<Box<dyn Hand + '_>> {
        Ok(Box::new(PlainHand(&self.0)))
    }
}

struct PlainHand<'a>(&'a Mutex<File>);

impl Hand for PlainHand<'_> {
    fn append(&mut self, payload: &[u8]) -> Outcome<()> {
        self.append_batch(&[payload])
    }

    fn append_batch(&mut self, payloads: &[&[u8]]) -> Outcome<()> {
        let Ok(mut file) = self.0.lock() else { return unable("raw-scan", "durable") };
        Ok(file.write_all(&payloads.concat())?)
    }
}

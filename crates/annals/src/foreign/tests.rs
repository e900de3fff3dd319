//! Foreign stores, written here from the description of their formats alone, whole, cut at every byte and flipped at every
//! byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::*;

mod entries;
mod facts;
mod packed;
mod packets;
mod records;
mod refusals;
mod sessions;

/// What a reading found.
struct Whole<T> {
    items: Vec<Placed<T>>,
    losses: Vec<Loss>,
    receipt: Receipt,
}

/// Reads everything, and holds the receipt against it.
fn read<T>(mut reading: impl Foreign<Taken = T>) -> Whole<T> {
    let (mut items, mut losses) = (Vec::new(), Vec::new());
    for found in reading.by_ref() {
        match found {
            Found::Item(item) => items.push(item),
            Found::Lost(loss) => losses.push(loss),
        }
    }
    let receipt = reading.receipt().clone();
    assert_eq!(receipt.bytes, receipt.kept_bytes + receipt.lost_bytes, "FO2");
    assert_eq!(receipt.bytes, reading.total_bytes(), "FO2: every byte of every file");
    assert_eq!(receipt.lost_bytes, losses.iter().map(|loss| loss.bytes).sum::<u64>(), "FO2");
    assert_eq!((receipt.items, receipt.losses), (items.len() as u64, losses.len() as u64));
    assert!(losses.iter().all(|loss| !loss.reason.is_empty()));
    Whole { items, losses, receipt }
}

/// A store of one file that can be damaged.
struct Store {
    room: tempfile::TempDir,
    file: PathBuf,
    whole: Vec<u8>,
}

impl Store {
    fn of(file: &str, bytes: Vec<u8>) -> Self {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let store = Self { room, file: path, whole: bytes };
        store.write(&store.whole);
        store
    }

    fn path(&self) -> &Path {
        self.room.path()
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(&self.file, bytes).unwrap();
    }

    /// Cuts it at every byte: what was whole before the cut is there, and the rest is told. `header` bytes are no loss.
    fn cut_everywhere<T, I>(&self, header: u64, open: impl Fn(&Path) -> I)
    where
        T: PartialEq + std::fmt::Debug,
        I: Foreign<Taken = T>,
    {
        let all = read(open(self.path()));
        assert_eq!(all.losses, []);
        let mut torn = 0;
        for len in 0..self.whole.len() {
            self.write(&self.whole[..len]);
            let cut = read(open(self.path()));
            let len = len as u64;
            let before = |item: &&Placed<T>| item.place.offset + item.place.bytes <= len;
            let expected: Vec<&Placed<T>> = all.items.iter().filter(before).collect();
            assert_eq!(cut.items.iter().collect::<Vec<_>>(), expected, "cut at {len}");
            let end = expected.last().map_or(0, |last| last.place.offset + last.place.bytes);
            if end.max(header) < len {
                assert!(cut.receipt.lost_bytes > 0, "cut at {len}: {:?}", cut.receipt);
                torn += 1;
            }
        }
        assert!(torn > 50);
        self.write(&self.whole);
    }

    /// Flips bits of every byte: no item is another one than before but where `open_to` allows it, none is missing but
    /// those that `costs` allows, by frame, and what is missing is told.
    fn flip_everywhere<T, I>(
        &self,
        open: impl Fn(&Path) -> I,
        open_to: impl Fn(u64) -> bool,
        costs: impl Fn(&Place, u64) -> bool,
    ) where
        T: PartialEq + std::fmt::Debug,
        I: Foreign<Taken = T>,
    {
        let all = read(open(self.path()));
        let mut missed = 0;
        for at in 0..self.whole.len() {
            // A bit of each byte, and all of every third.
            for mask in [1 << (at % 8), 0xff].into_iter().take(1 + usize::from(at % 3 == 0)) {
                let mut bytes = self.whole.clone();
                bytes[at] ^= mask;
                self.write(&bytes);
                let at = at as u64;
                let flipped = read(open(self.path()));
                let mut rest = flipped.items.iter().peekable();
                for item in &all.items {
                    if rest.next_if(|found| found.item == item.item).is_some() {
                        continue;
                    }
                    if open_to(at) && rest.next_if(|found| found.place == item.place).is_some() {
                        continue;
                    }
                    assert!(costs(&item.place, at), "byte {at} ^ {mask:#x} cost {:?}", item.place);
                    assert!(!flipped.losses.is_empty(), "byte {at} ^ {mask:#x}: a loss that is not told");
                    missed += 1;
                }
                assert_eq!(rest.next(), None, "byte {at} ^ {mask:#x}: an item that never was");
            }
        }
        assert!(missed > 100);
        self.write(&self.whole);
    }
}

fn taken(appended: u64, duplicates: u64) -> Taken {
    Taken { appended, duplicates, refused: 0 }
}

/// A damaged byte costs the frame that it lies in.
fn its_frame(place: &Place, at: u64) -> bool {
    place.offset <= at && at < place.offset + place.bytes
}

/// Each file with its bytes and its times.
fn standing(dir: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let bytes = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        found.push((path.clone(), bytes, metadata.modified().unwrap()));
        if metadata.is_dir() {
            found.extend(standing(&path));
        }
    }
    found.sort();
    found
}

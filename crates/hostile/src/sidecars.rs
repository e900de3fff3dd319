//! What stands beside the segments: watermark, cursors, the records of purges, holes and backups, receipts, a manifest.
//!
//!   first byte: which file, and whether its checksum is made to hold -> one file in a directory -> its reader
//!
//! HS1: any bytes are read or refused, and what was read is the same once it was written again.
//! HS2: no name in a document leads out of its directory.

use std::path::Path;

use annals_journal::{LogId, bare, quarantine};
use annals_testkit::SimDisk;
use fastrand::Rng;

use crate::forge;

const DIR: &str = "/journal";
const LOG: LogId = LogId::from_bytes([0x5a; 16]);
const MEND: u8 = 0x80;

/// The files, in the order of the first byte.
const FILES: [&str; 8] = [
    "watermark",
    "cursors/a.cursor",
    ".purged.json",
    ".holes.json",
    ".backups.json",
    "manifest.json",
    "quarantine/0000000000000000-2-3.torn.quarantine.json",
    "quarantine/0000000000000000-2-3.lost.quarantine.json",
];

/// Throws these bytes at the reader of one file.
pub fn run(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let which = usize::from(mode & 7);
    let contents = if mode & MEND != 0 { mended(which, rest) } else { rest.to_vec() };
    let (disk, dir, path) = (SimDisk::new(), Path::new(DIR), Path::new(DIR).join(FILES[which]));
    for made in [Some(dir), path.parent()].into_iter().flatten() {
        let _ = annals_journal::Disk::create_dir(&disk, made);
    }
    assert!(disk.write_file(&path, &contents).is_ok(), "the file is there");
    match which {
        0 => drop(bare::watermark(&disk, dir)),
        1 => drop(bare::cursors(&disk, dir)),
        2 => again(bare::purged(&disk, dir)),
        3 => again(bare::holes(&disk, dir, LOG)),
        4 => drop(bare::backups(&disk, dir, LOG)),
        5 => manifest(&disk, dir),
        _ => drop(quarantine::receipts(&disk, dir)),
    }
}

fn again(read: Result<Option<[String; 2]>, annals_journal::Error>) {
    match read {
        Ok(Some([first, second])) => assert_eq!(first, second, "HS1"),
        Ok(None) => {}
        Err(error) => unreachable!("HS1: what was written is not read: {error}"),
    }
}

fn manifest(disk: &SimDisk, dir: &Path) {
    if let Ok(manifest) = annals_journal::backup::describe_on(disk, dir) {
        for file in manifest.files() {
            assert!(!file.name.contains("..") || file.name.matches('/').count() == 1, "HS2: {}", file.name);
            assert!(!file.name.starts_with('/') && !file.name.ends_with("/.."), "HS2: {}", file.name);
        }
        for document in &manifest.documents {
            assert!(!document.place.starts_with('/') && !document.place.ends_with("/.."), "HS2");
        }
        assert_eq!(manifest.id(), manifest.clone().id(), "HS1");
    }
}

/// The same with a checksum that holds.
fn mended(which: usize, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match which {
        0 | 1 => {
            // Two slots, each in a block of its own; given one after the other, so that little is drawn in vain.
            let (len, magic) = if which == 0 { (64, b"annalsWM") } else { (128, b"annalsCU") };
            bytes.resize(2 * len, 0);
            let mut file = vec![0; 8192];
            for (at, slot) in [0, 4096].into_iter().zip(bytes.chunks_mut(len)) {
                slot[..8].copy_from_slice(magic);
                forge::sign(slot, 0..len - 4);
                file[at..at + len].copy_from_slice(slot);
            }
            file
        }
        2..=5 => forge::document(&bytes),
        _ => bytes,
    }
}

/// Draws a file as it is written, without what makes it hold.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    let which = rng.u8(..8);
    let mut number = || match rng.u32(..6) {
        0 => u64::MAX,
        1 => i64::MAX as u64 + 1,
        2 => rng.u64(..),
        _ => rng.u64(..64) * 8,
    };
    let (a, b, c, d) = (number(), number(), number(), number());
    let hash = "0".repeat(64);
    let text = match which {
        0 | 1 => {
            let mut slots = Vec::new();
            for _ in 0..2 {
                let mut slot = vec![0; if which == 0 { 64 } else { 128 }];
                slot[8..24].copy_from_slice(LOG.as_bytes());
                for (at, value) in [(24, a), (32, b), (40, c), (48, d)] {
                    slot[at..at + 8].copy_from_slice(&value.to_le_bytes());
                }
                slots.extend_from_slice(&slot);
            }
            return [vec![which | MEND], slots].concat();
        }
        2 => format!(
            "{{\"schema\":1,\"log\":\"{LOG}\",\"oldest\":{a},\"records_end\":{b},\"records_before\":{c},\"chain\":\"{hash}\",\
             \"receipts\":[{{\"base\":{a},\"end\":{b},\"records\":{c},\"bytes\":{d},\"first_micros\":1,\"last_micros\":2,\
             \"chain\":\"{hash}\",\"purged_at_micros\":3,\"reason\":\"r\"}}]"
        ),
        3 => {
            let hole = |offset: u64, len: u64| {
                format!(
                    "{{\"offset\":{offset},\"len\":{len},\"reason\":\"r\",\"file\":null,\"blake3\":null,\"at_micros\":1,\
                     \"term\":{d},\"sealed\":true}}"
                )
            };
            format!(
                "{{\"schema\":1,\"log\":\"{LOG}\",\"holes\":[{},{}]",
                hole(a, b),
                hole(c, if rng.bool() { 0 } else { b })
            )
        }
        4 => format!(
            "{{\"schema\":1,\"log\":\"{LOG}\",\"backups\":[{{\"dir\":\"/b\",\"manifest\":\"{hash}\",\"term\":{a},\
             \"oldest\":{b},\"durable\":{c},\"made_at_micros\":1,\"sound\":true}}]"
        ),
        5 => {
            let name = ["segments/0000000000000000.wal", "segments/..", "documents/x", "/etc/passwd"]
                [rng.usize(..4)];
            format!(
                "{{\"schema\":1,\"log\":\"{LOG}\",\"term\":1,\"oldest\":{a},\"durable\":{b},\"records\":{c},\"newest_micros\":null,\
                 \"made_at_micros\":1,\"sequence\":1,\"begins\":{{\"base\":0,\"records_end\":0,\"records_before\":0,\
                 \"chain\":\"{hash}\"}},\"damaged\":[{{\"offset\":{d},\"len\":8,\"detail\":\"x\"}}],\"holes\":[{{\"offset\":{a},\"len\":{d}}}],\
                 \"segments\":[{{\"base\":0,\"end\":{b},\"sealed\":false,\"term\":1,\"chain\":null,\"file\":{{\"name\":\"{name}\",\
                 \"len\":{c},\"blake3\":\"{hash}\"}}}}],\"documents\":[{{\"place\":\"quarantine/..\",\"file\":{{\"name\":\"{name}\",\
                 \"len\":1,\"blake3\":\"{hash}\"}}}}]"
            )
        }
        _ => format!(
            "{{\"schema\":1,\"kind\":\"torn\",\"offset\":{a},\"bytes\":{b},\"blake3\":\"{hash}\",\"new_term\":{c},\
             \"quarantined_at_micros\":1,\"file\":\"../../x\"}}"
        ),
    };
    [vec![which | MEND], text.into_bytes()].concat()
}

use super::*;
use crate::fuse::survival::OfNames;

const WAYS: [OfFile; 5] = [OfFile::Nothing, OfFile::All, OfFile::First, OfFile::Pages, OfFile::Sectors];

fn left(file: &File, files: OfFile, seed: u64) -> Image {
    let mut survival = Survival::only(files, OfNames::Nothing);
    survival.random = fastrand::Rng::with_seed(seed);
    file.clone().survive(&mut survival)
}

fn bytes(image: &Image) -> Vec<u8> {
    image.read(0, image.len())
}

#[test]
fn what_was_synced_and_not_written_since_survives_every_cut() {
    let mut file = File::default();
    file.write(0, &[1; 20_000]);
    file.sync();
    // Sectors 10 to 19, and beyond the end.
    file.write(5120, &[2; 5120]);
    file.write(20_000, &[3; 9000]);
    for (way, seed) in WAYS.iter().flat_map(|way| (0..50).map(move |seed| (*way, seed))) {
        let left = bytes(&left(&file, way, seed));
        assert!(left.len() >= 20_000, "{way:?}, {seed}");
        assert!(left[..5120].iter().chain(&left[10_240..20_000]).all(|byte| *byte == 1), "{way:?}, {seed}");
        assert!(left[5120..10_240].iter().all(|byte| [1, 2].contains(byte)), "{way:?}, {seed}");
        assert!(left[20_000..].iter().all(|byte| [0, 3].contains(byte)), "{way:?}, {seed}");
    }
}

#[test]
fn what_was_not_synced_is_lost_in_sectors_or_survives_whole() {
    let mut file = File::default();
    file.write(0, &[1; 8192]);
    file.sync();
    file.write(0, &[2; 8192]);
    assert_eq!(bytes(&left(&file, OfFile::Nothing, 1)), [1; 8192]);
    assert_eq!(bytes(&left(&file, OfFile::All, 1)), [2; 8192]);
    let torn = bytes(&left(&file, OfFile::Sectors, 1));
    assert!(torn.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
    assert!(torn.contains(&1) && torn.contains(&2), "some of each");
}

#[test]
fn a_sync_that_failed_leaves_nothing_for_the_next_one() {
    let mut file = File::default();
    file.write(0, &[1; 1024]);
    file.sync();
    file.write(0, &[2; 512]);
    file.forget();
    file.write(512, &[3; 512]);
    file.sync();
    assert_eq!(file.seen().read(0, 512), [2; 512], "processes see it");
    assert_eq!(bytes(&left(&file, OfFile::All, 1)), [[1; 512], [3; 512]].concat());
}

#[test]
fn a_cut_that_is_not_synced_survives_or_not_and_shows_nothing_old_behind_a_sync() {
    let mut file = File::default();
    file.write(0, &[1; 4096]);
    file.sync();
    file.set_len(100);
    assert_eq!(left(&file, OfFile::Nothing, 1).len(), 4096);
    assert_eq!(left(&file, OfFile::All, 1).len(), 100);
    file.set_len(4096);
    file.sync();
    let left = bytes(&left(&file, OfFile::Nothing, 1));
    assert!(left[..100].iter().all(|byte| *byte == 1) && left[100..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_sync_of_some_bytes_keeps_these_and_no_others() {
    let mut file = File::default();
    file.write(0, &[1; 4096]);
    file.sync();
    file.write(0, &[2; 4096]);
    file.sync_only(512..1024);
    assert_eq!(bytes(&left(&file, OfFile::Nothing, 1))[..1536], [[1; 512], [2; 512], [1; 512]].concat());
}

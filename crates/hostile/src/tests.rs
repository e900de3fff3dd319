use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use peak_alloc::PeakAlloc;

use super::every_byte::{Subject, Tally};
use super::*;

/// What is asked for of memory, to see that a length in some bytes is not believed.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// More than any input here warrants, and less than any length that is believed unchecked: a frame's may say 256 MiB.
const MOST_MIB: f32 = 160.0;

/// Inputs of a target in one test; `ANNALS_HOSTILE_CASES` of 100 shares.
fn cases(target: &Target) -> u64 {
    let asked = std::env::var("ANNALS_HOSTILE_CASES").ok().and_then(|cases| cases.parse().ok());
    asked.unwrap_or(20_000_u64) * target.share / 100
}

/// Prints the seed or the file of an input that a test fails on.
struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed case: {}", self.0);
        }
    }
}

fn files(of: &str, target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(of).join(target);
    let mut files: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).unwrap()
}

/// Replays what is committed, then draws.
fn check(name: &str) {
    let target = target(name);
    for path in [files("corpus", name), files("regressions", name)].concat() {
        let _case = Case(path.display().to_string());
        (target.run)(&fs::read(&path).unwrap());
    }
    for seed in 0..cases(&target) {
        let _case = Case(format!("{name}, seed {seed}"));
        let mut rng = Rng::with_seed(seed);
        let mut bytes = (target.draw)(&mut rng);
        let other = (target.draw)(&mut rng);
        mutate(&mut bytes, &other, &mut rng);
        (target.run)(&bytes);
    }
    let peak = MEMORY.peak_usage_as_mb();
    assert!(peak < MOST_MIB, "H1: {peak} MiB of memory");
}

#[test]
fn frames_are_where_the_format_says_and_nowhere_else() {
    check("frames");
}

#[test]
fn payloads_are_records_or_refused() {
    check("payloads");
}

#[test]
#[cfg(feature = "cli")]
fn encoded_segments_show_what_they_say_or_an_error() {
    check("encoded");
}

#[test]
#[cfg(feature = "cli")]
fn foreign_stores_give_what_verifies_and_tell_the_rest() {
    check("foreign");
}

#[test]
#[cfg(feature = "cli")]
fn imports_take_records_and_nothing_else() {
    check("imports");
}

#[test]
#[cfg(feature = "cli")]
fn lines_for_people_hold_nothing_that_a_terminal_obeys() {
    check("lines");
}

#[test]
fn what_stands_beside_the_segments_is_read_or_refused() {
    check("sidecars");
}

#[test]
fn a_journal_that_is_hurt_anywhere_serves_nothing_wrong_and_hides_nothing() {
    check("recovery");
}

#[test]
fn every_target_has_a_corpus_of_its_own() {
    let mut bytes = 0;
    for target in TARGETS {
        let corpus = files("corpus", target.name);
        assert!(corpus.len() > 5, "{}: {} inputs", target.name, corpus.len());
        bytes += corpus.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    }
    assert!(bytes < 300 << 10, "{bytes} bytes of corpora");
}

/// What libFuzzer begins with: `just fuzz` calls it.
#[test]
#[ignore = "writes into target/hostile"]
fn draws_are_written_where_a_fuzzer_finds_them() {
    for target in TARGETS {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/hostile").join(target.name);
        fs::create_dir_all(&dir).unwrap();
        for seed in 0..300 {
            let bytes = (target.draw)(&mut Rng::with_seed(seed));
            fs::write(dir.join(format!("drawn-{seed}")), bytes).unwrap();
        }
    }
}

/// The log of the runs over every byte, and the stretches in which they go over it: file, and bytes of it.
fn log() -> (Subject, Vec<(usize, std::ops::Range<usize>)>) {
    let subject = Subject::new(1 << 20, 2026).unwrap();
    let bytes = subject.bytes();
    assert!((1 << 20..1_200_000).contains(&bytes), "{bytes} bytes in {} files", subject.files().count());
    let files = subject.files();
    let stretches = files
        .flat_map(|(file, len)| (0..len).step_by(4096).map(move |from| (file, from..(from + 4096).min(len))));
    let stretches = stretches.collect();
    (subject, stretches)
}

#[test]
fn a_flip_or_a_cut_anywhere_is_told_or_means_nothing() {
    let (subject, stretches) = log();
    let (mut tally, mut rng) = (Tally::default(), Rng::with_seed(6));
    for (file, range) in stretches {
        let at = rng.usize(range.clone());
        let _case = Case(format!("file {file}, byte {at}"));
        tally.add(&subject.hurt(file, &subject.changes(file, at..at + 1, 1), 40));
    }
    assert!(tally.flips > 250 && tally.cuts > 250 && tally.whole > 5, "{tally:?}");
    assert!(tally.told > tally.meaningless && tally.meaningless > 0, "{tally:?}");
    let residual = subject.without_watermark(97, 7).unwrap();
    assert!(residual.told > 100 && residual.residual > 0, "{residual:?}");
}

/// All of them: resumable, and in parts. `ANNALS_EVERY_BYTE=1/2` is the first of two parts; each stretch that is done is a
/// line of `target/hostile/every-byte.tsv`, which the next run goes on from.
#[test]
#[ignore = "takes minutes: just every-byte"]
fn every_flip_and_every_cut_is_told_or_means_nothing() {
    let asked = std::env::var("ANNALS_EVERY_BYTE").unwrap_or_else(|_| "1/1".to_owned());
    let (part, parts) = asked.split_once('/').unwrap();
    let (part, parts): (usize, usize) = (part.parse().unwrap(), parts.parse().unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/hostile/every-byte.tsv");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let done = fs::read_to_string(&path).unwrap_or_default();
    let (subject, stretches) = log();
    for (i, (file, range)) in stretches.into_iter().enumerate() {
        let name = format!("{file}:{}\t", range.start);
        if i % parts != part - 1 || done.lines().any(|line| line.starts_with(&name)) {
            continue;
        }
        let _case = Case(format!("file {file}, bytes {range:?}"));
        let Tally { flips, cuts, told, meaningless, lagging, whole, .. } =
            subject.hurt(file, &subject.changes(file, range, 1), 1024);
        let mut log = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        writeln!(log, "{name}{flips}\t{cuts}\t{told}\t{meaningless}\t{lagging}\t{whole}").unwrap();
    }
    if part == 1 {
        let residual = subject.without_watermark(1, 7).unwrap();
        fs::write(path.with_file_name("every-byte-residual.txt"), format!("{residual:?}\n")).unwrap();
    }
}

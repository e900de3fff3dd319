use std::fs;
use std::os::unix::fs::FileExt;

use super::*;
use crate::disk::RealDisk;
use crate::options::{AppendOptions, Options};
use crate::{Journal, segment};

/// One stretch in a line: `record 0 40`, `broken 40 48`, with `!` where something is wrong with a sound frame.
fn line(stretch: &Stretch<'_>) -> String {
    match stretch {
        Stretch::Frame(sound) => {
            let flaw = if sound.flaw.is_some() { "!" } else { "" };
            format!("{}{flaw} {} {}", sound.content.name(), sound.offset, sound.len)
        }
        Stretch::Broken(broken) => format!("broken {} {}", broken.offset, broken.len),
        Stretch::Unwritten { offset, len } => format!("unwritten {offset} {len}"),
    }
}

/// The stretches of a file, one a line; asserts that each begins where the one before it ends, up to the file's end.
fn walk(path: &Path) -> Vec<String> {
    let file = SegmentFile::open(&RealDisk, path).unwrap();
    let mut frames = file.frames().unwrap();
    let (mut lines, mut at) = (Vec::new(), file.base().get());
    while let Some(stretch) = frames.next_stretch().unwrap() {
        let (offset, len) = match &stretch {
            Stretch::Frame(sound) => (sound.offset, sound.len),
            Stretch::Broken(broken) => (broken.offset, broken.len),
            Stretch::Unwritten { offset, len } => (*offset, *len),
        };
        assert_eq!(offset.get(), at, "U1: {}", line(&stretch));
        at += len;
        lines.push(line(&stretch));
    }
    assert_eq!(at - file.base().get() + HEADER_LEN, fs::metadata(path).unwrap().len(), "U1: to the end");
    lines
}

/// A sealed segment with every kind of frame that appends make, and an active one behind it; their files.
fn log(dir: &Path) -> (PathBuf, PathBuf) {
    let options = Options { segment_bytes: 64 << 10, ..Options::default() };
    let journal = Journal::open_with(dir, options).unwrap();
    journal.append(b"one").unwrap();
    journal.append_batch(&[b"two".as_slice(), &[7; 100], b"four", b"five"]).unwrap();
    let how = AppendOptions { key: Some(b"key"), ..AppendOptions::default() };
    journal.append_with(&[b"six"], &how).unwrap();
    journal.checkpoint(b"here", false).unwrap();
    let next = journal.seal().unwrap();
    journal.append(b"seven").unwrap();
    journal.close().unwrap();
    (dir.join(segment::file_name(Offset::ZERO)), dir.join(segment::file_name(next)))
}

const KINDS: [&str; 13] = [
    "record",
    "commit",
    "record",
    "record",
    "record",
    "record",
    "commit",
    "key",
    "record",
    "commit",
    "checkpoint",
    "commit",
    "seal",
];

/// Flips a bit in place: twice, and the file is as it was.
fn flip(path: &Path, pos: usize, bit: usize) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, pos as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << bit], pos as u64).unwrap();
}

#[test]
fn every_frame_is_shown_with_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, active) = log(dir.path());
    let kinds: Vec<String> =
        walk(&sealed).iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(kinds, KINDS);
    let file = SegmentFile::open(&RealDisk, &sealed).unwrap();
    assert_eq!((file.head().unwrap().base, file.flaw()), (Offset::ZERO, None));
    let mut frames = file.frames().unwrap();
    let (mut said, mut counted) = (Vec::new(), None);
    while let Some(stretch) = frames.next_stretch().unwrap() {
        let Stretch::Frame(sound) = stretch else { panic!("{stretch:?}") };
        match sound.content {
            Content::Record { id, payload } => assert_eq!(id, RecordId::of(payload)),
            Content::Key { key, .. } => said.push(key.to_vec()),
            Content::Checkpoint { body } => said.push(body.to_vec()),
            Content::Commit { start, records, .. } => assert!(start < sound.offset && records <= 4),
            Content::Seal { records, groups, payload_bytes, .. } => {
                counted = Some((records, groups, payload_bytes));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(said, [b"key".to_vec(), b"here".to_vec()]);
    assert_eq!(counted, Some((6, 4, 3 + 3 + 100 + 4 + 4 + 3)));
    assert_eq!(walk(&active).len(), 2, "a closed journal gives reserved space back");
}

#[test]
fn wherever_one_bit_flips_one_frame_is_named_and_every_other_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, _) = log(dir.path());
    let sound = walk(&sealed);
    for pos in HEADER_LEN as usize..fs::metadata(&sealed).unwrap().len() as usize {
        flip(&sealed, pos, pos % 8);
        let found = walk(&sealed);
        let broken: Vec<&String> = found.iter().filter(|line| line.starts_with("broken")).collect();
        assert_eq!(broken.len(), 1, "byte {pos}: {found:?}");
        let kept: Vec<&String> = found.iter().filter(|line| sound.contains(line)).collect();
        assert!(kept.len() >= sound.len() - 1, "byte {pos}: {found:?}");
        flip(&sealed, pos, pos % 8);
    }
}

#[test]
fn what_a_commit_frame_or_a_seal_contradicts_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, _) = log(dir.path());
    let file = SegmentFile::open(&RealDisk, &sealed).unwrap();
    let place = |offset| file.header.place(Offset::new(offset));
    let mut bytes = fs::read(&sealed).unwrap();
    // A commit frame that verifies, and counts three records where there is one.
    let first = frame::padded(3);
    let commit = Commit { batch_start: Offset::ZERO, durable_upto: Offset::ZERO, time_micros: 0, records: 3 };
    let commit = frame::encode(frame::COMMIT_WORD, &commit.words(), &[], &place(first as u64));
    bytes[HEADER_LEN as usize + first..][..commit.len()].copy_from_slice(&commit);
    // A record whose CRC holds over an id that is not its payload's.
    let record = frame::encode(3, &[9; 32], b"one", &place(0));
    bytes[HEADER_LEN as usize..][..record.len()].copy_from_slice(&record);
    fs::write(&sealed, bytes).unwrap();
    let found = walk(&sealed);
    assert!(found[0].starts_with("record! ") && found[1].starts_with("commit! "), "{found:?}");
    assert!(found.last().unwrap().starts_with("seal! "), "{found:?}");
    assert_eq!(found.iter().filter(|line| line.contains('!')).count(), 3, "{found:?}");
}

#[test]
fn a_file_that_is_cut_or_has_more_behind_its_seal_is_shown_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, active) = log(dir.path());
    let whole = fs::read(&sealed).unwrap();
    for len in (HEADER_LEN as usize + 1..whole.len()).step_by(13) {
        fs::write(&sealed, &whole[..len]).unwrap();
        walk(&sealed);
    }
    fs::write(&sealed, [&whole, b"more".as_slice()].concat()).unwrap();
    assert!(walk(&sealed).last().unwrap().starts_with("broken"));
    let torn = [fs::read(&active).unwrap(), vec![3; 100], vec![0; 5000]].concat();
    fs::write(&active, torn).unwrap();
    let found = walk(&active);
    let kinds: Vec<&str> = found.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["record", "commit", "broken", "unwritten"], "{found:?}");
}

#[test]
fn without_its_header_a_segment_is_read_as_its_neighbours_say() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, active) = log(dir.path());
    let sound = walk(&sealed);
    for pos in [0, 20, 36, 60] {
        flip(&sealed, pos, 1);
        let file = SegmentFile::open(&RealDisk, &sealed).unwrap();
        assert!(file.head().is_none() && file.flaw().is_some(), "byte {pos}");
        assert_eq!(walk(&sealed), sound, "byte {pos}");
        flip(&sealed, pos, 1);
    }
    flip(&sealed, 20, 1);
    fs::remove_file(active).unwrap();
    fs::remove_file(dir.path().join("watermark")).unwrap();
    let refused = SegmentFile::open(&RealDisk, &sealed).unwrap_err();
    assert!(matches!(refused, Error::NotAJournal { .. }), "{refused}");
}

#[test]
fn what_is_no_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in
        [("letter.txt", "dear"), ("0000000000000000.wal", "SQLite format 3\0"), ("empty", "")]
    {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let refused = SegmentFile::open(&RealDisk, &path).unwrap_err();
        assert!(matches!(refused, Error::NotAJournal { .. }), "{name}: {refused}");
    }
    let missing = SegmentFile::open(&RealDisk, &dir.path().join("missing")).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
}

#[test]
fn bytes_that_look_like_many_long_frames_end_soon() {
    let dir = tempfile::tempdir().unwrap();
    let (_, active) = log(dir.path());
    let mut bytes = fs::read(&active).unwrap();
    // Each word announces a frame of 4 MiB.
    let words = vec![0x0040_0000_u32.to_le_bytes(); 2 << 20].concat();
    bytes.extend_from_slice(&words);
    fs::write(&active, bytes).unwrap();
    let found = walk(&active);
    assert_eq!(found.iter().filter(|line| line.starts_with("broken")).count(), 1, "{found:?}");
}

#[test]
fn an_audit_frame_says_what_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (_, active) = log(dir.path());
    let torn = [fs::read(&active).unwrap(), vec![3; 100]].concat();
    fs::write(&active, torn).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let report = journal.report().torn.clone().unwrap();
    let newest = journal.status().segments.last().unwrap().path.clone();
    journal.close().unwrap();
    let file = SegmentFile::open(&RealDisk, &newest).unwrap();
    let mut frames = file.frames().unwrap();
    let Some(Stretch::Frame(Sound { content: Content::Audit { body }, .. })) = frames.next_stretch().unwrap()
    else {
        panic!("the first frame of the new term");
    };
    let Some(Audit::Cut { range: (offset, bytes, id), .. }) = Audit::of(body) else { panic!("{body:?}") };
    assert_eq!((offset, bytes, id), (report.offset, report.bytes, RecordId::of(&[3; 100])));
    let counts = |lost: u64, ranges: usize| {
        let mut body = [2_u64, 7, lost, 1].map(u64::to_le_bytes).concat();
        body.resize(body.len() + 48 * ranges, 0);
        Audit::of(&body)
    };
    assert!(
        matches!(counts(1, 2), Some(Audit::Salvage { lost, mended, .. }) if (lost.len(), mended.len()) == (1, 1))
    );
    assert!(counts(u64::MAX, 2).is_none() && counts(2, 2).is_none() && Audit::of(&[]).is_none());
}

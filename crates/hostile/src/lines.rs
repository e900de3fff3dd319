//! Lines for people: what `tail`, `get` and `log dump` say of bytes from elsewhere.
//!
//! HL1: no line holds a character that a terminal obeys, whatever a payload, a key, a checkpoint or an audit says.

use std::path::Path;

use annals_cli::bare;
use annals_journal::dump::SegmentFile;
use annals_record::{LogId, Term};
use annals_testkit::SimDisk;
use fastrand::Rng;

use crate::forge::{self, Place};
use crate::terminal;

/// Shows these bytes as a payload, and in every kind of frame.
pub fn run(bytes: &[u8]) {
    for line in bare::shown(bytes) {
        terminal::check(&line);
    }
    let mut place = Place { log: LogId::from_bytes([7; 16]), term: Term::FIRST, offset: 0 };
    let mut segment = forge::header(place);
    let mut put = |kind, words, body: &[u8]| {
        let frame = forge::frame(kind, words, body, place);
        segment.extend_from_slice(&frame);
        place = place.behind(frame.len()).unwrap_or(place);
    };
    // A record, one whose words are no hash of it, and every control frame.
    put(None, None, bytes);
    put(None, Some([9; 32]), bytes);
    for kind in 1..8 {
        put(Some(kind), Some([1; 32]), bytes);
    }
    put(Some(0), Some(forge::commit(0, u64::MAX, i64::MIN, u32::MAX)), &[]);
    let disk = SimDisk::new();
    let path = Path::new("/0000000000000000.wal");
    assert!(disk.write_file(path, &segment).is_ok());
    let dumped = SegmentFile::open(&disk, path).and_then(|file| bare::dumped(&file, path));
    match dumped {
        Ok(lines) => {
            assert!(lines.len() > 8, "HL1: {lines:?}");
            lines.iter().for_each(|line| terminal::check(line));
        }
        Err(error) => unreachable!("HL1: a forged segment is not shown: {error}"),
    }
}

/// Draws a payload full of characters that a terminal would obey.
#[must_use]
pub fn draw(rng: &mut Rng) -> Vec<u8> {
    const TEXTS: [&str; 8] =
        ["\u{1b}[2J", "\r", "\u{7}", "\u{9b}31m", "\u{202e}", "\u{2028}", "\n", "\u{1b}]0;x\u{7}"];
    if rng.bool() {
        return crate::payloads::draw(rng);
    }
    let text = TEXTS[rng.usize(..TEXTS.len())];
    let mut vote =
        annals_record::Vote::new(annals_record::RecordId::of(b"x"), "v", annals_record::Stance::For);
    vote.reason = Some(format!("because {text} of it"));
    let record = annals_record::Record::Vote(vote).payload();
    if rng.bool() { record.unwrap_or_default() } else { text.repeat(rng.usize(1..20)).into_bytes() }
}

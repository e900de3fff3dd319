use annals_record::{LogId, Term};

use super::*;

fn header() -> SegmentHeader {
    SegmentHeader {
        log: LogId::from_bytes([9; 16]),
        term: Term::FIRST,
        term_start: Offset::ZERO,
        base: Offset::ZERO,
        chain: [0; 32],
        records_before: 0,
        created_micros: 0,
        checkpoint: None,
        keys: None,
    }
}

/// Groups of these payloads, from offset 0 on.
fn groups(groups: &[&[&[u8]]]) -> Vec<u8> {
    let (header, mut bytes) = (header(), Vec::new());
    for group in groups {
        let start = bytes.len();
        for payload in *group {
            let place = header.place(Offset::new(bytes.len() as u64));
            bytes.extend_from_slice(&record(&RecordId::of(payload), payload, &place));
        }
        let at = bytes.len();
        let commit = Commit {
            batch_start: Offset::new(start as u64),
            durable_upto: Offset::new(start as u64),
            time_micros: 77,
            records: group.len() as u32,
        };
        let place = header.place(Offset::new(at as u64));
        bytes.extend_from_slice(&frame::encode(frame::COMMIT_WORD, &commit.words(), &[], &place));
    }
    bytes
}

/// Mends `damaged` and holds it to what was written: whole again, or left alone.
fn check(written: &[u8], mut damaged: Vec<u8>, refill: &dyn Refill) -> Vec<Cure> {
    let mended = mend(&header(), &damaged, Offset::ZERO, refill);
    for Mended { offset, frame, .. } in &mended {
        damaged[offset.get() as usize..][..frame.len()].copy_from_slice(frame);
    }
    assert!(mended.is_empty() || damaged == written, "M1: mended to something else");
    mended.iter().map(|mended| mended.cure).collect()
}

const TWO: &[&[&[u8]]] = &[&[b"a first record", b"", b"a third, which is longer than that"], &[b"another"]];

fn store(id: &RecordId) -> Option<Vec<u8>> {
    TWO.iter().copied().flatten().find(|payload| RecordId::of(payload) == *id).map(|payload| payload.to_vec())
}

#[test]
fn any_flipped_bit_is_turned_back_without_a_store() {
    let written = groups(TWO);
    for bit in 0..written.len() * 8 {
        let mut damaged = written.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check(&written, damaged, &NoRefill).len(), 1, "bit {bit}");
    }
}

#[test]
fn a_payload_that_is_gone_comes_back_by_its_id() {
    let written = groups(TWO);
    let mut damaged = written.clone();
    damaged[frame::HEADER..frame::HEADER + 14].fill(0xaa);
    assert_eq!(check(&written, damaged.clone(), &store), [Cure::Refilled]);
    assert_eq!(check(&written, damaged.clone(), &NoRefill), []);
    let liar = |_: &RecordId| Some(vec![0xbb; 14]);
    assert_eq!(check(&written, damaged.clone(), &liar), []);
    // Length and checksum are gone with it: the next frame says where this one ends.
    damaged[..8].fill(0x55);
    assert_eq!(check(&written, damaged.clone(), &store), [Cure::Refilled]);
    // And with the id gone nothing says what it was.
    damaged[8..40].fill(0x55);
    assert_eq!(check(&written, damaged, &store), []);
}

#[test]
fn an_intact_payload_proves_its_header() {
    let written = groups(TWO);
    let hit = |range: std::ops::Range<usize>| {
        let mut damaged = written.clone();
        damaged[range].fill(0x3c);
        check(&written, damaged, &NoRefill)
    };
    assert_eq!(hit(4..8), [Cure::Derived], "the checksum");
    assert_eq!(hit(8..40), [Cure::Derived], "the id");
    assert_eq!(hit(0..8), [Cure::Derived], "length and checksum");
    assert_eq!(hit(54..56), [Cure::Derived], "the padding");
    assert_eq!(hit(4..40), [], "checksum and id");
}

#[test]
fn what_a_group_says_of_its_commit_frame_is_enough_for_it() {
    let written = groups(TWO);
    let commit = written.len() - groups(&TWO[1..]).len() - frame::COMMIT;
    let mut damaged = written.clone();
    damaged[commit..commit + 4].fill(0);
    damaged[commit + 8..commit + 16].fill(0xee);
    damaged[commit + 32..commit + 40].fill(0xee);
    assert_eq!(check(&written, damaged.clone(), &NoRefill), [Cure::Derived]);
    // Nothing else knows the journal time.
    damaged[commit + 24..commit + 32].fill(0xee);
    assert_eq!(check(&written, damaged, &NoRefill), []);
}

#[test]
fn damage_in_several_frames_of_several_groups_is_mended_up_to_what_cannot_be() {
    let written = groups(TWO);
    let mut damaged = written.clone();
    damaged[frame::HEADER..frame::HEADER + 14].fill(0xaa);
    damaged[56..60].fill(0xaa);
    let last = written.len() - frame::COMMIT - 8;
    damaged[last] ^= 1;
    assert_eq!(check(&written, damaged.clone(), &store), [Cure::Refilled; 3]);
    let (first, _) = written.split_at(written.len() - groups(&TWO[1..]).len());
    damaged[last - 32..last].fill(0x11);
    damaged[last - 40..last - 32].fill(0x11);
    let mended = mend(&header(), &damaged, Offset::ZERO, &store);
    assert!(mended.iter().all(|mended| mended.offset.get() < first.len() as u64), "M1: half a group");
    assert_eq!(mended.len(), 2);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut rng = 1_u64;
    for len in (0..400).step_by(8) {
        let bytes: Vec<u8> = (0..len)
            .map(|_| {
                rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (rng >> 56) as u8 & if len % 16 == 0 { 0xff } else { 1 }
            })
            .collect();
        assert!(mend(&header(), &bytes, Offset::ZERO, &store).is_empty());
    }
}

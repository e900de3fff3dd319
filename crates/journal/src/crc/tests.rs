use super::*;

/// The definition, bit by bit: what the fast ways have to agree with on every machine.
fn slow(parts: &[&[u8]]) -> u32 {
    let mut state = u32::MAX;
    for byte in parts.iter().flat_map(|part| part.iter()) {
        state ^= u32::from(*byte);
        for _ in 0..8 {
            state = (state >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(state & 1));
        }
    }
    !state
}

#[test]
fn the_check_value_of_the_algorithm() {
    assert_eq!(slow(&[b"123456789"]), 0xE306_9283);
    assert_eq!(bulk(u32::from_le_bytes(*b"1234"), b"56789"), 0xE306_9283);
}

#[test]
fn every_length_and_alignment_agrees_with_the_definition() {
    let bytes: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let log = LogId::from_bytes(std::array::from_fn(|i| i as u8 * 13 + 3));
    let (term, offset) = (Term::new(0x0102_0304_0506_0708), Offset::new(0xF1E2_D3C4_B5A6_9788));
    let place = [&log.as_bytes()[..], &term.get().to_le_bytes(), &offset.get().to_le_bytes()].concat();
    // Under Miri a length takes seconds.
    let (short, long): (usize, &[usize]) =
        if cfg!(miri) { (24, &[]) } else { (600, &[1023, 1024, 1056, 2048, 4000]) };
    for len in (0..short).chain(long.iter().copied()) {
        let covered = &bytes[len % 9..][..len];
        let word = (len as u32).wrapping_mul(0x9E37_79B9);
        let found = bulk(word, covered);
        assert_eq!(found, slow(&[&word.to_le_bytes(), covered]), "{len} bytes");
        let placed = Stamp::new(&log, term).placed(found, offset);
        assert_eq!(placed, slow(&[&word.to_le_bytes(), covered, &place]), "{len} bytes, placed");
    }
}

#[test]
fn words_and_a_body_that_lie_apart_agree_with_the_definition() {
    let bytes: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let words: [u8; 32] = std::array::from_fn(|i| i as u8 * 7 + 1);
    let (short, long): (usize, &[usize]) = if cfg!(miri) { (12, &[]) } else { (600, &[1024, 4000]) };
    for len in (0..short).chain(long.iter().copied()) {
        let (word, body) = ((len as u32).wrapping_mul(0x9E37_79B9), &bytes[len % 9..][..len]);
        assert_eq!(bulk_of(word, &words, body), slow(&[&word.to_le_bytes(), &words, body]), "{len} bytes");
    }
}

#[test]
fn frames_one_after_the_other_agree_whatever_came_before() {
    let bytes: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut last = LastWord::default();
    let mut remembered = 0;
    let lens = [32, 1056, 1056, 32, 1056, 1056, 64, 64, 64, 1056, 63, 1056, 0, 700, 700, 701, 701, 700];
    for (i, len) in lens.into_iter().enumerate() {
        // A word of the same length that is another, and another length under the same word.
        for (word, len) in
            [(7, len), (len as u32, len), (len as u32 | 1 << 31, len), (7, len), (7, len), (7, len)]
        {
            let covered = &bytes[i * 8..][..len];
            let known = last.adds.is_some() && (last.word, last.len) == (word, len);
            remembered += usize::from(known);
            assert_eq!(
                last.bulk(word, covered),
                slow(&[&word.to_le_bytes(), covered]),
                "{i}: {word:x}, {len}"
            );
        }
    }
    assert!(remembered > lens.len() / 2, "{remembered} went the shortest way");
}

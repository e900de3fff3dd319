use super::*;

/// Bytes without a pattern.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Each id is what BLAKE3 says of its payload.
fn check(payloads: &[Vec<u8>]) {
    let lent: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let mut found = vec![RecordId::from_bytes([7; 32])];
    ids(&lent, &mut found);
    assert_eq!(found.len(), payloads.len() + 1);
    assert_eq!(found[0], RecordId::from_bytes([7; 32]), "what was there stays");
    for (payload, id) in payloads.iter().zip(&found[1..]) {
        assert_eq!(id.as_bytes(), blake3::hash(payload).as_bytes(), "{} bytes", payload.len());
        assert_eq!(super::id(payload), *id, "{} bytes alone", payload.len());
    }
}

#[test]
fn every_length_alone_and_in_full_lanes() {
    for len in 0..=2100 {
        check(&[noise(len as u64, len)]);
        check(&(0..17).map(|i| noise(i * 3000 + len as u64, len)).collect::<Vec<_>>());
    }
}

#[test]
fn any_mixture_in_any_number() {
    for seed in 0..200_u64 {
        let sizes = noise(seed, 4 * (seed as usize % 80));
        let largest = [40, 200, 1100, 5000][seed as usize % 4];
        let payloads = sizes
            .as_chunks::<4>()
            .0
            .iter()
            .enumerate()
            .map(|(i, size)| noise(seed * 1000 + i as u64, u32::from_le_bytes(*size) as usize % largest));
        check(&payloads.collect::<Vec<_>>());
    }
}

#[test]
fn every_platform_of_this_machine_agrees() {
    let payloads: Vec<Vec<u8>> = (0..16).map(|i| noise(i, 300)).collect();
    let lent: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let mut portable = [0; LANES * 32];
    whole_blocks(Platform::Portable, &lent, 4, 0, &mut portable);
    let mut detected = [0; LANES * 32];
    whole_blocks(Platform::detect(), &lent, 4, 0, &mut detected);
    assert_eq!(portable, detected);
    for (payload, state) in lent.iter().zip(portable.as_chunks::<32>().0) {
        assert_eq!(last_block(Platform::Portable, payload, 4, state), *blake3::hash(payload).as_bytes());
    }
}

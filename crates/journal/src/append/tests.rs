use super::*;

#[test]
fn every_digest_of_a_batch_is_at_its_place_whoever_makes_it() {
    for (count, longest) in [(1, 9), (3, 2000), (17, 100), (1000, 100), (1001, 1100), (130, 5000)] {
        let payloads: Vec<Vec<u8>> =
            (0..count).map(|i: usize| vec![i as u8; (i * 7919) % longest + 1]).collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let bytes: usize = payloads.iter().map(|payload| frame::padded(payload.len())).sum();
        // By one thread, and by two in pieces for small ones and for others.
        for bytes in [0, SHARED_FROM, SHARED_FROM.max(bytes as u64), u64::MAX] {
            let made = digests(&payloads, bytes);
            assert_eq!(made.len(), payloads.len());
            for (i, (digest, payload)) in made.iter().zip(&payloads).enumerate() {
                let alone = Digest::of_record(RecordId::of(payload), payload);
                assert_eq!((digest.id, digest.crc), (alone.id, alone.crc), "{i} of {count}, {bytes} bytes");
            }
        }
    }
}

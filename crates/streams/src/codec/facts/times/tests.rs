use proptest::prelude::*;

use super::*;

fn check(times: &[f64], about: Option<&[f64]>, runs: &[u32]) -> usize {
    let mut out = Vec::new();
    pack(times, about, runs, &mut Packer::new(9).unwrap(), &mut out).unwrap();
    let mut bytes = Bytes::new(&out);
    let found = unpack(&mut bytes, times.len(), about, runs, &mut Unpacker::new().unwrap()).unwrap();
    bytes.end().unwrap();
    let bits = |times: &[f64]| times.iter().map(|time| time.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(times));
    out.len()
}

proptest! {
    #[test]
    fn any_times_come_again_bit_for_bit(
        any in prop::collection::vec(any::<f64>(), 0..80),
        about in prop::collection::vec(any::<f64>(), 80),
        millis in prop::collection::vec(-1_000_000_000_000..4_000_000_000_000_i64, 0..80),
        odd in 0..80_usize,
    ) {
        check(&any, None, &[0]);
        check(&any, Some(&about[..any.len()]), &[0]);
        let mut times: Vec<f64> = millis.iter().map(|millis| *millis as f64 / 1e3).collect();
        check(&times, Some(&about[..times.len()]), &[0]);
        let odd = odd % times.len().max(1);
        if let Some(time) = times.get_mut(odd) {
            *time = -0.0;
        }
        check(&times, Some(&about[..times.len()]), &[0]);
    }

    #[test]
    fn any_bytes_are_times_or_none(bytes: Vec<u8>, count in 0..20_usize) {
        let found = unpack(&mut Bytes::new(&bytes), count, None, &[0], &mut Unpacker::new().unwrap());
        prop_assert!(found.is_err() || found.is_ok_and(|times| times.len() == count));
    }
}

#[test]
fn times_near_to_others_take_what_they_differ_by() {
    let mut random = 3_u64;
    let about: Vec<f64> = (0..1000)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            1.7e9 + (random >> 40) as f64 * 0.017_3
        })
        .collect();
    let times: Vec<f64> = about.iter().map(|time| (time * 1e3 - 25.0).floor() / 1e3).collect();
    assert!(check(&times, Some(&about), &[0]) < 300);
    assert!(check(&times, None, &[0]) > 900);
}

use proptest::prelude::*;

use super::*;

fn packed(values: &[i64], runs: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(values, runs, &mut Packer::new(9).unwrap(), &mut out).unwrap();
    out
}

fn check(values: &[i64], runs: &[u32]) -> usize {
    let out = packed(values, runs);
    let mut bytes = Bytes::new(&out);
    let found = unpack(&mut bytes, values.len(), runs, &mut Unpacker::new().unwrap()).unwrap();
    assert_eq!(found, values);
    bytes.end().unwrap();
    out.len()
}

proptest! {
    #[test]
    fn any_numbers_in_any_runs_come_again(
        values: Vec<i64>,
        small in prop::collection::vec(-300..300_i64, 0..200),
        cuts in prop::collection::vec(1..40_u32, 0..6),
    ) {
        for values in [values, small] {
            let mut begin = 0;
            let runs: Vec<u32> = std::iter::once(0)
                .chain(cuts.iter().map(|cut| { begin += cut; begin }))
                .filter(|run| *run == 0 || (*run as usize) < values.len())
                .collect();
            check(&values, &[]);
            check(&values, &runs);
        }
    }

    #[test]
    fn any_transform_comes_again(values: Vec<i64>) {
        for transform in Transform::ALL {
            let origin = Origin::of(transform, &values, &[0]);
            let numbers = forward(transform, origin, &values, &[0]);
            prop_assert_eq!(&backward(transform, origin, numbers, &[0]), &values);
        }
    }

    #[test]
    fn any_bytes_are_a_column_or_none(bytes: Vec<u8>, count in 0..50_usize) {
        let found = unpack(&mut Bytes::new(&bytes), count, &[0, 3, 2, 900], &mut Unpacker::new().unwrap());
        prop_assert!(found.is_err() || found.is_ok_and(|values| values.len() == count));
    }
}

#[test]
fn what_rises_evenly_takes_next_to_nothing_and_noise_no_more_than_its_bytes() {
    let even: Vec<i64> = (0..4096).map(|i| 1_700_000_000_000_000 + i * 1_000_000).collect();
    assert!(check(&even, &[]) < 30);
    let mut random = 1_u64;
    let noise: Vec<i64> = (0..4096)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 48) as i64
        })
        .collect();
    assert!(check(&noise, &[]) < 4096 * 2 + 4096 / 4 + 60);
}

#[test]
fn each_run_goes_on_from_the_beginning_of_the_one_before() {
    // Ten keys, each with a series of its own far from the others': the differences within a run are small.
    let values: Vec<i64> = (0..1000).map(|i| (i / 100) * 1_000_000_007 + i % 100 * (i / 100 + 3)).collect();
    let runs: Vec<u32> = (0..10).map(|run| run * 100).collect();
    assert!(check(&values, &runs) < check(&values, &[]));
}

use super::*;

/// What a few hundred numbers have to meet, so that a run which finds nothing means something.
#[test]
fn a_few_histories_hold_and_meet_everything() {
    let mut figures = Figures::default();
    for number in 0..40 {
        Crash.run(number, &mut figures).unwrap_or_else(|what| panic!("--number {number}: {what}"));
    }
    for (name, least) in [
        ("images", 5_000),
        ("recoveries_cut", 500),
        ("lives_on", 50),
        ("second_recoveries", 500),
        ("torn", 50),
        ("purges", 1),
        ("keys", 100),
        ("flips_told", 500),
        ("flips_harmless", 10),
        ("flips_in_named_residual", 1),
    ] {
        assert!(figures.get(name) >= least, "{name}: {} of {least}", figures.get(name));
    }
    let fired: u64 = plan::FAULTS.iter().map(|name| figures.get(name)).sum();
    assert!(fired >= 10, "{fired} faults fired");
}

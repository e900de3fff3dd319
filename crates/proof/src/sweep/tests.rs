use super::*;

#[test]
fn some_positions_of_every_scenario_hold_and_fire() {
    let sweep = Sweep::new().unwrap();
    assert!(sweep.positions.len() > 2_000, "{} positions", sweep.positions.len());
    let mut figures = Figures::default();
    let tried: Vec<u64> = (0..150).collect();
    for number in &tried {
        sweep.run(*number, &mut figures).unwrap_or_else(|what| panic!("--number {number}: {what}"));
    }
    assert_eq!(figures.get("positions"), tried.len() as u64);
    assert!(figures.get("fired") >= tried.len() as u64);
}

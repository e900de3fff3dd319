use super::*;

fn entry(trial: &str, from: u64, program: &str, images: u64) -> Entry {
    let mut figures = Figures::default();
    figures.add("images", images);
    let failures = Vec::new();
    Entry {
        trial: trial.into(),
        from,
        to: from + 10,
        program: program.into(),
        seconds: 1.0,
        figures,
        failures,
    }
}

#[test]
fn a_block_counts_once_whoever_tried_it() {
    let sums = sums(vec![
        entry("crash", 0, "old", 5),
        entry("crash", 0, "new", 6),
        entry("crash", 10, "new", 7),
        entry("kill", 0, "new", 1),
    ]);
    assert_eq!(sums.len(), 2);
    let crash = &sums["crash"];
    assert_eq!((crash.numbers, crash.figures.get("images"), crash.programs.len()), (20, 13, 1));
}

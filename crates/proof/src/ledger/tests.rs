use super::*;

fn entry(trial: &str, from: u64) -> Entry {
    let mut figures = Figures::default();
    figures.add("images", 7);
    let failures = vec![Failure { number: from + 1, what: "gone".into() }];
    Entry { trial: trial.into(), from, to: from + 10, program: "5f".into(), seconds: 0.5, figures, failures }
}

#[test]
fn what_was_cut_off_costs_its_block_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    Ledger::open(&path, "crash").unwrap().write(&entry("crash", 0)).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();

    let mut ledger = Ledger::open(&path, "crash").unwrap();
    ledger.write(&entry("crash", 10)).unwrap();

    assert_eq!(read(&path).unwrap(), (vec![entry("crash", 0), entry("crash", 10)], 1));
    let ledger = Ledger::open(&path, "crash").unwrap();
    assert!(ledger.has(0, 10) && ledger.has(10, 20) && !ledger.has(20, 30));
    assert!(!Ledger::open(&path, "kill").unwrap().has(0, 10), "another trial has its own numbers");
}

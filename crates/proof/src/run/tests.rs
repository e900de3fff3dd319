use std::collections::BTreeSet;

use clap::Parser;

use super::*;
use crate::ledger;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    run: Run,
}

fn run(arguments: &[&str]) -> Run {
    Line::parse_from([&["line"], arguments].concat()).run
}

/// Fails with the numbers it is told to, and remembers what was tried.
#[derive(Default)]
struct Remembering {
    tried: Mutex<Vec<u64>>,
    fails: BTreeSet<u64>,
    panics: BTreeSet<u64>,
}

impl Trial for Remembering {
    fn name(&self) -> &'static str {
        "remembering"
    }

    fn block(&self) -> u64 {
        4
    }

    fn run(&self, number: u64, figures: &mut Figures) -> Result<(), String> {
        self.tried.lock().unwrap().push(number);
        figures.add("numbers", 1);
        assert!(!self.panics.contains(&number), "told to panic");
        if self.fails.contains(&number) { Err("told to fail".into()) } else { Ok(()) }
    }
}

impl Remembering {
    fn sorted(&self) -> Vec<u64> {
        let mut tried = self.tried.lock().unwrap().clone();
        tried.sort_unstable();
        tried
    }
}

#[test]
fn shards_try_every_number_once() {
    let trial = Remembering::default();
    for shard in ["0/3", "1/3", "2/3"] {
        let verdict = run(&["--cases", "30", "--shard", shard, "--threads", "2"]).all(&trial, &[]).unwrap();
        assert_eq!(verdict, Verdict::Held);
    }
    assert_eq!(trial.sorted(), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_run_that_is_continued_leaves_out_what_its_ledger_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let ledger = path.to_str().unwrap();
    run(&["--cases", "8", "--ledger", ledger]).all(&Remembering::default(), &[]).unwrap();
    let trial = Remembering::default();
    run(&["--cases", "14", "--ledger", ledger]).all(&trial, &[]).unwrap();
    assert_eq!(trial.sorted(), (8..14).collect::<Vec<_>>());
    let entries = ledger::read(&path).unwrap().0;
    assert_eq!(entries.iter().map(|entry| entry.figures.get("numbers")).sum::<u64>(), 14);
}

#[test]
fn what_fails_or_panics_is_named_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let trial = Remembering { fails: [3].into(), panics: [5].into(), ..Remembering::default() };
    let verdict = run(&["--cases", "9", "--ledger", path.to_str().unwrap()]).all(&trial, &[]).unwrap();
    assert_eq!((verdict, trial.sorted().len()), (Verdict::Failed, 9));
    let entries = ledger::read(&path).unwrap().0;
    let failures: Vec<_> = entries.into_iter().flat_map(|entry| entry.failures).collect();
    let failed: Vec<_> = failures.iter().map(|failure| (failure.number, failure.what.as_str())).collect();
    assert_eq!(failed, [(3, "told to fail"), (5, "panic: told to panic")]);
}

#[test]
fn a_number_is_tried_alone() {
    let trial = Remembering::default();
    run(&["--number", "17"]).all(&trial, &[]).unwrap();
    assert_eq!(trial.sorted(), [17]);
}

#[test]
fn a_shard_is_one_of_so_many() {
    assert_eq!("1/2".parse(), Ok(Shard { index: 1, of: 2 }));
    for wrong in ["2/2", "1", "/", "a/b", "0/0"] {
        assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
    }
}

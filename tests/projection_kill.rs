//! `kill -9` at random moments while projections are filled, built anew and taken away, on one directory that lives
//! through it all (PJ1, PJ3, PJ6).
//!
//!   import -> killed -> rebuild -> killed -> disable -> killed -> enable -> killed -> ...
//!   -> after each: what is kept holds, entry by entry, what a look at the journal gives; and a cursor holds the journal
//!
//! `ANNALS_PROJECTION_KILLS` says how often (default 30); `ANNALS_KILL_SEED` makes the moments the same again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use annals::{Annals, BuiltIn, Log, Offset, ProjectionState, ReadLimit, Record, projections_beside};

const ANNALS: &str = env!("CARGO_BIN_EXE_annals");
const SOON: Duration = Duration::from_secs(120);
const KEPT: [&str; 2] = ["agent", "source"];

/// A small generator, so that a seed gives the same moments again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Runs a command and kills it after a while; true if it was still running.
fn killed(data: &Path, arguments: &[&str], after_ms: u64) -> bool {
    let mut command = Command::new(ANNALS);
    command.arg("--data").arg(data).args(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait(Duration::from_millis(after_ms));
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

#[allow(clippy::disallowed_methods, reason = "the moment of the kill is what is random here")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Lines that no other chunk has, and some that all have.
fn write_chunk(path: &Path, chunk: u64) {
    let lines: String = (0..3000)
        .map(|i| {
            let object = if i % 10 == 0 { i } else { i + chunk * 10_000 };
            format!(
                "{{\"subject\":\"s{}\",\"predicate\":\"p\",\"object\":{object},\"agent\":\"a{}\",\"sources\":[\"x\",\"y{}\"]}}\n",
                i % 97,
                i % 7,
                i % 3
            )
        })
        .collect();
    fs::write(path, lines).unwrap();
}

/// The entries of one of ours, from its documentation alone.
fn expected(annals: &Annals, of: BuiltIn) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (mut next, mut found) = (Offset::ZERO, BTreeMap::new());
    loop {
        let batch = annals.journal().read(next, ReadLimit::default()).unwrap();
        for entry in batch.iter() {
            let Ok(Record::Assertion(assertion)) = Record::decode(entry.payload) else { continue };
            let terms = match of {
                BuiltIn::Agent => assertion.agent.into_iter().collect(),
                BuiltIn::Source => assertion.sources,
                other => panic!("{other:?}"),
            };
            for term in terms {
                let key = [term.as_bytes(), &[0], &entry.offset.get().to_be_bytes()].concat();
                found.insert(key, entry.id.as_bytes().to_vec());
            }
        }
        if batch.next() <= next {
            return found;
        }
        next = batch.next();
    }
}

/// What is kept after a kill comes up with the journal, to the entry; what is not can be enabled.
fn check(data: &Path, round: u64) {
    let listed = projections_beside(data).unwrap();
    let state = |name: &str| listed.iter().find(|status| status.name == name).unwrap().state;
    let annals = Annals::open_existing(data).unwrap();
    let cursors = annals.journal().cursors().unwrap();
    for name in KEPT {
        let kept = !matches!(state(name), ProjectionState::Off | ProjectionState::Lost);
        let cursor = cursors.iter().find(|cursor| cursor.name == format!("projection.{name}"));
        assert!(
            !kept || cursor.is_some_and(|cursor| cursor.problem.is_none()),
            "round {round}: {name}: {cursors:?}"
        );
        assert_eq!(kept, annals.projection(name).is_ok(), "round {round}: {name} is {:?}", state(name));
        let handle = annals.enable_projection(name).unwrap();
        handle.wait_for(annals.journal().durable(), SOON).unwrap();
        let view = handle.view().unwrap();
        assert!(view.is_complete() && view.as_of() == annals.journal().durable());
        let found: BTreeMap<_, _> = view.prefix(b"", None, usize::MAX).unwrap().into_iter().collect();
        let expected = expected(&annals, BuiltIn::named(name).unwrap());
        assert!(found == expected, "round {round}: {name}: {} entries, not {}", found.len(), expected.len());
        let files = fs::read_dir(data.join("projections").join(name)).unwrap().count();
        assert_eq!(files, 1, "round {round}: {name}");
    }
    annals.close().unwrap();
}

#[test]
fn what_is_killed_while_projections_are_filled_ends_as_the_journal_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let kills = number("ANNALS_PROJECTION_KILLS").unwrap_or(30);
    let seed = number("ANNALS_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()) + 1);
    eprintln!("ANNALS_KILL_SEED={seed}");
    let mut random = Random(seed);
    let dir = tempfile::tempdir().unwrap();
    let (data, chunk) = (dir.path().join("data"), dir.path().join("chunk.jsonl"));
    write_chunk(&chunk, 0);
    let input = chunk.to_str().unwrap();
    let imported =
        Command::new(ANNALS).arg("--data").arg(&data).args(["import", input]).stdout(Stdio::null()).status();
    assert!(imported.unwrap().success());
    let mut running = 0;
    for round in 1..=kills {
        write_chunk(&chunk, round);
        let arguments: &[&str] = match round % 4 {
            1 => &["import", "--batch", "20", input],
            2 => &["projections", "rebuild", "source"],
            3 => &["projections", "disable", "agent", "--yes"],
            _ => &["import", "--batch", "500", input],
        };
        running += u64::from(killed(&data, arguments, random.below(400)));
        check(&data, round);
    }
    assert!(running > kills / 8, "{running} of {kills} were killed while they were at work");
}

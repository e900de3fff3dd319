use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    board: Board,
}

fn board(arguments: &[&str]) -> Board {
    Line::parse_from([&["line"], arguments].concat()).board
}

/// A part that notices one bug, comes to the place of another, and hangs with a third.
const PART: &str = r#"notices=case "$ANNALS_BUG" in
    skip-sync) touch "$ANNALS_BUG_REACHED"; echo lost; exit 1 ;;
    retry-sync) touch "$ANNALS_BUG_REACHED"; echo fine ;;
    watermark-leads) sleep 100 ;;
esac"#;

#[test]
fn the_board_tells_who_has_noticed_what() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let bugs =
        ["--bug", "skip-sync", "--bug", "retry-sync", "--bug", "watermark-leads", "--bug", "cut-damage"];
    let limit = ["--limit", "2", "--ledger", ledger.to_str().unwrap()];
    let verdict = board(&[&["--part", PART], &bugs[..], &limit[..]].concat()).run().unwrap();
    assert_eq!(verdict, Verdict::Failed, "B2: one part is not enough");
    let found: Vec<_> =
        known(&ledger).unwrap().into_iter().map(|run| (run.bug, run.found, run.said)).collect();
    let expected = [
        ("skip-sync", Found::Caught, "lost"),
        ("retry-sync", Found::Missed, "fine"),
        ("watermark-leads", Found::Hung, ""),
        ("cut-damage", Found::NotReached, ""),
    ];
    assert_eq!(found, expected.map(|(bug, found, said)| (bug.to_owned(), found, said.to_owned())));

    // A second part that notices it makes two. What the ledger has is not run again: the first part would fail now.
    let second =
        ["--part", "notices=exit 1", "--part", r#"also=test "$ANNALS_BUG" = """#, "--bug", "skip-sync"];
    assert_eq!(board(&[&second[..], &limit[..]].concat()).run().unwrap(), Verdict::Held);
}

#[test]
fn a_part_that_fails_without_a_bug_catches_nothing() {
    let error = board(&["--part", "broken=echo no; exit 3"]).run().unwrap_err();
    assert!(error.to_string().starts_with("B1: broken fails without a bug"), "{error}");
}

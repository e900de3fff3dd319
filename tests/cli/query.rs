//! `annals query`: what holds, in the journal's order, as of one offset; and what is said where nothing is indexed.

use annals::{Clock, SystemClock};
use serde_json::{Value as Json, json};

use super::{Data, piped};

/// Twelve assertions of two agents about three subjects, one of them twice, and a vote.
fn data() -> Data {
    let data = Data::new();
    let lines: String = (0..12)
        .map(|i| {
            let mut line = json!({
                "subject": format!("s{}", i % 3), "predicate": format!("p{}", i % 2), "object": {"entity": format!("o{}", i % 4)},
                "agent": (["ann", "bob"][i % 2]), "sources": ["atlas", format!("source {i}")],
            });
            if i % 2 == 0 {
                line["epoch"] = json!("now");
            }
            line.to_string() + "\n"
        })
        .collect();
    data.import(&lines).ends(0);
    let id = data.json("subject s0 --limit 1").report()["id"].as_str().unwrap().to_owned();
    data.run(&format!("append --vote-on {id} --voter ann --stance for")).ends(0);
    data
}

/// Which of the twelve a query lists.
fn listed(data: &Data, line: &str) -> Vec<u64> {
    let lines = data.json(format!("query {line}").trim_end()).ends(0).lines();
    lines.iter().map(number).collect()
}

fn number(line: &Json) -> u64 {
    line["sources"][1].as_str().unwrap()["source ".len()..].parse().unwrap()
}

fn offset(data: &Data, of: usize) -> u64 {
    data.json("export").lines()[of]["offset"].as_u64().unwrap()
}

#[test]
fn all_that_is_given_has_to_hold_whatever_is_indexed() {
    let data = data();
    for enable in ["predicate", "agent epoch", "object source"] {
        data.json(&format!("projections enable {enable}")).ends(0);
        for (line, expected) in [
            ("--predicate p1 --subject s1", vec![1, 7]),
            ("--predicate p0 --object o2", vec![2, 6, 10]),
            ("--predicate p0 --agent bob", vec![]),
            ("--predicate p0 --epoch now --subject s2 --agent ann --source atlas --object o0", vec![8]),
            ("--predicate p1 --limit 2", vec![1, 3]),
        ] {
            assert_eq!(listed(&data, line), expected, "{enable}: {line}");
        }
    }
    let source = data.command(["query", "--source", "source 7", "--json"]).output().unwrap();
    let source: Json = serde_json::from_slice(&source.stdout).unwrap();
    assert_eq!(number(&source), 7);
    let id = annals::EpochId::of("now").to_string();
    assert_eq!(listed(&data, &format!("--epoch {id}")), [0, 2, 4, 6, 8, 10]);
    assert_eq!(listed(&data, ""), (0..12).collect::<Vec<_>>(), "with nothing given, all");
    assert_eq!(listed(&data, "--subject nobody"), Vec::<u64>::new());
}

#[test]
fn a_line_is_a_record_with_its_tally_and_stderr_names_the_offset() {
    let data = data();
    data.json("projections enable agent").ends(0);
    let run = data.json("query --agent ann --limit 1").ends(0);
    let line = run.report();
    assert_eq!((&line["offset"], &line["type"]), (&json!(0), &json!("assertion")));
    assert_eq!(line["tally"]["for"]["voters"], 1);
    let end = data.json("status").report()["journal"]["durable"].clone();
    assert_eq!(super::objects(&run.err), [json!({"as_of": end})]);
    let people = data.run("query --agent ann --limit 1").ends(0);
    assert!(people.out.contains("s0  p0  o0") && people.out.contains("+1 -0"), "{people:?}");
    assert_eq!(people.err, format!("as of offset {end}\n"));
}

#[test]
fn what_is_not_indexed_is_refused_with_what_would_answer_it_and_read_where_that_is_asked_for() {
    let data = data();
    let error = data.json("query --predicate p0 --agent ann").ends(5).error();
    let message = error["message"].as_str().unwrap();
    for part in ["predicate, agent", "annals projections enable", "--scan"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(listed(&data, "--predicate p0 --agent ann --scan"), [0, 2, 4, 6, 8, 10]);
    assert_eq!(listed(&data, "--agent bob --scan --limit 2"), [1, 3]);
    let after = offset(&data, 3);
    assert_eq!(listed(&data, &format!("--agent bob --scan --limit 2 --after {after}")), [5, 7]);
    // What is indexed answers, with or without.
    data.json("projections enable agent").ends(0);
    assert_eq!(listed(&data, "--predicate p0 --agent ann"), [0, 2, 4, 6, 8, 10]);
}

#[test]
fn since_until_and_as_of_are_places_or_times_of_the_journal() {
    let wait = || {
        let until = SystemClock.now_micros() + 2000;
        while SystemClock.now_micros() < until {
            std::thread::yield_now();
        }
        SystemClock.now_micros()
    };
    let data = Data::new();
    let mut times = Vec::new();
    for i in 0..4 {
        times.push(wait());
        wait();
        let line = format!(
            r#"{{"subject":"s","predicate":"p","object":{i},"agent":"ann","sources":["x","source {i}"]}}"#
        );
        piped(data.command(["append"]), line).ends(0);
    }
    let end = wait();
    data.json("projections enable agent").ends(0);
    for flags in ["--agent ann", "--subject s", "--source x --scan", ""] {
        let at =
            |from: i64, to: i64| listed(&data, format!("{flags} --since @{from} --until @{to}").trim_start());
        assert_eq!(at(times[1], times[3]), [1, 2], "{flags}");
        assert_eq!(at(0, times[0]), Vec::<u64>::new());
        assert_eq!(at(times[3], end), [3]);
        let (first, last) = (offset(&data, 1), offset(&data, 3));
        let by = |line: String| listed(&data, format!("{flags} {line}").trim_start());
        assert_eq!(
            by(format!("--since {first} --until {last}")),
            [1, 2],
            "from the one on, before the other"
        );
        assert_eq!(by(format!("--since {} --until {last}", first + 1)), [2], "within a record");
        assert_eq!(by(format!("--as-of {last}")), [0, 1, 2]);
        assert_eq!(by(format!("--as-of @{}", times[2])), [0, 1]);
        assert_eq!(by(format!("--as-of {last} --since {first} --limit 1")), [1]);
        assert_eq!(by(format!("--since {}", u64::MAX)), Vec::<u64>::new());
    }
    // To the microsecond: from the one on, before the other.
    let annals = annals::Annals::open_existing(data.path()).unwrap();
    let at = annals.journal().time_of(annals::Offset::new(offset(&data, 2))).unwrap().unwrap();
    annals.close().unwrap();
    assert_eq!(listed(&data, &format!("--agent ann --since @{at}")), [2, 3]);
    assert_eq!(listed(&data, &format!("--agent ann --until @{at}")), [0, 1]);
    let run = data.json(&format!("query --agent ann --as-of @{}", times[2])).ends(0);
    assert_eq!(super::objects(&run.err), [json!({"as_of": offset(&data, 2)})]);
    data.run("query --agent ann --as-of 99999999").ends(2);
    for wrong in ["--since yesterday", "--until x", "--since -1", "--limit x"] {
        data.run(&format!("query --agent ann {wrong}")).ends(2);
    }
}

#[test]
fn many_pages_hold_as_of_one_offset_and_nothing_twice() {
    let data = Data::new();
    let lines: String = (0..1500)
        .map(|i| format!("{{\"subject\":\"s{i}\",\"predicate\":\"p\",\"object\":{i},\"agent\":\"ann\"}}\n"))
        .collect();
    piped(data.command(["import", "-"]), lines).ends(0);
    data.json("projections enable agent").ends(0);
    for line in ["query --agent ann", "query --predicate p --scan", "query"] {
        let offsets: Vec<u64> =
            data.json(line).ends(0).lines().iter().map(|line| line["offset"].as_u64().unwrap()).collect();
        assert_eq!(offsets.len(), 1500, "{line}");
        assert!(offsets.is_sorted_by(|a, b| a < b), "{line}");
    }
}

#[test]
fn what_was_purged_is_found_by_what_is_indexed_and_a_scan_says_that_it_is_not_looked_at() {
    let data = data();
    data.json("projections enable agent").ends(0);
    let end = data.json("status").report()["journal"]["durable"].as_u64().unwrap();
    for line in ["log seal", "log cursors --remove store"] {
        data.json(line).ends(0);
    }
    piped(
        data.command(["append"]),
        r#"{"subject":"s","predicate":"p0","object":1,"agent":"ann","sources":["x","source 99"]}"#,
    )
    .ends(0);
    data.json("query --agent ann").ends(0);
    data.json("log purge --keep-segments 1 --yes").ends(0);
    assert_eq!(listed(&data, "--agent ann"), [0, 2, 4, 6, 8, 10, 99]);
    let run = data.json("query --predicate p0 --scan").ends(0);
    assert_eq!(run.lines().iter().map(number).collect::<Vec<_>>(), [99]);
    let said = super::objects(&run.err);
    assert!(
        said[0]["warning"]["message"].as_str().unwrap().contains(&format!("from offset {end} on")),
        "{run:?}"
    );
    // What begins now knows of the purged part what the store does.
    data.json("projections enable predicate").ends(0);
    data.json("projections rebuild agent").ends(0);
    assert_eq!(listed(&data, "--predicate p1"), [1, 3, 5, 7, 9, 11]);
    assert_eq!(listed(&data, "--agent ann --predicate p0"), [0, 2, 4, 6, 8, 10, 99]);
}

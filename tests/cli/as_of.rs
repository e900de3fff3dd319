//! `--as-of`: the answers of a past offset or time are those that were given then, to the byte.

use annals::{Clock, SystemClock};

use super::{Data, Run, claims, piped};

/// A time apart from what was committed before and from what comes behind.
fn now() -> i64 {
    wait();
    let now = SystemClock.now_micros();
    wait();
    now
}

/// Until the clock has gone on.
fn wait() {
    let until = SystemClock.now_micros() + 2000;
    while SystemClock.now_micros() < until {
        std::thread::yield_now();
    }
}

fn vote(data: &Data, on: &str, stance: &str, seq: u64) {
    data.run(&format!("append --vote-on {on} --voter alice --stance {stance} --seq {seq}")).ends(0);
}

/// Every question there is, for people and for scripts.
fn questions(id: &str) -> Vec<String> {
    let asked = [format!("get {id}"), format!("votes {id}"), "subject s1".to_owned(), "subjects".to_owned()];
    let asked = asked.into_iter().chain(["epochs".to_owned(), "export".to_owned()]);
    asked.flat_map(|line| [format!("{line} --json"), line]).collect()
}

fn end(data: &Data) -> u64 {
    data.json("status").report()["journal"]["durable"].as_u64().unwrap()
}

fn said(run: Run) -> (i32, String, String) {
    (run.code, run.out, run.err)
}

#[test]
fn what_was_answered_once_is_answered_again_when_votes_change_sides_and_after_a_rebuild() {
    let data = Data::of(&(claims(20) + "{\"type\":\"epoch\",\"name\":\"now\"}\n"));
    let id = data.json("subject s1 --limit 1").report()["id"].as_str().unwrap().to_owned();
    vote(&data, &id, "for", 1);
    let (offset, time) = (end(&data), now());
    let then: Vec<_> = questions(&id).iter().map(|line| said(data.run(line))).collect();
    assert!(then[0].0 == 0 && then.iter().all(|(code, out, _)| *code == 0 && !out.is_empty()), "{then:?}");

    vote(&data, &id, "against", 2);
    data.import(claims(60)).ends(0);
    piped(
        data.command(["append"]),
        "{\"type\":\"epoch\",\"name\":\"now\",\"description\":\"another version\"}",
    )
    .ends(0);
    let later: Vec<_> = questions(&id).iter().map(|line| said(data.run(line))).collect();
    assert!(then.iter().zip(&later).all(|(then, later)| then != later), "every answer is another one now");

    let again = |data: &Data, as_of: &str| {
        for (line, then) in questions(&id).iter().zip(&then) {
            assert_eq!(said(data.run(&format!("{line} --as-of {as_of}"))), *then, "{line}");
        }
    };
    again(&data, &offset.to_string());
    again(&data, &format!("@{time}"));
    data.json("rebuild").ends(0);
    again(&data, &offset.to_string());
    // What was exported as of then, imported elsewhere, is what was there then.
    let copy = Data::of(&data.run(&format!("export --as-of {offset}")).out);
    assert_eq!(copy.run("subject s1").out, then[5].1);
}

#[test]
fn a_time_between_two_records_is_behind_the_first_and_one_before_all_is_before_all() {
    let data = Data::new();
    let mut moments = vec![(now(), 0)];
    for i in 0..3 {
        data.run(&format!("append --subject s --predicate p --int {i}")).ends(0);
        moments.push((now(), end(&data)));
    }
    for (i, (time, offset)) in moments.iter().enumerate().skip(1) {
        let answer = data.json(&format!("subject s --as-of @{time}")).ends(0);
        assert_eq!(answer.lines().len(), i);
        assert_eq!(answer.err, format!("{{\"as_of\":{offset}}}\n"));
        let instant = annals::format_instant(*time);
        assert_eq!(data.json(&format!("subject s --as-of @{instant}")).ends(0).out, answer.out, "{instant}");
    }
    for before in [format!("@{}", moments[0].0), "@0".to_owned(), "@1980-01-01".to_owned(), "0".to_owned()] {
        data.json(&format!("subject s --as-of {before}")).ends(5);
        let subjects = data.json(&format!("subjects --as-of {before}")).ends(0);
        assert_eq!((&*subjects.out, &*subjects.err), ("", "{\"as_of\":0}\n"));
        assert_eq!(data.json(&format!("export --as-of {before}")).ends(0).out, "");
    }
    // As of tomorrow is as of now.
    let all = data.run("subject s").out;
    assert_eq!(data.run(&format!("subject s --as-of @{}", now() + 86_400_000_000)).ends(0).out, all);
}

#[test]
fn an_offset_beyond_the_end_is_refused_and_the_end_named_and_one_within_a_record_is_behind_it() {
    let data = Data::of(&claims(3));
    let end = end(&data);
    for line in ["subjects", "export"] {
        let run = data.run(&format!("{line} --as-of {}", end + 1)).ends(2);
        let refusal = format!("error: offset {} is beyond the end of the journal, which is {end}\n", end + 1);
        assert!(run.err.starts_with(&refusal), "{run:?}");
        assert_eq!(run.out, "");
        data.run(&format!("{line} --as-of {end}")).ends(0);
    }
    let offsets: Vec<u64> =
        data.json("export").lines().iter().map(|line| line["offset"].as_u64().unwrap()).collect();
    for line in ["subjects", "export"] {
        let count = |offset: u64| data.json(&format!("{line} --as-of {offset}")).ends(0).lines().len();
        assert_eq!([count(offsets[1]), count(offsets[1] + 1), count(offsets[1] + 9)], [1, 2, 2], "{line}");
    }
    for wrong in ["x", "-1", "@", "@yesterday", "2026-11-20"] {
        data.run(&format!("subjects --as-of={wrong}")).ends(2);
    }
}

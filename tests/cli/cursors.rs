//! Workers told from beside: paused, resumed, moved, listed, by another process than the one that has the data.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals::parts::StoreError;
use annals::{Annals, Assertion, Change, Cursor, Offset, Outcome, Passed, Record, Sink, Value};
use serde_json::{Value as Json, json};

use super::{Data, claims};

/// An application's sink, which fails on demand.
#[derive(Default)]
struct Mailer(Mutex<(Vec<Offset>, Option<Cursor>)>, AtomicBool);

impl Mailer {
    fn mailed(&self) -> Vec<u64> {
        self.0.lock().unwrap().0.iter().map(|offset| offset.get()).collect()
    }
}

impl Sink for Mailer {
    fn cursor(&self) -> Result<Option<Cursor>, StoreError> {
        Ok(self.0.lock().unwrap().1)
    }

    fn reach(&self) -> Result<Option<Cursor>, StoreError> {
        self.cursor()
    }

    fn apply(&self, changes: &[Change<'_>], cursor: &Cursor) -> Result<Outcome, StoreError> {
        if self.1.load(Ordering::SeqCst) {
            return Err(StoreError::Poisoned { reason: "the mail server is gone".to_owned() });
        }
        let (mailed, there) = &mut *self.0.lock().unwrap();
        mailed.extend(changes.iter().map(|change| change.offset));
        *there = Some(*cursor);
        Ok(Outcome::default())
    }

    fn pass(&self, _passed: &Passed, cursor: &Cursor) -> Result<(), StoreError> {
        self.apply(&[], cursor).map(drop)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn checkpoint_to(&self, _at_least: Offset) -> Result<Offset, StoreError> {
        Ok(self.cursor()?.map_or(Offset::ZERO, |cursor| cursor.next))
    }

    fn seek(&self, cursor: &Cursor) -> Result<(), StoreError> {
        self.0.lock().unwrap().1 = Some(*cursor);
        Ok(())
    }
}

/// The line of this name in the list.
fn line(data: &Data, name: &str) -> Json {
    let lines = data.json("cursors").ends(0).lines();
    lines.into_iter().find(|line| line["name"] == name).unwrap_or_default()
}

/// Where each record stands.
fn offsets(data: &Data) -> Vec<u64> {
    data.json("tail").ends(0).lines().iter().map(|record| record["offset"].as_u64().unwrap()).collect()
}

#[test]
fn a_store_is_paused_and_resumed_under_a_process_that_imports() {
    let data = Data::of(&claims(3));
    let mut owner = data.start("import - --json --batch 1");
    let mut input = owner.stdin.take().unwrap();
    while data.json("cursors").lines()[0]["state"] != "caught_up" {}
    let told = data.json("cursors pause store").ends(0).report();
    assert_eq!(
        (&told["paused"], &told["obeyed"], &told["state"]),
        (&json!(true), &json!(true), &json!("paused"))
    );
    let stands = told["next"].as_u64().unwrap();

    // What comes now is durable and not applied, and the process that has it says so.
    input.write_all(claims(20).as_bytes()).unwrap();
    data.wait_for_records(20);
    let listed = line(&data, "store");
    assert_eq!((&listed["next"], &listed["durable"]), (&json!(stands), &json!(stands)));
    assert_eq!((&listed["behind"]["records"], &listed["state"]), (&json!(17), &json!("paused")));
    let by = listed["paused"]["by"].as_str().unwrap();
    assert!(by.ends_with("(annals)") && !by.contains(&owner.id().to_string()), "{by}");
    let status = data.json("status").ends(0).report();
    assert!(status["lag"]["catch_up_seconds"].is_null(), "{status}");
    assert_eq!(status["consumers"][0]["state"], "paused");
    let text = data.run("status").ends(0).out;
    assert!(text.contains("PAUSED") && text.contains("`annals cursors resume store`"), "{text}");

    let told = data.json("cursors resume store").ends(0).report();
    assert_eq!((&told["paused"], &told["obeyed"]), (&json!(false), &json!(true)));
    drop(input);
    let run = super::Run::from(owner.wait_with_output().unwrap()).ends(0);
    assert_eq!(run.report()["appended"], 17);
    data.run("verify").ends(0);
}

#[test]
fn a_pause_without_an_owner_holds_for_whoever_comes_next_and_is_told_instead_of_waited_for() {
    let data = Data::of(&claims(3));
    let told = data.json("cursors pause store").ends(0).report();
    assert_eq!((&told["obeyed"], &told["state"]), (&json!(false), &json!("not_running")));
    let before = data.json("subject s1").ends(0).out;
    let digest = data.json("digest").ends(0).report();
    // Nothing is behind yet, so it can be told what is there; from now on it cannot.
    data.run("append --subject s1 --predicate p --int 77").ends(0);
    for line in ["append --subject s1 --predicate p --int 78", "import /dev/null --format jsonl"] {
        let error = data.json(line).ends(15).error();
        assert_eq!(error["name"], "paused", "{line}");
        assert!(error["message"].as_str().unwrap().contains("`annals cursors resume store`"), "{error}");
    }
    let run = data.json("subject s1").ends(0);
    assert_eq!(run.out, before);
    let said: Json = serde_json::from_str(run.err.lines().next().unwrap()).unwrap();
    assert_eq!(said["warning"]["name"], "paused", "{said}");
    assert_eq!(data.json("digest").ends(0).report()["digest"], digest["digest"]);
    let end = data.json("status").ends(0).report()["journal"]["next"].as_u64().unwrap();
    data.json(&format!("subject s1 --as-of {end}")).ends(15);
    data.json(&format!("subject s1 --as-of {}", digest["as_of"])).ends(0);
    data.json("dead-letters list").ends(0);
    data.run("verify").ends(0);
    data.run("rebuild").ends(0);
    assert_eq!(line(&data, "store")["next"], digest["as_of"], "a rebuild goes no further than the store");
    assert_eq!(data.json("digest").ends(0).report()["digest"], digest["digest"]);
    data.json("pass-damage").ends(0);
    data.json("pass-damage --yes").ends(15);
    assert_eq!(line(&data, "store")["state"], "not_running");
    assert!(data.run("cursors").out.contains("paused since"));

    data.run("cursors resume store").ends(0);
    assert_ne!(data.json("subject s1").ends(0).out, before);
    assert!(line(&data, "store")["paused"].is_null());
}

#[test]
fn a_consumer_of_another_process_is_listed_paused_moved_back_and_forth_and_only_with_yes() {
    let data = Data::of(&claims(10));
    let all = offsets(&data);
    let annals = Annals::open(data.path()).unwrap();
    let sink = Arc::new(Mailer::default());
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    let soon = Duration::from_secs(60);
    let end = annals.journal().durable();
    consumer.wait_for(end, soon).unwrap();
    assert_eq!(sink.mailed(), all);
    while line(&data, "mailer")["state"] != "caught_up" || line(&data, "mailer")["next"] != end.get() {}
    assert_eq!(line(&data, "mailer")["kind"], "consumer");

    // Back, and first only said.
    let seek = format!("cursors seek mailer --to {}", all[7]);
    let plan = data.json(&seek).ends(0).report();
    let expected = json!({"name": "mailer", "kind": "consumer", "from": end.get(), "to": all[7], "records": 3,
        "bytes": end.get() - all[7], "skips": false, "done": false, "noted": false});
    assert_eq!(plan, expected);
    let text = data.run(&seek).ends(0);
    assert!(text.out.contains("3 records") && text.out.contains("would be applied again"), "{text:?}");
    assert!(text.err.contains("nothing was changed: --yes does it"), "{text:?}");
    assert_eq!(sink.mailed(), all);
    let done = data.json(&format!("{seek} --yes")).ends(0).report();
    assert_eq!((&done["done"], &done["noted"]), (&json!(true), &json!(false)));
    while sink.mailed().len() < 13 {}
    assert_eq!(sink.mailed(), [&all[..], &all[7..]].concat());

    // Paused, and then forth: what lies between is skipped, and that is said loudly.
    let told = data.json("cursors pause mailer").ends(0).report();
    assert_eq!((&told["obeyed"], &told["state"]), (&json!(true), &json!("paused")));
    for i in 0..4 {
        annals.append(&Record::Assertion(Assertion::new("late", "p", Value::Int(i)))).unwrap();
    }
    let text = data.run("cursors seek mailer --to end").ends(0).out;
    assert!(text.contains("4 records") && text.contains("SKIPPED and never applied"), "{text}");
    assert_eq!(data.json("cursors seek mailer --to end").ends(0).report()["skips"], true);
    data.run("cursors seek mailer --to end --yes").ends(0);
    assert_eq!(line(&data, "mailer")["state"], "paused");
    data.run("cursors resume mailer").ends(0);
    consumer.wait_for(annals.journal().durable(), soon).unwrap();
    assert_eq!(sink.mailed().len(), 13);

    // At work it is not forgotten.
    let refused = data.json("cursors forget mailer --yes").ends(11).error();
    assert_eq!(refused["name"], "locked");
    consumer.stop().unwrap();
    annals.close().unwrap();
    assert_eq!(line(&data, "mailer")["state"], "not_running");
    let noted = data.json("cursors seek mailer --to start --yes").ends(0).report();
    assert_eq!((&noted["done"], &noted["noted"]), (&json!(false), &json!(true)));
    assert_eq!(line(&data, "mailer")["seek"]["to"], 0);
    data.run("cursors forget mailer").ends(0);
    assert_eq!(data.json("cursors").lines().len(), 2);
    data.run("cursors forget mailer --yes").ends(0);
    assert_eq!(data.json("cursors").lines().len(), 1);
    let left = |dir: &str| fs::read_dir(data.path().join(dir)).unwrap().count();
    assert_eq!(["consumers", "paused", "seeks"].map(left), [0, 0, 0]);
}

#[test]
fn a_consumer_that_has_failed_is_named_by_status_and_a_purge_waits_for_it() {
    let data = Data::of(&claims(6));
    let annals = Annals::open(data.path()).unwrap();
    let sink = Arc::new(Mailer::default());
    sink.1.store(true, Ordering::SeqCst);
    let consumer = annals.consumer("mailer", Arc::clone(&sink)).unwrap();
    consumer.wait_for(annals.journal().durable(), Duration::from_secs(60)).unwrap_err();
    annals.journal().seal().unwrap();
    while line(&data, "mailer")["state"] != "failed" {}
    let report = data.json("status").ends(0).report();
    let failed = &report["consumers"][1];
    assert_eq!((&failed["name"], &failed["state"]), (&json!("mailer"), &json!("failed")));
    assert!(failed["error"].as_str().unwrap().contains("the mail server is gone"), "{failed}");
    assert!(report["store"]["worker_error"].is_null());
    let text = data.run("status").ends(0).out;
    let named: Vec<_> = text.lines().filter(|line| line.contains("mailer")).collect();
    assert_eq!(named.len(), 1, "{text}");
    assert!(named[0].contains("FAILED") && named[0].contains("6 records behind"), "{named:?}");
    let listed = data.run("cursors").ends(0).out;
    assert!(listed.contains("failed") && listed.contains("the mail server is gone"), "{listed}");
    // It is told from beside to try again: in vain at first.
    let told = data.json("cursors resume mailer").ends(0).report();
    assert_eq!((&told["obeyed"], &told["state"]), (&json!(false), &json!("failed")));
    sink.1.store(false, Ordering::SeqCst);
    // It waits for a moment only, and a busy machine may take longer.
    while data.json("cursors resume mailer").ends(0).report()["obeyed"] != true {}
    consumer.wait_for(annals.journal().durable(), Duration::from_secs(60)).unwrap();
    assert_eq!(sink.mailed().len(), 6);
    consumer.stop().unwrap();
    annals.close().unwrap();

    // It does not run, and what comes is held for it.
    data.run("append --subject late --predicate p --int 1").ends(0);
    data.run("log seal").ends(0);
    data.run("append --subject late --predicate p --int 2").ends(0);
    data.run("log cursors --remove store").ends(0);
    let plan = data.run("log plan --keep-segments 1").ends(0).out;
    assert!(plan.contains("mailer"), "{plan}");
    let purge = || data.json("log purge --keep-segments 1 --yes");
    let blocked = purge().ends(1).error();
    assert!(blocked["message"].as_str().unwrap().contains("cursor mailer stands at"), "{blocked}");
    assert_eq!(offsets(&data).len(), 2, "what it has applied is gone, the rest is held for it");
    data.run("cursors forget mailer --yes").ends(0);
    purge().ends(0);
    assert_eq!(offsets(&data).len(), 1);
}

#[test]
fn a_named_cursor_is_listed_and_moved_and_everything_else_is_refused_with_what_to_do() {
    let data = Data::of(&claims(5));
    let all = offsets(&data);
    {
        let annals = Annals::open(data.path()).unwrap();
        drop(annals.journal().cursor_at("mine", Offset::new(all[1])).unwrap());
        annals.close().unwrap();
    }
    let listed = line(&data, "mine");
    assert_eq!(
        (&listed["kind"], &listed["next"], &listed["behind"]["records"]),
        (&json!("named"), &json!(all[1]), &json!(4))
    );
    for (to, at) in [("end", None), ("start", Some(0)), ("@0", Some(0))] {
        let done = data.json(&format!("cursors seek mine --to {to} --yes")).ends(0).report();
        assert_eq!(done["done"], true, "{to}");
        at.into_iter().for_each(|at: u64| assert_eq!(line(&data, "mine")["next"], at));
    }
    let refused = |command: &str, code: i32, word: &str| {
        let run = data.json(command).ends(code);
        let message = run.error()["message"].to_string();
        assert!(message.contains(word), "{command}: {message}");
    };
    refused("cursors pause mine", 2, "an application of its own");
    refused("cursors seek store --to start --yes", 2, "`annals rebuild`");
    refused("cursors forget store --yes", 2, "`annals log cursors --remove store`");
    refused("cursors seek nobody --to start", 5, "`annals cursors` lists them");
    refused("cursors pause ../journal", 5, "there is no consumer");
    refused(&format!("cursors seek mine --to {}", all[2] + 8), 2, "no record begins at offset");
    refused("cursors seek mine --to 99999999", 2, "beyond the end");
    refused("cursors seek mine --to middle", 2, "start or end");
    data.run("cursors forget mine --yes").ends(0);
    assert_eq!(data.json("cursors").lines().len(), 1);
}

#[test]
fn a_projection_is_paused_and_resumed_like_any_other_worker() {
    let data = Data::of(&claims(5));
    data.run("projections enable predicate").ends(0);
    let known = line(&data, "projection.predicate");
    assert_eq!((&known["kind"], &known["state"]), (&json!("projection"), &json!("not_running")), "{known}");
    data.run("cursors pause projection.predicate").ends(0);
    let input = data.with_file("more.jsonl", claims(9));
    data.run(&format!("import {}", input.display())).ends(0);
    let answered = data.run("query --predicate p").ends(0);
    assert_eq!(answered.out.lines().count(), 5, "{answered:?}");
    assert!(answered.err.contains("cursors resume projection.predicate"), "{answered:?}");
    let known = line(&data, "projection.predicate");
    assert!(known["paused"]["since"].is_string() && known["behind"]["records"] == 4, "{known}");
    data.run("cursors seek projection.predicate --to 0 --yes").ends(2);
    data.run("cursors resume projection.predicate").ends(0);
    assert_eq!(data.json("query --predicate p").ends(0).lines().len(), 9);
    // Nobody fills it once a status has ended.
    let status = data.json("status").ends(0).report();
    assert_eq!(
        (&status["consumers"][1]["name"], &status["consumers"][1]["state"]),
        (&json!("projection.predicate"), &json!("not_running"))
    );

    data.run("cursors pause store").ends(0);
    let input = data.with_file("yet_more.jsonl", claims(12));
    data.run(&format!("import {}", input.display())).ends(15);
    let answered = data.run("query --predicate p").ends(0);
    assert_eq!(answered.out.lines().count(), 9, "{answered:?}");
    assert!(answered.err.contains("cursors resume store"), "{answered:?}");
}

//! The shapes of JSON that docs/cli.md promises: every key, and what it holds.

use serde_json::{Value as Json, json};

use super::lines::every_kind;
use super::{Data, Run, annals, claims, piped};

/// The keys of an object that stands on a line, in their order, as far as no key stands within another.
fn keys(line: &str) -> Vec<&str> {
    line.trim_start_matches('{')
        .split(",\"")
        .filter_map(|key| key.trim_start_matches('"').split("\":").next())
        .collect()
}

/// The object has these keys, and may have more.
fn has(object: &Json, wanted: &[&str]) {
    for key in wanted {
        assert!(object.get(key).is_some(), "{key} is missing in {object}");
    }
}

#[test]
fn import_reports_what_it_read_and_where_it_went() {
    let data = Data::new();
    let text = format!("{}\n  \n{}nonsense\n", claims(3), claims(2));
    let report = data.import(&text).ends(3).report();
    has(&report, &["read", "appended", "duplicates", "rejected", "first", "next", "seconds"]);
    assert_eq!(
        [&report["read"], &report["appended"], &report["duplicates"], &report["rejected"], &report["first"]],
        [6, 3, 2, 1, 0]
    );
    assert!(report["seconds"].is_number() && report["complete"] == true && report["dry_run"] == false);
    let next = data.json("status").report()["journal"]["next"].clone();
    assert_eq!(report["next"], next);
    let again = data.import(claims(3)).ends(0).report();
    assert_eq!(
        [&again["appended"], &again["duplicates"], &again["first"]],
        [&json!(0), &json!(3), &Json::Null]
    );
    assert_eq!(again["next"], next);
}

#[test]
fn status_tells_of_journal_cursor_lag_and_store() {
    let data = Data::of(&every_kind());
    let report = data.json("status").ends(0).report();
    has(
        &report["journal"],
        &["uuid", "start", "next", "durable", "segments", "bytes", "records", "durability"],
    );
    has(&report["lag"], &["records", "bytes", "seconds", "catch_up_seconds"]);
    let store = &report["store"];
    assert_eq!(
        ["assertions", "votes", "epochs", "subjects", "dead_letters"].map(|key| store[key].as_u64().unwrap()),
        [20, 2, 1, 1, 0]
    );
    assert_eq!(report["cursor"], report["journal"]["next"]);
    assert_eq!(report["lag"], json!({"records": 0, "bytes": 0, "seconds": 0.0, "catch_up_seconds": 0.0}));
    assert_eq!(report["journal"]["records"], 24);
    assert_eq!(report["journal"]["durability"], "synced");
    assert!(report["owner"].is_null());
    has(&report["data"], &["dir", "from", "file_system", "sync_micros", "concerns"]);
    assert_eq!(report["data"]["dir"], data.path().display().to_string());
    assert!(report["data"]["from"] == "--data" && report["data"]["sync_micros"].is_null(), "{report}");
    let probed = data.json("status --probe-sync").ends(0).report();
    assert!(probed["data"]["sync_micros"].is_u64(), "{probed}");
}

#[test]
fn a_record_is_its_id_its_offset_its_type_and_its_json_form() {
    let data = Data::of(&every_kind());
    for line in data.json("tail").ends(0).out.lines() {
        assert_eq!(keys(line)[..3], ["id", "offset", "type"]);
        let record: Json = serde_json::from_str(line).unwrap();
        let got = data.json(&format!("get {}", record["id"].as_str().unwrap())).ends(0);
        assert_eq!(got.report(), record);
        assert!(got.err.contains("\"as_of\":"), "{got:?}");
    }
}

#[test]
fn append_prints_id_and_offset_of_what_was_or_stood_there() {
    let data = Data::new();
    let append = "append --subject s --predicate p --quantity";
    let quantity = |amount: &str| {
        let mut words: Vec<&str> = append.split(' ').collect();
        words.extend([amount, "--json"]);
        let run = Run::from(data.command(words).output().unwrap()).ends(0);
        assert_eq!(keys(&run.out), ["id", "offset", "duplicate"]);
        run.report()
    };
    let report = quantity("5.2 kg");
    assert_eq!(report["duplicate"], false);
    let again = quantity("5.2 kg");
    assert_eq!(
        (&again["id"], &again["offset"], &again["duplicate"]),
        (&report["id"], &report["offset"], &true.into())
    );
    assert_ne!(quantity("5.20 kg")["id"], report["id"]);
    let record = data.json(&format!("get {}", &report["id"].as_str().unwrap()[..8])).ends(0).report();
    assert_eq!(record["object"], json!({"quantity": "5.2", "unit": "kg"}));
    let plain =
        piped(data.command(["append", "-"]), "{\"subject\":\"s\",\"predicate\":\"p\",\"object\":\n3}")
            .ends(0);
    let [id, offset] = plain.out.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{plain:?}") };
    assert_eq!((id.len(), offset.parse::<u64>().is_ok()), (64, true));
}

#[test]
fn a_vote_may_name_its_assertion_by_the_beginning_of_its_id() {
    let data = Data::of("{\"subject\":\"s\",\"predicate\":\"p\",\"object\":1}\n");
    let claim = data.json("tail").report()["id"].as_str().unwrap().to_owned();
    let vote = format!("append --vote-on {} --voter alice --stance for --weight 2.5", &claim[..10]);
    let vote = data.json(&vote).ends(0).report()["id"].clone();
    data.json("append --vote-on 0123456789 --voter alice --stance for").ends(5);
    let votes = data.json(&format!("votes {}", &claim[..10])).ends(0);
    assert_eq!(votes.report()["id"], vote);
    assert_eq!(votes.report()["assertion"], claim);
    let tally = &super::objects(&votes.err)[0];
    assert_eq!((&tally["assertion"], &tally["tally"]["balance"]), (&claim.into(), &json!(2.5)));
}

#[test]
fn subject_lists_assertions_in_order_each_with_its_tally() {
    let data = Data::of(&claims(30));
    let ids: Vec<String> = data
        .json("subject s3")
        .ends(0)
        .lines()
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect();
    for (voter, stance, seq) in [("a", 1, 1), ("b", -1, 1), ("a", -1, 2), ("c", 0, 0)] {
        let vote = format!(
            "{{\"type\":\"vote\",\"assertion\":\"{}\",\"voter\":\"{voter}\",\"stance\":{stance},\"seq\":{seq}}}",
            ids[1]
        );
        piped(data.command(["append"]), vote).ends(0);
    }
    let listed = data.json("subject s3").lines();
    assert_eq!(
        listed.iter().map(|line| line["object"].as_u64().unwrap()).collect::<Vec<_>>(),
        [3, 10, 17, 24]
    );
    assert_eq!(
        listed[1]["tally"],
        json!({
            "for": {"voters": 0, "weight": 0.0},
            "against": {"voters": 2, "weight": 2.0},
            "neutral": {"voters": 1, "weight": 1.0},
            "balance": -2.0,
            "superseded": 1,
        })
    );
    assert_eq!(listed[0]["tally"]["for"]["voters"], 0);
    let after = listed[1]["offset"].as_u64().unwrap();
    let page = data.json(&format!("subject s3 --limit 1 --after {after}")).lines();
    assert_eq!(page, [listed[2].clone()]);
    assert_eq!(data.json("subject s3 --predicate other").ends(0).out, "");
    assert_eq!(data.json("subject s3 --predicate p").lines(), listed);
}

#[test]
fn epochs_and_subjects_are_listed_whole_or_by_the_page() {
    let names = ["b", "a", "c"];
    let lines: String =
        names.iter().map(|name| format!("{{\"type\":\"epoch\",\"name\":\"{name}\"}}\n")).collect();
    let data = Data::of(&(lines + &claims(600)));
    let epochs = data.json("epochs").ends(0).lines();
    assert_eq!(epochs.iter().map(|epoch| epoch["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
    assert_eq!(epochs[0]["epoch"].as_str().unwrap().len(), 64);
    let first = epochs[0]["first"].as_u64().unwrap();
    assert_eq!(data.json(&format!("epochs --limit 1 --after {first}")).lines()[0]["name"], "a");
    let subjects = data.json("subjects").ends(0);
    assert_eq!(keys(subjects.out.lines().next().unwrap()), ["subject", "assertions", "first"]);
    let subjects = subjects.lines();
    assert_eq!(subjects.len(), 7);
    assert_eq!((&subjects[6]["subject"], &subjects[6]["assertions"]), (&json!("s6"), &json!(85)));
    assert_eq!(data.json("subjects --limit 2 --after s3").lines(), subjects[4..6]);
    assert_eq!(data.json("subjects --prefix s5").lines(), subjects[5..6]);
    assert_eq!(data.json("subject s1").lines().len(), 86);
}

#[test]
fn verify_and_rebuild_say_that_all_is_well() {
    let data = Data::of(&every_kind());
    let verified = data.json("verify").ends(0).report();
    has(&verified, &["ok", "records", "damaged", "index"]);
    assert_eq!(
        (&verified["ok"], &verified["records"], &verified["damaged"]),
        (&json!(true), &json!(24), &json!([]))
    );
    assert_eq!((&verified["index"]["ok"], &verified["index"]["damaged"]), (&json!(true), &json!([])));
    let rebuilt = data.json("rebuild").ends(0).report();
    has(&rebuilt, &["records", "seconds", "same"]);
    assert_eq!((&rebuilt["records"], &rebuilt["same"]), (&json!(24), &json!(true)));
    assert_eq!(rebuilt["digest"], verified["index"]["digest"]);
}

#[test]
fn version_and_help_are_answers() {
    let run: Run = annals(["--version", "--json"]).output().unwrap().into();
    assert_eq!(run.ends(0).report(), json!({"name": "annals", "version": env!("CARGO_PKG_VERSION")}));
    for line in ["help", "help import", "import --help"] {
        let run: Run = annals(line.split(' ')).output().unwrap().into();
        let run = run.ends(0);
        assert!(run.out.contains("Usage: annals") && run.err.is_empty(), "{run:?}");
    }
}

//! Rebuilding, keeping, going back and taking away, as an operator does it; and a rebuild that is killed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{Data, claims};

/// The names of the generations, and for each whether it answers and whether it is kept.
fn listed(data: &Data) -> Vec<(String, bool, bool)> {
    let lines = data.json("generations").ends(0).lines();
    let of = |line: &Json, key: &str| line[key].as_bool().unwrap();
    let name = |line: &Json| line["generation"].as_str().unwrap().to_owned();
    lines.iter().map(|line| (name(line), of(line, "current"), of(line, "kept"))).collect()
}

fn expected(generations: &[(&str, bool, bool)]) -> Vec<(String, bool, bool)> {
    generations.iter().map(|(name, current, kept)| ((*name).to_owned(), *current, *kept)).collect()
}

#[test]
fn what_is_kept_answers_again_and_knows_what_came_since() {
    let data = Data::of(&claims(20));
    let digest = data.json("verify").report()["index"]["digest"].clone();
    let rebuilt = data.json("rebuild --keep-old").ends(0).report();
    assert_eq!((&rebuilt["kept"], &rebuilt["generation"]), (&json!("gen-000001"), &json!("gen-000002")));
    assert_eq!((&rebuilt["resumed_at"], &rebuilt["digest"]), (&Json::Null, &digest));
    let lines = data.json("generations").ends(0).lines();
    assert_eq!((&lines[0]["digest"], &lines[0]["as_of"]), (&digest, &lines[1]["as_of"]));
    assert!(lines.iter().all(|line| line["bytes"].as_u64().unwrap() > 1000), "{lines:?}");
    assert_eq!(listed(&data), expected(&[("gen-000001", false, true), ("gen-000002", true, false)]));
    data.json("append --subject later --predicate p --int 1").ends(0);
    let back = data.json("rebuild --rollback").ends(0).report();
    assert_eq!(
        back,
        json!({"from": "gen-000002", "to": "gen-000001", "switched": true, "records_to_apply": 1})
    );
    data.json("subject later").ends(0);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    // What was gone back from stays, whatever is rebuilt.
    data.json("rebuild").ends(0);
    assert_eq!(listed(&data), expected(&[("gen-000002", false, true), ("gen-000003", true, false)]));
    assert!(data.run("generations").ends(0).out.contains("gen-000002  kept"));
    let error = data.json("generations --remove gen-000003").ends(1).error();
    assert!(error["message"].as_str().unwrap().contains("answers and stays"), "{error}");
    data.run("generations --remove gen-000002").ends(0);
    assert_eq!(listed(&data), expected(&[("gen-000003", true, false)]));
}

#[test]
fn a_rebuild_that_is_killed_is_gone_on_with() {
    let data = Data::new();
    data.import(claims(300)).ends(0);
    // Imported one by one, so that there are many batches; read so slowly that it would take a minute.
    let bytes = data.json("status").report()["journal"]["durable"].as_u64().unwrap();
    let mut slow = data.command(["rebuild", "--throttle", &(bytes / 60).to_string()]);
    let mut slow = slow.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = data.path().join("store/gen-000002/rebuild.json");
    let until = Instant::now() + Duration::from_secs(60);
    while !begun.exists() {
        assert!(Instant::now() < until && slow.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    // Behind its second or third checkpoint, each a second after the last.
    std::thread::park_timeout(Duration::from_millis(3500));
    slow.kill().unwrap();
    slow.wait().unwrap();
    assert_eq!(listed(&data).last().unwrap(), &("gen-000002".to_owned(), false, false));
    data.json("subject s3").ends(0);
    let rebuilt = data.json("rebuild").ends(0).report();
    assert!(rebuilt["resumed_at"].as_u64().is_some_and(|at| at > 0 && at < bytes), "{rebuilt}");
    assert!(rebuilt["records"].as_u64().unwrap() < 300, "{rebuilt}");
    assert_eq!((&rebuilt["same"], &rebuilt["generation"]), (&json!(true), &json!("gen-000002")));
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
}

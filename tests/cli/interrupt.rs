//! Ctrl-C: what was acknowledged is there, and the directory opens.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command};
use std::thread;

use super::{Data, Run, claims};

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_ends_an_import_behind_a_batch_and_leaves_a_directory_that_opens() {
    let data = Data::of("{\"subject\":\"first\",\"predicate\":\"p\",\"object\":1}\n");
    let mut import = data.start("import - --json --batch 10");
    let mut stdin = import.stdin.take().unwrap();
    // An input without an end: the import can only end by being told to.
    let endless = thread::spawn(move || {
        for i in 0_u64.. {
            let line = format!("{{\"subject\":\"s\",\"predicate\":\"p\",\"object\":{i}}}\n");
            if stdin.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    });
    data.wait_for_records(200);
    interrupt(&import);
    let run = Run::from(import.wait_with_output().unwrap()).ends(130);
    endless.join().unwrap();
    let report = run.report();
    assert_eq!(report["complete"], false);
    assert_eq!(run.error()["name"], "interrupted");
    let appended = report["appended"].as_u64().unwrap();
    assert!(appended >= 199, "{run:?}");
    assert_eq!(report["read"], report["appended"]);
    assert_eq!(data.json("status").ends(0).report()["journal"]["records"], appended + 1);
    assert_eq!(data.json("verify").ends(0).report()["ok"], true);
    assert_eq!(data.json("subject s --limit 5").ends(0).lines().len(), 5);
}

#[test]
fn ctrl_c_ends_an_import_that_waits_for_its_input() {
    let data = Data::of(&claims(1));
    let mut import = data.start("import -");
    // Held open until it has ended.
    let mut stdin = import.stdin.take().unwrap();
    stdin.write_all(claims(2).as_bytes()).unwrap();
    data.wait_for_records(2);
    interrupt(&import);
    let run = Run::from(import.wait_with_output().unwrap()).ends(130);
    assert!(run.out.contains("1 appended") && run.err.contains("interrupted"), "{run:?}");
    drop(stdin);
    data.run("subjects").ends(0);
}

#[test]
fn ctrl_c_ends_a_tail_that_follows() {
    let data = Data::of(&claims(3));
    let mut tail = data.start("tail -f --json");
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        lines.next().unwrap().unwrap();
    }
    interrupt(&tail);
    let run = Run::from(tail.wait_with_output().unwrap()).ends(130);
    assert_eq!(run.error()["code"], 130);
}

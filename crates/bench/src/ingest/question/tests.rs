use std::collections::HashSet;

use super::super::set::Set;
use super::{Draw, Questions};

#[test]
fn questions_are_about_what_is_there_and_come_back_as_they_were_written() {
    let (mut set, mut draw, mut ids) = (Set::new(2000), Draw::new(2000), HashSet::new());
    while let Some(made) = set.next().unwrap() {
        draw.see(&made);
        ids.insert(made.id);
    }
    let questions = draw.end();
    assert_eq!(questions.records, 2000);
    assert!(questions.ids.len() > 1700 && questions.ids.iter().all(|id| ids.contains(id)));
    assert!(questions.absent().iter().all(|id| !ids.contains(id)));
    let listed: u64 = questions.subjects.iter().map(|(_, count)| u64::from(*count)).sum();
    assert_eq!(
        listed,
        questions.ids.len() as u64,
        "every subject is asked for, and every assertion is of one"
    );
    assert_eq!(questions.hot, questions.subjects.iter().find(|(rank, _)| *rank == 0).unwrap().1);
    let file = std::env::temp_dir().join(format!("annals-bench-questions-{}", std::process::id()));
    questions.write(&file).unwrap();
    assert_eq!(Questions::read(&file).unwrap(), questions);
    std::fs::remove_file(file).unwrap();
}

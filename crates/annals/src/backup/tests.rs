use annals_record::{Assertion, Log, Record, Value};

use super::*;
use crate::{RebuildOptions, RestoreOptions, STORE_CURSOR, restore};

fn append(annals: &Annals, number: i64) {
    let claim = Assertion::new(format!("subject {}", number % 3), "says", Value::Int(number));
    annals.append(&Record::Assertion(claim)).unwrap();
}

#[test]
fn a_backup_of_open_data_holds_what_was_appended_and_no_kept_generation() {
    let room = tempfile::tempdir().unwrap();
    let at = |name: &str| room.path().join(name);
    let annals = Annals::open(at("data")).unwrap();
    (0..50).for_each(|number| append(&annals, number));
    annals.catch_up().unwrap();
    // The generation that is kept has a cursor of the journal, and stays where it is.
    annals.rebuild(&RebuildOptions { keep_old: true, ..RebuildOptions::default() }, &mut |_| {}).unwrap();
    assert_eq!(annals.journal().cursors().unwrap().len(), 2);
    let digest = annals.digest().unwrap();
    let backup = annals.backup(at("backup"), BackupOptions::default(), &mut |_, _| {}).unwrap();
    assert_eq!((backup.manifest.records, backup.manifest.durable), (50, annals.journal().durable()));
    // From another handle's side it is data in use.
    let beside = super::backup(&at("data"), &at("backup"), BackupOptions::default(), &mut |_, _| {}).unwrap();
    assert!(beside.owner.is_some() && beside.opened.is_none());
    append(&annals, 50);
    let mut phases = Vec::new();
    let heard = &mut |progress: &crate::RestoreProgress| {
        phases.push(matches!(progress, crate::RestoreProgress::Copying { .. }));
    };
    let restored = restore(&at("backup"), &at("restored"), RestoreOptions::default(), heard).unwrap();
    assert!(phases.first() == Some(&true) && phases.last() == Some(&false));
    assert_eq!(restored.rebuilt.unwrap().digests.to_string(), digest.sums.all);
    let copy = Annals::open_existing(at("restored")).unwrap();
    assert_eq!(copy.digest().unwrap().families, digest.families);
    assert_eq!(copy.journal().identity(), annals.journal().identity());
    let cursors: Vec<String> =
        copy.journal().cursors().unwrap().into_iter().map(|cursor| cursor.name).collect();
    assert_eq!(cursors, [STORE_CURSOR]);
}

#[test]
fn an_operator_who_removed_the_stores_cursor_does_not_find_it_again() {
    let room = tempfile::tempdir().unwrap();
    let at = |name: &str| room.path().join(name);
    let annals = Annals::open(at("data")).unwrap();
    append(&annals, 0);
    annals.journal().remove_cursor(STORE_CURSOR).unwrap();
    annals.backup(at("backup"), BackupOptions::default(), &mut |_, _| {}).unwrap();
    restore(&at("backup"), &at("restored"), RestoreOptions { rebuild: false }, &mut |_| {}).unwrap();
    let copy = Annals::open_existing(at("restored")).unwrap();
    assert_eq!(copy.journal().cursors().unwrap(), []);
}

use serde_json::json;

use super::*;

#[test]
fn a_rebuild_that_differs_or_has_nothing_to_compare_with_is_noticed() {
    let said = |same: Value, switched| same_as_rebuilt(&json!({"same": same, "switched": switched}));
    assert_eq!(said(json!(true), true), Ok(()));
    assert!(said(json!(false), false).is_err());
    assert!(said(json!(null), true).is_err());
    assert!(said(json!(true), false).is_err());
    assert!(same_as_rebuilt(&json!({})).is_err());
}

#[test]
fn a_digest_that_differs_from_that_of_the_backup_is_noticed() {
    let check = |as_of: u64, digest: &str, other: &str| {
        equal(
            &json!({"as_of": as_of, "digest": digest}),
            &json!({"durable": 8}),
            &json!({"rebuilt": {"digest": other}}),
        )
    };
    assert_eq!(check(8, "ab", "ab"), Ok(()));
    assert!(check(8, "ab", "ac").is_err());
    assert!(check(7, "ab", "ab").is_err(), "as of another place");
    assert!(equal(&json!({"as_of": 8}), &json!({"durable": 8}), &json!({})).is_err(), "no digest at all");
}

#[test]
fn a_generation_that_was_left_behind_is_noticed() {
    let listed = |generations: &[(bool, bool)]| -> Vec<Value> {
        generations.iter().map(|(current, kept)| json!({"current": current, "kept": kept})).collect()
    };
    let (answers, kept, other) = ((true, false), (false, true), (false, false));
    for sound in [&[answers][..], &[kept, answers], &[answers, other], &[kept, answers, other]] {
        assert_eq!(tidy(&listed(sound)), Ok(()));
    }
    for unsound in [&[][..], &[other], &[other, answers], &[answers, answers], &[kept, other, answers]] {
        assert!(tidy(&listed(unsound)).is_err(), "{unsound:?}");
    }
}

/// What `verify` answers with this in the place of that.
fn verified(code: i32, change: impl Fn(&mut Value)) -> Answer {
    let family = json!({"log": "ab", "store": "ab", "stored": "ab", "same": true});
    let mut said = json!({"ok": code == 0, "damaged": [], "index": {"compared_from": 0, "damaged": [], "error": null, "families":
        {"assertions": family, "votes": family, "epochs": family, "subjects": family}}});
    change(&mut said);
    let stderr = match code {
        0 => String::new(),
        _ => json!({"error": {"name": "damaged", "message": "purged"}}).to_string(),
    };
    Answer { code: Some(code), lines: vec![said], stderr }
}

#[test]
fn what_verify_finds_is_noticed_and_a_purge_excuses_nothing_but_itself() {
    assert_eq!(sound(&verified(0, |_| {}), false), Ok(()));
    assert_eq!(sound(&verified(0, |said| said["index"]["compared_from"] = json!(80)), true), Ok(()));
    assert!(sound(&verified(0, |said| said["index"]["compared_from"] = json!(80)), false).is_err());
    assert!(sound(&verified(4, |_| {}), true).is_err());
    assert!(sound(&verified(4, |_| {}), false).is_err());
    assert!(sound(&verified(1, |_| {}), true).is_err());
    let changes: [fn(&mut Value); 5] = [
        |said| said["damaged"] = json!([{"offset": 8}]),
        |said| said["index"]["damaged"] = json!([{"key": "H:"}]),
        |said| said["index"]["families"]["votes"]["same"] = json!(false),
        |said| said["index"]["error"] = json!("it cannot be read"),
        |said| said["index"] = json!(null),
    ];
    for change in changes {
        assert!(sound(&verified(0, change), false).is_err());
        assert!(sound(&verified(4, change), true).is_err());
    }
}

#[test]
fn a_record_that_was_never_handed_in_is_none_of_ours() {
    let mut record: Value = serde_json::from_str(&Tag { chunk: 1, line: 2 }.text()).unwrap();
    record["offset"] = json!(8);
    record["id"] = json!("ab");
    assert_eq!(
        placed(&record).unwrap(),
        Placed { offset: 8, id: "ab".into(), tag: Tag { chunk: 1, line: 2 } }
    );
    record["object"] = json!("else");
    assert!(placed(&record).is_err());
}

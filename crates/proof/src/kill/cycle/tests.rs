use super::*;

/// What `annals` says with `--json` when somebody else has the data.
fn said(message: &str) -> String {
    format!(r#"{{"error":{{"code":11,"name":"locked","message":"{message}","help":null}}}}"#)
}

#[test]
fn who_is_locked_out_names_a_process_that_lived() {
    let by = |pid: u32| said(&format!("/srv/data is in use by process {pid} (annals); wait for it"));
    assert_eq!(locked_out(&[7, 8], &by(8)), Ok(()));
    assert_eq!(locked_out(&[8], &said("the store at /srv is in use by process 8: close it there")), Ok(()));
    assert!(locked_out(&[7], &by(8)).is_err(), "a dead one");
    assert!(locked_out(&[], &by(8)).is_err());
    assert!(locked_out(&[7], &said("/srv/data is in use by ; wait for it")).is_err(), "nobody");
    assert!(locked_out(&[7], "").is_err());
    assert!(locked_out(&[7], &by(7).replace("locked", "failed")).is_err());
}

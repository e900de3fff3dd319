use super::*;

#[test]
fn an_error_in_json_has_code_message_and_help() {
    let failure = Failure::usage("no").with_help("do");
    assert_eq!(failure.to_json(), r#"{"error":{"code":2,"name":"usage","message":"no","help":"do"}}"#);
    let failure = Failure { candidates: vec!["ab".to_owned()], ..Failure::new(Code::NotFound, "two") };
    let json: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
    assert_eq!(json["error"]["candidates"][0], "ab");
    assert!(json["error"]["help"].is_null());
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_disk_has_its_own_code() {
    assert_eq!(Failure::output(&io::ErrorKind::BrokenPipe.into()).code.number(), 0);
    assert_eq!(Failure::output(&io::ErrorKind::StorageFull.into()).code.number(), 14);
    assert_eq!(Failure::output(&io::ErrorKind::PermissionDenied.into()).code.number(), 1);
}

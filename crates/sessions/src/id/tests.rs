use super::*;

#[test]
fn ids_are_version_7_and_rise() {
    let ids: Vec<SessionId> = (0..1000).map(|_| SessionId::new()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert!(
        ids.iter()
            .all(|id| id.as_uuid().get_version_num() == 7 && id.made_millis() > Some(1_700_000_000_000))
    );
}

#[test]
fn an_id_in_a_name_has_one_spelling() {
    let id = SegmentId::new();
    let name = id.to_string();
    assert_eq!(SegmentId::from_name(&name), Some(id));
    for other in [
        name.to_uppercase(),
        name.replace('-', ""),
        format!("{{{name}}}"),
        format!("urn:uuid:{name}"),
        format!("{name} "),
        String::new(),
    ] {
        assert_eq!(SegmentId::from_name(&other), None, "{other:?}");
    }
    assert_eq!(name.to_uppercase().parse(), Ok(id), "a person may type it in capitals");
}

#[test]
fn an_id_is_its_text_in_json_and_a_uuid_to_others() {
    let id = SessionId::new();
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
    assert_eq!(serde_json::from_str::<SessionId>(&format!("\"{id}\"")).unwrap(), id);
    assert_eq!(SessionId::from(Uuid::from(id)), id);
    assert_eq!(SessionId::from_bytes(*id.as_bytes()), id);
}

use super::*;

#[test]
fn an_identity_reads_back_as_it_is_written() {
    let id = RecordId::of(b"payload");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
    let log = LogId::from_bytes(*b"0123456789abcdef");
    assert_eq!(log.to_string(), "30313233-3435-3637-3839-616263646566");
    assert_eq!(log.to_string().parse(), Ok(log));
}

#[test]
fn what_is_no_identity_is_refused_with_the_place() {
    assert_eq!("ab".parse::<RecordId>(), Err(ParseIdError::Length { found: 2, expected: 64 }));
    let bad = format!("{}x{}", "a".repeat(10), "b".repeat(53));
    assert_eq!(bad.parse::<RecordId>(), Err(ParseIdError::Digit(10)));
    let umlaut = format!("ä{}", "b".repeat(62));
    assert_eq!(umlaut.parse::<RecordId>(), Err(ParseIdError::Digit(0)));
}

use super::*;
use crate::TimeError;

/// What is wrong with a vote that is changed so.
fn check(change: impl FnOnce(&mut Vote)) -> Option<LimitError> {
    let mut vote = Vote::new(RecordId::from_bytes([1; 32]), "ada", Stance::For);
    change(&mut vote);
    vote.validate().err()
}

#[test]
fn each_field_keeps_its_limit() {
    assert_eq!(check(|_| ()), None);
    assert_eq!(check(|v| v.voter.clear()), Some(LimitError::Empty { field: "voter" }));
    assert_eq!(check(|v| v.reason = Some("any\0text".to_owned())), None);
    assert_eq!(check(|v| v.weight_ppm = 1_000_000_000), None);
    assert_eq!(
        check(|v| v.weight_ppm = 1_000_000_001),
        Some(LimitError::OutOfRange { field: "weight", found: 1_000_000_001, limit: 1_000_000_000 })
    );
    let out_of_range = LimitError::Time { field: "cast_at", source: TimeError::OutOfRange };
    assert_eq!(check(|v| v.cast_at_micros = Some(i64::MIN)), Some(out_of_range));
    assert!(matches!(
        check(|v| v.reason = Some("x".repeat(2 << 20))),
        Some(LimitError::RecordTooLarge { .. })
    ));
}

#[test]
fn a_stance_is_one_of_three_numbers() {
    for stance in [Stance::Against, Stance::Neutral, Stance::For] {
        assert_eq!(Stance::from_number(i64::from(stance.number())), Some(stance));
    }
    assert_eq!(Stance::from_number(2), None);
}

use annals_record::{EpochId, Log, Offset, ReadLimit, RecordId, Stance};

use super::*;
use crate::scene::{assertion, epoch, log_of, vote};

/// What these payloads do.
fn check(payloads: &[Vec<u8>]) -> Vec<Effect> {
    let log = log_of(payloads);
    let batch = log.read(Offset::ZERO, ReadLimit::default()).unwrap();
    let changes = decode(&batch).unwrap();
    assert_eq!(changes.len(), payloads.len());
    for (change, (entry, payload)) in changes.iter().zip(batch.iter().zip(payloads)) {
        assert_eq!(
            (change.offset, change.id, change.payload),
            (entry.offset, RecordId::of(payload), &payload[..])
        );
    }
    changes.into_iter().map(|change| change.effect).collect()
}

#[test]
fn each_type_of_record_has_its_effect() {
    let claim = RecordId::of(b"any");
    let effects =
        check(&[assertion("a b", 1), vote(claim, "ann", 1, Stance::For, 1), epoch("e", ""), vec![128]]);
    assert_eq!(
        effects,
        [
            Effect::Assertion { subject: Subject::new("a b".to_owned()).unwrap() },
            Effect::Vote { assertion: claim },
            Effect::Epoch { epoch: EpochId::of("e") },
            Effect::Application,
        ]
    );
}

#[test]
fn w3_what_cannot_be_read_is_a_dead_letter_with_its_reason() {
    let mut unknown_version = assertion("a", 1);
    unknown_version[1] = 9;
    let mut odd_flags = assertion("a", 1);
    odd_flags[2] = 1;
    let cut = assertion("a", 1)[..20].to_vec();
    let payloads = [vec![], vec![3; 40], vec![127; 40], unknown_version, odd_flags, cut, vec![0; 64]];
    for effect in check(&payloads) {
        assert!(matches!(&effect, Effect::DeadLetter { reason } if !reason.is_empty()), "{effect:?}");
    }
}

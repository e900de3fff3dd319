use super::*;
use crate::disk::{RealDisk, write_full};

#[test]
fn what_is_kept_is_there_with_its_receipt_and_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(receipts(&RealDisk, dir.path()).unwrap(), []);
    let path = dir.path().join("bytes");
    let file = RealDisk.open(&path, Mode::CreateNew).unwrap();
    write_full(&*file, b"0123456789", 0).unwrap();
    let take = |kind, pos, len| Take {
        kind,
        offset: Offset::new(64),
        term: Term::new(3),
        now_micros: 17,
        file: &*file,
        pos,
        len,
    };
    let first = keep(&RealDisk, dir.path(), &take(Quarantined::Lost, 2, 3)).unwrap();
    let second = keep(&RealDisk, dir.path(), &take(Quarantined::Lost, 8, 100)).unwrap();
    let third = keep(&RealDisk, dir.path(), &take(Quarantined::Torn, 20, 4)).unwrap();
    assert_eq!([first.bytes, second.bytes, third.bytes], [3, 2, 0]);
    assert_eq!(
        [first.quarantined_at_micros, second.quarantined_at_micros, third.quarantined_at_micros],
        [17, 18, 17]
    );
    for (kept, bytes) in [(&first, &b"234"[..]), (&second, b"89"), (&third, b"")] {
        assert_eq!(std::fs::read(&kept.path).unwrap(), bytes);
        assert_eq!(kept.blake3, RecordId::of(bytes));
    }
    let listed = receipts(&RealDisk, dir.path()).unwrap();
    assert!(
        [&first, &second, &third].iter().all(|kept| listed.contains(kept)) && listed.len() == 3,
        "{listed:?}"
    );

    std::fs::write(dir.path().join(DIR).join("x.quarantine.json"), "{}").unwrap();
    assert!(matches!(receipts(&RealDisk, dir.path()), Err(Error::Sidecar { .. })));
}

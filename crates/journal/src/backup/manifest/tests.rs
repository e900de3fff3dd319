use super::*;
use crate::disk::RealDisk;

fn manifest() -> Manifest {
    let file =
        |name: &str| CopiedFile { name: name.to_owned(), len: 4096, blake3: RecordId::of(name.as_bytes()) };
    let segment = |base: u64, sealed, file| SegmentCopy {
        base: Offset::new(base),
        end: Offset::new(base + 800),
        sealed,
        term: sealed.then_some(Term::FIRST),
        chain: sealed.then_some([7; 32]),
        file,
    };
    Manifest {
        log: LogId::from_bytes([3; 16]),
        term: Term::new(4),
        oldest: Offset::new(72),
        durable: Offset::new(1600),
        records: 20,
        newest_micros: None,
        made_at_micros: -5,
        sequence: 2,
        damaged: vec![Damage { offset: Offset::new(8), len: 16, detail: "a \"bit\"".to_owned() }],
        holes: vec![(Offset::new(80), 0)],
        segments: vec![
            segment(80, true, file("segments/a.wal")),
            segment(880, false, file("segments/b.part")),
        ],
        documents: vec![DocumentCopy { place: "cursors/a.cursor".to_owned(), file: file("documents/ff") }],
        begins: Beginning {
            base: Offset::new(80),
            records_end: Offset::new(72),
            records_before: 3,
            chain: [9; 32],
        },
    }
}

#[test]
fn a_manifest_reads_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let written = manifest();
    assert_eq!(written.write(&RealDisk, dir.path()).unwrap(), written.id());
    assert_eq!(Manifest::read(&RealDisk, dir.path()).unwrap(), Some(written));
    let bytes = std::fs::read(dir.path().join(FILE_NAME)).unwrap();
    assert_eq!(RecordId::of(&bytes), manifest().id(), "its id is the hash of its file");
}

#[test]
fn no_name_leads_out_of_the_backup_or_of_the_journal() {
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest();
        change(&mut manifest);
        Manifest::decode(&manifest.encode()).is_none()
    };
    assert!(!refused(&|_| {}));
    for name in
        ["segments/../x", "../x", "x", "segments/", "segments/..", "/segments/x", "other/x", "segments/a/b"]
    {
        assert!(refused(&|manifest| manifest.segments[0].file.name = name.to_owned()), "{name}");
        assert!(refused(&|manifest| manifest.documents[0].file.name = name.to_owned()), "{name}");
    }
    for place in
        ["../x", "cursors/../x", "cursors/", "watermark", "LOCK", "0000000000000000.wal", "store/x", ""]
    {
        assert!(refused(&|manifest| manifest.documents[0].place = place.to_owned()), "{place}");
    }
    assert!(refused(&|manifest| manifest.segments.reverse()));
    assert!(refused(&|manifest| manifest.segments.clear()));
}

#[test]
fn a_newer_manifest_and_one_that_does_not_verify_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut document = manifest().encode();
    document["schema"] = 2.into();
    sidecar::replace(&RealDisk, &dir.path().join(FILE_NAME), &document).unwrap();
    assert!(matches!(Manifest::read(&RealDisk, dir.path()), Err(Error::NewerFormat { found: 2, .. })));
    std::fs::write(dir.path().join(FILE_NAME), document.to_string()).unwrap();
    assert!(matches!(Manifest::read(&RealDisk, dir.path()), Err(Error::DamagedBackup { .. })));
    assert_eq!(Manifest::read(&RealDisk, &dir.path().join("nowhere")).unwrap(), None);
}

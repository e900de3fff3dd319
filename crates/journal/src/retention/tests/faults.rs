use super::*;

#[test]
fn segments_that_are_missing_without_a_receipt_are_damage() {
    let scene = Scene::new(4);
    fs::remove_file(scene.file(0)).unwrap();
    let scene = scene.reopen();
    let error = read_all(scene.journal.clone(), Offset::ZERO).unwrap_err();
    assert!(matches!(&error, LogError::Damaged { offset: Offset::ZERO, len: STEP, .. }), "{error}");
    assert_eq!(scene.journal.plan(&Keep::Segments(1)).unwrap().purge, []);

    let scene = Scene::new(5);
    scene.purge(Keep::Segments(3));
    fs::remove_file(scene.file(2)).unwrap();
    let scene = scene.reopen();
    for log in [&scene.journal as &dyn Log, &scene.reader()] {
        let error = log.read(base(2), annals_record::ReadLimit::default()).unwrap_err();
        assert!(
            matches!(&error, LogError::Damaged { offset, len: STEP, .. } if *offset == base(2)),
            "{error}"
        );
        let error = log.read(base(1), annals_record::ReadLimit::default()).unwrap_err();
        assert!(matches!(&error, LogError::Gap { .. }), "{error}");
    }
    let damaged = scene.journal.verify(&mut |_, _| {}).unwrap().damaged;
    assert_eq!(damaged.iter().map(|damage| damage.offset).collect::<Vec<_>>(), [base(2)]);
}

#[test]
fn what_a_purge_left_behind_is_not_served_and_goes_with_the_next_open() {
    let scene = Scene::new(5);
    let old = fs::read(scene.file(1)).unwrap();
    scene.purge(Keep::Segments(2));
    fs::write(scene.file(1), &old).unwrap();
    let gap = read_all(scene.reader(), base(1)).unwrap_err();
    assert!(matches!(gap, LogError::Gap { oldest, .. } if oldest == records_end(2)), "{gap}");
    let scene = scene.reopen();
    assert_eq!(scene.bases(), [base(3), base(4)]);
    assert_eq!(read_all(scene.journal.clone(), base(3)).unwrap(), payloads(3..5));
}

#[test]
fn a_record_of_purges_that_does_not_verify_is_loud_and_never_written_over() {
    let scene = Scene::new(5);
    scene.purge(Keep::Segments(3));
    let path = scene.dir.path().join(crate::purged::FILE_NAME);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[20] ^= 1;
    fs::write(&path, &bad).unwrap();
    let scene = scene.reopen();
    let error = read_all(scene.journal.clone(), Offset::ZERO).unwrap_err();
    assert!(
        matches!(&error, LogError::Damaged { offset: Offset::ZERO, detail, .. } if detail.contains(".purged.json")),
        "{error}"
    );
    assert_eq!(read_all(scene.journal.clone(), base(2)).unwrap(), payloads(2..5));
    scene.append(5, 1005);
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    assert_eq!(plan.purge, []);
    assert!(plan.blocked[0].by.iter().any(|by| matches!(by, Blocker::Purged { .. })), "{plan:?}");
    assert!(plan.blocked[1].by.iter().any(|by| matches!(by, Blocker::Purged { .. })), "{plan:?}");
    let listed = scene.journal.receipts(&ReceiptQuery::default()).unwrap();
    assert_eq!(listed.unreadable.len(), 1);
    assert_eq!(fs::read(&path).unwrap(), bad);
    fs::write(&path, &good).unwrap();
    let scene = scene.reopen();
    assert_eq!(read_all(scene.journal.clone(), base(2)).unwrap(), payloads(2..6));
    assert_eq!(scene.purge(Keep::Segments(1)).len(), 3);
}

#[test]
fn the_first_segment_must_be_the_one_that_was_kept() {
    let scene = Scene::new(4);
    scene.purge(Keep::Segments(3));
    let mut purged = Purged::read(&RealDisk, scene.dir.path()).unwrap().unwrap();
    for change in [0, 1] {
        let kept = purged.clone();
        match change {
            0 => purged.chain[0] ^= 1,
            _ => purged.records_before += 1,
        }
        purged.write(&RealDisk, scene.dir.path()).unwrap();
        let error = read_all(scene.reader(), base(1)).unwrap_err();
        assert!(matches!(&error, LogError::Damaged { offset, .. } if *offset == base(1)), "{error}");
        purged = kept;
    }
    purged.log = LogId::from_bytes([9; 16]);
    purged.write(&RealDisk, scene.dir.path()).unwrap();
    let error = read_all(scene.reader(), Offset::ZERO).unwrap_err();
    assert!(error.to_string().contains("belongs to log 09090909"), "{error}");
    let plan = scene.journal.plan(&Keep::Segments(1)).unwrap();
    assert!(plan.purge.is_empty() && matches!(plan.blocked[0].by[0], Blocker::Purged { .. }));
}

#[test]
fn a_log_that_lost_all_it_kept_is_damaged_and_not_made_anew() {
    let scene = Scene::new(3);
    scene.purge(Keep::Segments(1));
    let old = fs::read(scene.file(2)).unwrap();
    let Scene { dir, clock, journal } = scene;
    journal.close().unwrap();
    fs::remove_file(dir.path().join(segment::file_name(base(2)))).unwrap();
    fs::remove_file(dir.path().join("watermark")).unwrap();
    assert!(matches!(open(dir.path(), &clock), Err(Error::Damaged(_))));
    assert!(!dir.path().join("watermark").exists(), "nothing is made in its place");
    // A segment that was purged does not stand for the log either.
    fs::write(dir.path().join(segment::file_name(base(1))), old).unwrap();
    assert!(matches!(open(dir.path(), &clock), Err(Error::Damaged(_))));
    assert!(matches!(Reader::open(dir.path()), Err(Error::Damaged(_))));
}

#[test]
fn the_writer_believes_its_own_list_and_not_the_directory() {
    let scene = Scene::new(3);
    fs::remove_file(scene.file(1)).unwrap();
    scene.journal.core.source.refresh().unwrap();
    assert!(scene.journal.core.source.segments().iter().all(|segment| segment.header.is_ok()));
    let reader = scene.reader();
    assert!(reader.core.source.segments()[1].header.is_err(), "a reader follows the directory");
}

#[test]
fn a_newer_record_of_purges_is_left_alone() {
    let scene = Scene::new(3);
    scene.purge(Keep::Segments(1));
    let path = scene.dir.path().join(crate::purged::FILE_NAME);
    crate::sidecar::replace(&RealDisk, &path, &serde_json::json!({"schema": 2})).unwrap();
    assert!(matches!(Reader::open(scene.dir.path()), Err(Error::NewerFormat { found: 2, known: 1, .. })));
    let Scene { dir, clock, journal } = scene;
    journal.close().unwrap();
    assert!(matches!(open(dir.path(), &clock), Err(Error::NewerFormat { found: 2, known: 1, .. })));
}

/// A disk whose first look at the record of purges comes late: before it, the writer rolls and purges all that was listed.
#[derive(Debug)]
struct Overtaken {
    disk: RealDisk,
    overtake: std::sync::Mutex<Option<Journal>>,
}

impl Disk for Overtaken {
    fn create_dir(&self, path: &Path) -> std::io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &Path) -> std::io::Result<Vec<crate::disk::Listed>> {
        self.disk.list(path)
    }

    fn open(&self, path: &Path, mode: crate::disk::Mode) -> std::io::Result<Box<dyn crate::disk::DiskFile>> {
        if path.ends_with(crate::purged::FILE_NAME)
            && let Some(journal) = self.overtake.lock().unwrap().take()
        {
            journal.seal().unwrap();
            journal.append("behind").unwrap();
            journal.apply(&journal.plan(&Keep::Newest).unwrap(), Consent::default()).unwrap();
            journal.seal().unwrap();
            journal.append("behind that").unwrap();
            let plan = journal.plan(&Keep::Newest).unwrap();
            assert!(!journal.apply(&plan, Consent::default()).unwrap().is_empty());
        }
        self.disk.open(path, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> std::io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> std::io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn lock(&self, path: &Path, holder: &str) -> std::io::Result<Box<dyn crate::disk::Held>> {
        self.disk.lock(path, holder)
    }
}

#[test]
fn r2_a_reader_whom_a_purge_overtakes_while_it_looks_takes_nothing_for_lost() {
    let scene = Scene::new(3);
    scene.purge(Keep::Segments(2));
    let overtake = std::sync::Mutex::new(Some(scene.journal.clone()));
    let disk = Arc::new(Overtaken { disk: RealDisk, overtake });
    let clock = Arc::clone(&scene.clock) as Arc<dyn Clock>;
    let reader = Reader::open_on(Arc::clone(&disk) as Arc<dyn Disk>, clock, scene.dir.path()).unwrap();
    assert!(disk.overtake.lock().unwrap().is_none(), "nobody overtook");
    let gap = read_all(reader, Offset::ZERO).unwrap_err();
    assert!(matches!(gap, LogError::Gap { .. }), "{gap}");
}

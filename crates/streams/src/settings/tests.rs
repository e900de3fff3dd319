use annals_journal::RealDisk;

use super::*;

fn every() -> Vec<Settings> {
    let (base, second) = (Settings::default(), Duration::from_secs(1));
    let syncs =
        [SyncPolicy::Always, SyncPolicy::Every(7), SyncPolicy::Interval(second), SyncPolicy::OnDemand];
    let buckets = [Bucket::None, Bucket::Hour, Bucket::Day];
    let keeps = [
        Keep::Everything,
        Keep::Age(second),
        Keep::Bytes(9),
        Keep::Segments(3),
        Keep::Newest,
        Keep::From(Offset::new(8)),
    ];
    let mut all: Vec<Settings> = syncs.into_iter().map(|sync| Settings { sync, ..base }).collect();
    all.extend(buckets.into_iter().map(|bucket| Settings { bucket, ..base }));
    all.extend(keeps.into_iter().map(|keep| Settings { keep, segment_bytes: 8192, ..base }));
    all.extend(Codec::ALL.into_iter().map(|codec| Settings { codec, ..base }));
    all
}

#[test]
fn every_setting_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Settings::read(&RealDisk, dir.path()).unwrap(), None);
    for settings in every() {
        settings.write(&RealDisk, dir.path()).unwrap();
        assert_eq!(Settings::read(&RealDisk, dir.path()).unwrap(), Some(settings));
    }
}

#[test]
fn a_document_that_does_not_verify_or_says_what_is_not_known_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(SETTINGS);
    let read = || Settings::read(&RealDisk, dir.path()).unwrap_err();
    let good = Settings::default().to_json();
    let put = |change: &dyn Fn(&mut Value)| {
        let mut document = good.clone();
        change(&mut document);
        sidecar::replace(&RealDisk, &path, &document).unwrap();
    };
    put(&|document| document["segment_bytes"] = 5000.into());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|four| four == b"5000").unwrap();
    bytes[at] = b'6';
    std::fs::write(&path, &bytes).unwrap();
    assert!(read().to_string().contains("checksum"), "{}", read());
    put(&|document| document["schema_version"] = 2.into());
    assert!(matches!(read(), Error::Newer { found: 2, known: 1, .. }));
    let malformed: [(&str, Value); 5] = [
        ("schema_version", Value::Null),
        ("codec", "rot13".into()),
        ("unknown", 1.into()),
        ("segment_bytes", "many".into()),
        ("keep", serde_json::json!({"policy": "age"})),
    ];
    for (field, value) in malformed {
        put(&|document| document[field] = value.clone());
        assert!(matches!(read(), Error::Settings { .. }), "{field}");
    }
    put(&|document| document["segment_bytes"] = 1.into());
    assert!(matches!(read(), Error::Option { .. }));
    std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
    assert!(matches!(read(), Error::Settings { .. }));
}

#[test]
fn an_interval_is_at_least_ten_milliseconds() {
    let with = |sync| Settings { sync, ..Settings::default() }.checked();
    let short = SyncPolicy::Interval(Duration::from_micros(1));
    assert_eq!(with(short).unwrap().sync, SyncPolicy::Interval(Duration::from_millis(10)));
    assert!(matches!(with(SyncPolicy::Every(0)), Err(Error::Option { .. })));
}

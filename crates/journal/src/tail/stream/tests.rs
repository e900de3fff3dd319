use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{Journal, Reader};

async fn next<L: Log + Unpin + 'static>(stream: &mut TailStream<L>) -> Option<Result<Batch, LogError>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// The next record; a batch of one.
async fn record<L: Log + Unpin + 'static>(stream: &mut TailStream<L>) -> Vec<u8> {
    let batch = next(stream).await.unwrap().unwrap();
    assert_eq!(batch.len(), 1);
    batch.iter().next().unwrap().payload.to_vec()
}

#[tokio::test]
async fn a_stream_follows_and_ends_with_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let mut stream = journal.tail(Offset::ZERO).into_stream();
    for i in 0..20_u8 {
        let append = journal.clone();
        // On a runtime of one thread: if the stream blocked it, the append would never come.
        let appended = tokio::spawn(async move { append.append_async([i]).await.unwrap() });
        assert_eq!(record(&mut stream).await, [i]);
        appended.await.unwrap();
    }
    let closing = tokio::spawn(async move { journal.close().unwrap() });
    assert!(next(&mut stream).await.is_none());
    closing.await.unwrap();
    assert!(next(&mut stream).await.is_none(), "it stays ended");
}

#[tokio::test]
async fn a_waiting_stream_takes_no_thread_and_is_not_polled() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let polled = Arc::new(AtomicU64::new(0));
    let mut stream = journal.tail(Offset::ZERO).into_stream();
    let counted = Arc::clone(&polled);
    let task = tokio::spawn(async move {
        poll_fn(|context| {
            counted.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut stream).poll_next(context)
        })
        .await
        .unwrap()
        .unwrap()
        .len()
    });
    // It has caught up once it waits on the watermark.
    while polled.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    let before = polled.load(Ordering::Relaxed);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(polled.load(Ordering::Relaxed), before);
    journal.append("news").unwrap();
    assert_eq!(task.await.unwrap(), 1);
}

#[tokio::test]
async fn a_stream_of_a_reader_follows_another_handle() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    journal.append("first").unwrap();
    let mut stream = Reader::open(dir.path()).unwrap().tail(Offset::ZERO).into_stream();
    assert_eq!(record(&mut stream).await, b"first");
    let appended = tokio::spawn(async move { journal.append_async("second").await.map(|_| journal) });
    assert_eq!(record(&mut stream).await, b"second");
    drop(appended.await);
}

#[tokio::test]
async fn a_stream_stops_at_damage_and_goes_on_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    let receipts: Vec<_> = ["a", "b", "c"].iter().map(|text| journal.append(text).unwrap()).collect();
    journal.close().unwrap();
    let path = dir.path().join("0000000000000000.wal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + receipts[1].offset.get() as usize + 40] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let mut stream = Reader::open(dir.path()).unwrap().tail(Offset::ZERO).into_stream();
    assert_eq!(record(&mut stream).await, b"a");
    let Some(Err(LogError::Damaged { offset, len, .. })) = next(&mut stream).await else {
        panic!("b is damaged")
    };
    assert_eq!(offset, receipts[1].offset);
    assert!(next(&mut stream).await.is_none(), "an error ends it");
    stream.skip_to(Offset::new(offset.get() + len));
    assert_eq!(record(&mut stream).await, b"c");
}

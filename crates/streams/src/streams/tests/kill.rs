//! `kill -9` at random moments of a process that writes to hundreds of streams with few of them open.
//!
//! The test's own program is the process: it runs itself again, told by a variable to write.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const ROOT: &str = "ANNALS_STREAMS_KILLED_ROOT";
const STREAMS: u32 = 300;

fn options() -> Options {
    let defaults = Settings { segment_bytes: 16 << 10, bucket: Bucket::Hour, ..Settings::default() };
    Options { open_streams: 16, defaults, ..Options::default() }
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn killed() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let streams = Streams::open_with(root, options()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let streams = streams.clone();
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(thread ^ u64::from(std::process::id()));
                loop {
                    // Each thread has its streams, so that their order is known; a few are written to again and again.
                    let number = if rng.bool() { rng.u32(..STREAMS) } else { rng.u32(..8) };
                    let name = format!("s{}", number / 4 * 4 + thread as u32);
                    let payload = format!("{} {}", std::process::id(), rng.u64(..));
                    let appended = streams
                        .write(&name, &[format!("{payload} {}", "x".repeat(rng.usize(..500)))])
                        .unwrap();
                    // One write, one line: what is cut off was not acknowledged.
                    let line = format!("ack {name} {} {payload}\n", appended[0].offset);
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Runs the process for a while; what it has acknowledged: stream, offset, payload.
fn run_and_kill(root: &Path, after: Duration) -> Vec<(String, u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "streams::tests::kill::killed", "--nocapture", "--test-threads=1"])
        .env(ROOT, root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in lines.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            let mut words = line.splitn(4, ' ');
            if let (Some("ack"), Some(name), Some(offset), Some(payload)) = (
                words.next(),
                words.next(),
                words.next().and_then(|offset| offset.parse().ok()),
                words.next(),
            ) && payload.contains(' ')
            {
                acknowledged.push((name.to_owned(), offset, payload.to_owned()));
            }
        }
        acknowledged
    });
    let (_keep, waits) = std::sync::mpsc::channel::<()>();
    let _ = waits.recv_timeout(after);
    assert!(child.try_wait().unwrap().is_none(), "it was still writing");
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap()
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let kills = std::env::var("ANNALS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4);
    let mut rng = fastrand::Rng::new();
    let mut acknowledged = Vec::new();
    for _ in 0..kills {
        acknowledged.extend(run_and_kill(dir.path(), Duration::from_millis(rng.u64(150..900))));
    }
    assert!(acknowledged.len() > 50, "{} acknowledged", acknowledged.len());
    let streams = Streams::open_with(dir.path(), options()).unwrap();
    let mut found: BTreeMap<(String, u64), String> = BTreeMap::new();
    for record in streams.replay(&Query::default()).unwrap() {
        let record = record.unwrap();
        let text = String::from_utf8(record.payload).unwrap();
        found.insert((record.stream.to_string(), record.offset.get()), text);
    }
    for (name, offset, payload) in &acknowledged {
        let text = found.get(&(name.clone(), *offset));
        assert!(text.is_some_and(|text| text.starts_with(payload.as_str())), "{name} at {offset}: {text:?}");
    }
    assert!(found.len() - acknowledged.len() <= kills * 4, "at most what was on its way is more");
}

//! Many streams under load, killed again and again: nothing that was acknowledged may be lost.
//!
//! ```text
//!   fill: one record into each stream -> write at random, kill -9, again -> open: names alone -> replay all, compare
//! ```
//!
//! `cargo run --release -p annals-streams --example many -- [--streams 10000] [--kills 10] [--seconds 3] [--dir DIR]`

#![allow(clippy::print_stdout, reason = "it reports")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use annals_streams::{Bucket, Options, Query, Settings, Streams};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const THREADS: u32 = 8;

#[derive(Clone)]
struct Asked {
    streams: u32,
    kills: u32,
    seconds: f64,
    dir: Option<PathBuf>,
    role: String,
}

fn asked() -> Outcome<Asked> {
    let mut asked = Asked { streams: 10_000, kills: 10, seconds: 3.0, dir: None, role: "parent".to_owned() };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} wants a value"))?;
        match name.as_str() {
            "--streams" => asked.streams = value.parse()?,
            "--kills" => asked.kills = value.parse()?,
            "--seconds" => asked.seconds = value.parse()?,
            "--dir" => asked.dir = Some(value.into()),
            "--role" => asked.role = value,
            _ => return Err(format!("{name} is not known").into()),
        }
    }
    Ok(asked)
}

fn options() -> Options {
    let defaults = Settings { segment_bytes: 64 << 10, bucket: Bucket::Day, ..Settings::default() };
    Options { defaults, ..Options::default() }
}

fn name(number: u32) -> String {
    format!("stream-{number:05}")
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    status.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Writes one record into each stream.
fn fill(asked: &Asked, root: &Path) -> Outcome<()> {
    let streams = Streams::open_with(root, options())?;
    let (next, began) = (AtomicU32::new(0), Instant::now());
    std::thread::scope(|scope| -> Outcome<()> {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| -> Outcome<()> {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= asked.streams {
                            return Ok(());
                        }
                        let name = name(number);
                        let appended = streams.write(&name, &["first"])?;
                        tell(&name, appended[0].offset.get(), "first")?;
                    }
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    println!("figure {} streams made in {seconds:.1} s, {} descriptors", asked.streams, descriptors());
    println!("figure {} MiB resident while {} are open", resident() >> 20, options().open_streams);
    Ok(streams.close()?)
}

/// One write, one line: what is cut off was not acknowledged.
fn tell(name: &str, offset: u64, payload: &str) -> Outcome<()> {
    Ok(std::io::stdout().lock().write_all(format!("ack {name} {offset} {payload}.\n").as_bytes())?)
}

/// Writes until it is killed. Most writes go to a few streams, one in eight to any.
fn load(asked: &Asked, root: &Path) -> Outcome<()> {
    let streams = Streams::open_with(root, options())?;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let streams = streams.clone();
            scope.spawn(move || -> Outcome<()> {
                let mut rng =
                    fastrand::Rng::with_seed(u64::from(std::process::id()) << 8 | u64::from(thread));
                loop {
                    let most = if rng.u32(..8) == 0 { asked.streams } else { asked.streams.min(64) };
                    let (name, number) = (name(rng.u32(..most)), rng.u64(..));
                    let payload = format!("{number:x}{}", "x".repeat(rng.usize(..300)));
                    let appended = streams.write(&name, &[&payload])?;
                    tell(&name, appended[0].offset.get(), &format!("{number:x}"))?;
                }
            });
        }
    });
    Ok(())
}

/// Runs a child to its end, or kills it; adds what it acknowledged, and says how much that was.
fn run(
    asked: &Asked,
    root: &Path,
    role: &str,
    kill_after: Option<Duration>,
    acknowledged: &mut HashMap<(String, u64), String>,
) -> Outcome<usize> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--role", role, "--streams", &asked.streams.to_string(), "--dir"])
        .arg(root)
        .stdout(Stdio::piped())
        .spawn()?;
    let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?);
    let reading = std::thread::spawn(move || {
        let mut told = Vec::new();
        for line in lines.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(figure) = line.strip_prefix("figure ") {
                println!("{figure}");
            } else if let Some(line) = line.strip_suffix('.')
                && let [_, name, offset, payload] = line.splitn(4, ' ').collect::<Vec<_>>()[..]
                && let Ok(offset) = offset.parse()
            {
                told.push(((name.to_owned(), offset), payload.to_owned()));
            }
        }
        told
    });
    if let Some(after) = kill_after {
        let (_kept, never) = channel::<()>();
        let _ = never.recv_timeout(after);
        if child.try_wait()?.is_some() {
            return Err("the child ended by itself".into());
        }
        child.kill()?;
    }
    let status = child.wait()?;
    if kill_after.is_none() && !status.success() {
        return Err(format!("{role}: {status}").into());
    }
    let told = reading.join().map_err(|_| "the reading thread panicked")?;
    let count = told.len();
    for (place, payload) in told {
        if acknowledged.insert(place, payload).is_some() {
            return Err("one place was acknowledged twice".into());
        }
    }
    Ok(count)
}

fn check(root: &Path, acknowledged: &HashMap<(String, u64), String>) -> Outcome<()> {
    let began = Instant::now();
    let streams = Streams::open_with(root, options())?;
    let opened = began.elapsed();
    println!(
        "open: {} streams in {:.1} ms, no journal opened",
        streams.names().len(),
        opened.as_secs_f64() * 1e3
    );
    let began = Instant::now();
    let (mut found, mut records, mut last) = (0, 0_u64, i64::MIN);
    let replay = streams.replay(&Query::default())?;
    println!("replay: the first record after {:.1} s", began.elapsed().as_secs_f64());
    for record in replay {
        let record = record?;
        records += 1;
        if record.micros < last {
            return Err("out of order".into());
        }
        last = record.micros;
        if let Some(payload) = acknowledged.get(&(record.stream.to_string(), record.offset.get())) {
            if !record.payload.starts_with(payload.as_bytes()) {
                return Err(format!("{} at {} is another record", record.stream, record.offset).into());
            }
            found += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("replay: {records} records by time in {seconds:.1} s, {} MiB resident", resident() >> 20);
    println!("acknowledged: {}, found: {found}", acknowledged.len());
    if found != acknowledged.len() {
        return Err(format!("{} acknowledged records are lost", acknowledged.len() - found).into());
    }
    let began = Instant::now();
    streams.close()?;
    println!("close: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let streams = Streams::open_with(root, options())?;
    println!("open after a close: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    let began = Instant::now();
    let count = streams.replay(&Query { since_micros: Some(last), ..Query::default() })?.count();
    println!("replay since the last record: {count} records in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> Outcome<()> {
    let asked = asked()?;
    let given = asked.dir.clone();
    match asked.role.as_str() {
        "fill" => return fill(&asked, &given.ok_or("a root is wanted")?),
        "load" => return load(&asked, &given.ok_or("a root is wanted")?),
        _ => {}
    }
    let temporary = tempfile::tempdir()?;
    let root = given.unwrap_or_else(|| temporary.path().to_owned()).join("root");
    let mut acknowledged = HashMap::new();
    run(&asked, &root, "fill", None, &mut acknowledged)?;
    for kill in 1..=asked.kills {
        let after = Duration::from_secs_f64(asked.seconds * (0.5 + f64::from(kill % 7) / 6.0));
        let count = run(&asked, &root, "load", Some(after), &mut acknowledged)?;
        println!("kill {kill}: {count} writes acknowledged in {:.1} s", after.as_secs_f64());
    }
    check(&root, &acknowledged)
}

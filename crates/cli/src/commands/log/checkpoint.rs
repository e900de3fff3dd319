//! `annals log checkpoint`: the latest one shown, or one made.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use annals::journal::Checkpoint;
use serde::Serialize;

use super::{Where, site};
use crate::commands::Context;
use crate::escape::Quoted;
use crate::exit::{Code, Failure};
use crate::number::counted;
use crate::render::hex;

/// No record is larger, nor is the body of a checkpoint.
const LARGEST: u64 = 1 << 28;
/// How much of a body is shown to people.
const SHOWN: usize = 200;

/// What to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  annals log checkpoint DIR                            shows the latest one
  annals log checkpoint DIR --body 'before the move'   makes one with this text
  annals log checkpoint DIR --body @state.bin --seal   makes one with a file's bytes, and seals the segment

A checkpoint is a place from which reading can begin again, with bytes for whoever does. Retention keeps \
the latest one and everything behind it. --body @- takes the bytes from standard input. Exit code 5: there \
is none to show; 11: another process has the journal.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// Makes a checkpoint with this text, or with the bytes of a file
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// Ends the segment with it
    #[arg(long, requires = "body")]
    seal: bool,
}

/// A checkpoint as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    offset: u64,
    /// Where the first record after it may stand.
    next: u64,
    bytes: usize,
    /// In hex.
    body: String,
    /// The body, if it is text.
    text: Option<&'a str>,
    /// Whether it was made now.
    made: bool,
}

/// Shows it, or makes it.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let Some(body) = &args.body else {
        let latest = site::reader(context)?.latest_checkpoint()?;
        let latest = latest.ok_or_else(|| {
            Failure::new(Code::NotFound, "the journal has no checkpoint").with_help("--body makes one")
        })?;
        return show(&latest, false, context);
    };
    let body = bytes(body)?;
    let journal = site::journal(context)?;
    let made = journal.checkpoint(body, args.seal)?;
    journal.close()?;
    show(&made, true, context)
}

fn show(checkpoint: &Checkpoint, made: bool, context: &mut Context) -> Result<(), Failure> {
    let Checkpoint { offset, next, body } = checkpoint;
    let text = std::str::from_utf8(body).ok();
    let output = &mut context.output;
    if output.json {
        let (offset, next, bytes) = (offset.get(), next.get(), body.len());
        return output.object(&Report { offset, next, bytes, body: hex(body), text, made });
    }
    let said = match text {
        Some(text) => Quoted { text, longest: SHOWN }.to_string(),
        None => format!("0x{}", hex(&body[..body.len().min(SHOWN / 2)])),
    };
    let bytes = counted(body.len() as u64, "byte");
    output.line(format_args!("checkpoint at offset {offset}, {bytes}: {said}"))
}

/// The bytes that `--body` names.
fn bytes(body: &str) -> Result<Vec<u8>, Failure> {
    let Some(name) = body.strip_prefix('@') else { return Ok(body.as_bytes().to_owned()) };
    let path = Path::new(name);
    let failed = |error: io::Error| Failure::file("read", path, &error);
    let mut bytes = Vec::new();
    let read = match name {
        "-" => io::stdin().lock().take(LARGEST).read_to_end(&mut bytes),
        _ => File::open(path).map_err(failed)?.take(LARGEST).read_to_end(&mut bytes),
    };
    if read.map_err(failed)? as u64 == LARGEST {
        return Err(Failure::usage(format!("{name} has {LARGEST} bytes or more, too many for a checkpoint")));
    }
    Ok(bytes)
}

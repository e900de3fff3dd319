//! `annals log dump`: the frames of one segment, one a line, as far as they verify.
//!
//!   SEGMENT[@OFF] -> file -> frames | what does not verify, named | zeros

use std::path::{Path, PathBuf};

use annals::journal::RealDisk;
use annals::journal::dump::{Frames, SegmentFile, Stretch};

use self::line::Line;
use self::target::Target;
use super::{Where, site};
use crate::commands::Context;
use crate::escape::Shown;
use crate::exit::{Code, Failure};
use crate::number::counted;
use crate::paint::Paint;

mod line;
mod target;

/// Which segment, and from where.
#[derive(Debug, clap::Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
Examples:
  annals log dump DIR 0000000000002000          all frames of a segment, named as its file is
  annals log dump DIR 0000000000002000@9000     from the frame on in which offset 9000 lies
  annals log dump DIR @9000 --limit 10          of whatever segment holds that offset
  annals log dump copy/0000000000002000.wal     a segment's file alone

Each frame with its offset in the log, its byte in the file, its length, its kind and its CRC; then what it \
says. Bytes that do not verify are named, and the frames behind them shown. Takes no lock. Exit code 4: \
something does not verify; 5: there is no such segment."
)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) place: Where,
    /// The segment: 16 hex digits, as in its file's name, or a path; and an offset in the log to begin at
    #[arg(value_name = "SEGMENT[@OFF]", required = true)]
    target: Target,
    /// Ends after so many lines
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Shows payloads and bodies whole, in hex
    #[arg(long)]
    payload: bool,
}

impl Args {
    /// The directory of the segment's file, if the command line names that itself.
    pub(super) fn beside(&self) -> Option<PathBuf> {
        self.target.directory().filter(|_| self.place.dir.is_none())
    }
}

/// Shows them.
pub(super) fn run(args: &Args, context: &mut Context) -> Result<(), Failure> {
    let path = match args.target.path() {
        Some(path) if path.is_dir() => {
            return Err(Failure::usage(format!("{} is a directory: name a segment in it", path.display()))
                .with_help("`annals log segments` lists them"));
        }
        Some(path) => path.to_owned(),
        None => args.target.find(&site::dir(context)?)?,
    };
    let file = SegmentFile::open(&RealDisk, &path)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut broken = u64::from(file.flaw().is_some());
    show(&Line::of_head(&file, &path), context)?;
    let mut frames: Frames<'_> = file.frames()?;
    let mut end = file.base();
    while left > 0 {
        let Some(stretch) = frames.next_stretch()? else { break };
        let line = Line::of(&stretch, args.payload);
        end = line.end();
        if args.target.from().is_some_and(|from| end <= from) {
            continue;
        }
        let unwritten = matches!(stretch, Stretch::Unwritten { .. });
        broken += u64::from(line.is_broken());
        show(&line, context)?;
        left -= u64::from(!unwritten);
    }
    // The file's name is enough to know where the next one begins.
    if left > 0
        && let Some(next) = target::next_base(&path, file.base())
        && next > end
    {
        broken += 1;
        show(&Line::missing(end, next), context)?;
    }
    context.output.flush()?;
    if broken == 0 {
        return Ok(());
    }
    let places = counted(broken, "place");
    let message =
        format!("{places} of {} {} not verify", path.display(), if broken == 1 { "does" } else { "do" });
    Err(Failure::new(Code::Damaged, message)
        .with_help("`annals log info` says what an open does about it, and what to do next"))
}

fn show(line: &Line, context: &mut Context) -> Result<(), Failure> {
    let output = &mut context.output;
    if output.json {
        return output.object(line);
    }
    output.line(text(line, output.paint))
}

/// A line for people.
fn text(line: &Line, paint: Paint) -> String {
    match line.is_broken() {
        true => paint.red(Shown(&line.text())).to_string(),
        false => line.text(),
    }
}

/// All lines of a segment's file for people, in both ways: with payloads short, and whole.
pub(crate) fn texts(file: &SegmentFile, path: &Path) -> Result<Vec<String>, annals::journal::Error> {
    let paint = Paint::new(false);
    let mut texts = vec![text(&Line::of_head(file, path), paint)];
    let mut frames = file.frames()?;
    while let Some(stretch) = frames.next_stretch()? {
        texts.extend([false, true].map(|whole| text(&Line::of(&stretch, whole), paint)));
    }
    Ok(texts)
}

//! The command line of Annals: one subcommand per job.
//!
//!   arguments -> args -> one of commands/ -> output | exit
//!
//! docs/cli.md is its reference: commands, exit codes, shapes of JSON. It is a library so that its readers and writers of
//! text can be reached without a process (`bare`); nothing here is promised to other crates.

mod args;
#[doc(hidden)]
pub mod bare;
mod commands;
mod escape;
mod exit;
mod input;
mod interrupt;
mod measure;
mod number;
mod output;
mod paint;
mod place;
mod progress;
mod render;
mod trace;

use std::ffi::OsString;
use std::process::ExitCode;

use args::{Cli, Command};
use commands::Context;
use exit::{Code, Failure};
use interrupt::Interrupt;
use output::Output;
use place::Place;

/// Runs the command that the process's arguments name, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let json = args::wants_json(&arguments);
    let ended = match args::parse(&arguments) {
        Ok(cli) => run(cli),
        Err(error) if error.use_stderr() && !json => {
            // clap says it best: with colours, and with what was probably meant.
            let _ = error.print();
            return ExitCode::from(Code::Usage.number());
        }
        Err(error) => args::answer(&error, json),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::report(&failure, json);
            ExitCode::from(failure.code.number())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    trace::install()?;
    let variable = std::env::var_os(place::VARIABLE);
    let place = match &command {
        Command::Import(args) => args.place(global.data, variable)?,
        Command::Log(args) => args.place(global.data, variable)?,
        Command::Backup(args) => args.place(global.data, variable)?,
        Command::Restore(args) => args.place(global.data, variable)?,
        _ => Place::of(global.data, variable)?,
    };
    let interrupt = Interrupt::install(global.json)?;
    let mut context = Context { place, output: Output::new(global.json), interrupt };
    let ended = match command {
        Command::Import(args) => commands::import::run(&args, &mut context),
        Command::Append(args) => commands::append::run(&args, &mut context),
        Command::Get(args) => commands::get::run(&args, &mut context),
        Command::Subject(args) => commands::subject::run(&args, &mut context),
        Command::Query(args) => commands::query::run(&args, &mut context),
        Command::Votes(args) => commands::votes::run(&args, &mut context),
        Command::Epochs(args) => commands::epochs::run(&args, &mut context),
        Command::Subjects(args) => commands::subjects::run(&args, &mut context),
        Command::Tail(args) => commands::tail::run(&args, &mut context),
        Command::Status(args) => commands::status::run(&args, &mut context),
        Command::Verify(args) => commands::verify::run(&args, &mut context),
        Command::Heal(args) => commands::heal::run(&args, &mut context),
        Command::Digest(args) => commands::digest::run(&args, &mut context),
        Command::Rebuild(args) => commands::rebuild::run(&args, &mut context),
        Command::Rewind(args) => commands::rewind::run(&args, &mut context),
        Command::Generations(args) => commands::generations::run(&args, &mut context),
        Command::Projections(args) => commands::projections::run(&args, &mut context),
        Command::Cursors(args) => commands::cursors::run(&args, &mut context),
        Command::DeadLetters(args) => commands::dead_letters::run(&args, &mut context),
        Command::PassDamage(args) => commands::pass_damage::run(&args, &mut context),
        Command::Export(args) => commands::export::run(&args, &mut context),
        Command::Backup(args) => commands::backup::run(&args, &mut context),
        Command::Restore(args) => commands::restore::run(&args, &mut context),
        Command::Sessions(args) => commands::sessions::run(&args, &mut context),
        Command::Streams(args) => commands::streams::run(&args, &mut context),
        Command::Log(args) => commands::log::run(&args, &mut context),
    };
    // What was answered before a failure is handed over as well.
    let flushed = context.output.flush();
    ended.and(flushed)
}

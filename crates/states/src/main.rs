//! Looks at all states of the model, and says what was found.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use annals_states::{Bounds, Mistake, Pipeline};
use clap::{Parser, ValueEnum};
use serde_json::json;
use stateright::{Checker, Expectation, Model as _};

/// The command line.
#[derive(Parser)]
#[command(about = "Looks at all states of a model of Annals")]
struct Cli {
    /// How much may happen in it.
    #[arg(long, default_value = "small")]
    config: Config,
    /// One line of JSON.
    #[arg(long)]
    json: bool,
    /// Depth first: takes a fraction of the memory, and the way to what it finds is not the shortest.
    #[arg(long)]
    depth_first: bool,
    /// How many threads look.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Config {
    /// What is checked with each change.
    Small,
    /// What is published.
    Full,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let bounds = match cli.config {
        Config::Small => Bounds::SMALL,
        Config::Full => Bounds::FULL,
    };
    let begun = Instant::now();
    let search = Pipeline::new(bounds).checker().threads(cli.threads);
    if cli.depth_first {
        told(&cli, &search.spawn_dfs().join(), begun)
    } else {
        told(&cli, &search.spawn_bfs().join(), begun)
    }
}

/// Says what the search came to.
fn told(cli: &Cli, checker: &impl Checker<Pipeline>, begun: Instant) -> ExitCode {
    let (seconds, found) = (begun.elapsed().as_secs_f64(), checker.discoveries());
    let mut out = std::io::stdout().lock();
    let mut holds = true;
    let mut properties = Vec::new();
    for property in checker.model().properties() {
        let is_found = found.contains_key(property.name);
        let kept = is_found == (property.expectation == Expectation::Sometimes);
        holds &= kept;
        let expected = if property.expectation == Expectation::Sometimes { "somewhere" } else { "always" };
        properties.push(json!({ "name": property.name, "expected": expected, "holds": kept }));
        if let (false, Some(path)) = (kept, found.get(property.name)) {
            let steps: Vec<_> = path.clone().into_actions();
            let _ = writeln!(std::io::stderr(), "violated: {}: {steps:?}", property.name);
        }
    }
    let (distinct, depth) = (checker.unique_state_count(), checker.max_depth());
    let written = if cli.json {
        let line = json!({
            "config": format!("{:?}", cli.config).to_lowercase(),
            "distinct_states": distinct,
            "depth": depth,
            "seconds": (seconds * 10.0).round() / 10.0,
            "complete": checker.is_done(),
            "mistakes_known": Mistake::ALL.len(),
            "holds": holds,
            "properties": properties,
        });
        writeln!(out, "{line}")
    } else {
        writeln!(
            out,
            "{distinct} distinct states, depth {depth}, {seconds:.1} s, all looked at: {}",
            checker.is_done()
        )
    };
    if holds && written.is_ok() && checker.is_done() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! A scenario played: life after life, on what the life before has left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::base::Made;
use super::oracle;
use super::order;
use super::process::{Ended, Process};
use super::scenario::{Life, Moment, Scenario, Step};
use super::truth::Truth;
use crate::figures::Figures;
use crate::fuse::{Cut, Kept, Mounted, Power, Survival, lay_down};

/// Where a scenario is played, and what is known so far.
pub(super) struct Stage<'s> {
    annals: &'s Path,
    scenario: &'s Scenario,
    mount: PathBuf,
    /// Beside the disk: input, receipts, and what processes say.
    out: PathBuf,
    plain: PathBuf,
    kept: Kept,
    truth: Truth,
    commands: usize,
    /// What each life leaves is laid down as well, for whoever looks into a failure.
    keeps: bool,
}

impl<'s> Stage<'s> {
    pub(super) fn new(
        annals: &'s Path,
        room: &Path,
        made: &Made,
        scenario: &'s Scenario,
        keeps: bool,
    ) -> Result<Self, String> {
        let (mount, out) = (room.join("disk"), room.join("out"));
        for dir in [&mount, &out] {
            fs::create_dir(dir).map_err(|error| error.to_string())?;
        }
        Ok(Self {
            annals,
            scenario,
            mount,
            out,
            plain: room.join("left"),
            kept: made.kept.clone(),
            truth: made.truth.clone(),
            commands: 0,
            keeps,
        })
    }

    /// Plays it, and judges what is left.
    pub(super) fn play(mut self, figures: &mut Figures) -> Result<(), String> {
        let scenario = self.scenario;
        for (index, life) in scenario.lives.iter().enumerate() {
            self.live(index, life, figures).map_err(|what| format!("life {index}: {what}"))?;
            if self.keeps {
                let at = self.plain.with_extension(index.to_string());
                lay_down(&self.kept, &at).map_err(|error| format!("laying down: {error}"))?;
            }
        }
        lay_down(&self.kept, &self.plain).map_err(|error| format!("laying down: {error}"))?;
        let judged =
            oracle::judge(self.annals, &self.plain, &self.out, &self.truth, scenario.restored, figures);
        judged.map_err(|what| format!("what is left: {what}"))
    }

    /// Runs the commands of its first life one after the other, and judges after each what a power cut could still take.
    pub(super) fn account(mut self, figures: &mut Figures) -> Result<(), String> {
        let power = Arc::new(Power::new(&self.kept, None));
        let mounted =
            Mounted::new(Arc::clone(&power), &self.mount).map_err(|error| format!("mounting: {error}"))?;
        let mut outcome = Ok(());
        for step in &self.scenario.lives[0].steps {
            figures.add(&format!("command_{}", step.name()), 1);
            outcome =
                self.step(*step, &power, None, false).and_then(|_| order::judge(&power.unkept(), figures));
            outcome = outcome.map_err(|what| format!("{step:?}: {what}"));
            if outcome.is_err() {
                break;
            }
        }
        figures.add("changes", power.changes());
        power.cut_now();
        mounted.end().map_err(|error| format!("unmounting: {error}"))?;
        outcome
    }

    fn live(&mut self, index: usize, life: &Life, figures: &mut Figures) -> Result<(), String> {
        let random = fastrand::Rng::with_seed(life.survival);
        let trickle = life.trickle.then(|| fastrand::Rng::with_seed(!life.survival));
        let power = Arc::new(Power::new(&self.kept, trickle));
        let mounted =
            Mounted::new(Arc::clone(&power), &self.mount).map_err(|error| format!("mounting: {error}"))?;
        let lived = self.steps(index, life, mounted.power(), figures);
        // Nothing is kept of what comes now.
        power.cut_now();
        let ended = mounted.end().map_err(|error| format!("unmounting: {error}"));
        if let Some(fault) = life.fault {
            let fired = power.trouble(None);
            figures.add(&format!("fault_{}", fault.name()), u64::from(fired > 0));
            figures.add("faults_fired", fired.min(1));
        }
        let died = lived?;
        ended?;
        let mut survival = Survival::draw(random);
        self.kept = power.survive(&mut survival);
        figures.add("cuts", 1);
        figures.add("cuts_in_recovery", u64::from(index > 0));
        figures.add("cuts_while_running", u64::from(died));
        figures.add("changes", power.changes());
        figures.add("sectors_unsynced", survival.lost);
        figures.add("sectors_survived", survival.survived);
        figures.add("names_lost", survival.names_lost);
        Ok(())
    }

    /// Runs the commands of a life; true if the power went while one ran.
    fn steps(
        &mut self,
        index: usize,
        life: &Life,
        power: &Power,
        figures: &mut Figures,
    ) -> Result<bool, String> {
        let mut follower = None;
        if index == 0 && self.scenario.followed {
            follower = Some(self.start(&["tail", "--from", "0", "-f", "--json"])?);
        }
        let mut beside = None;
        let mut died = false;
        for (number, step) in life.steps.iter().enumerate() {
            let last = number + 1 == life.steps.len();
            let mut until = None;
            if last {
                power.trouble(life.fault);
                match life.moment {
                    Moment::Change(after) => power.cut(Cut::Change(after)),
                    Moment::After(time) => until = Some(Instant::now() + time),
                    Moment::End => power.cut(Cut::Never),
                }
                if index == 0 && self.scenario.backed_up {
                    self.truth.backup_tried = true;
                    beside = Some(self.start(&["backup", &self.text("backup"), "--json"])?);
                }
            }
            let faulty = last && life.fault.is_some();
            figures.add(&format!("command_{}", step.name()), 1);
            if !self.step(*step, power, until, faulty).map_err(|what| format!("{step:?}: {what}"))? {
                died = true;
                break;
            }
        }
        if let Some(mut backup) = beside {
            match backup.wait(Some(power), Some(Instant::now() + Duration::from_secs(10)))? {
                Ended::Code(0) => self.backed_up(&backup),
                Ended::Code(_) if life.fault.is_some() || power.is_gone() => {}
                Ended::Code(code) => return Err(format!("backup beside: {code}: {}", backup.said())),
                Ended::Killed => died = true,
            }
            figures.add("backups_beside", 1);
        }
        if let Some(mut follower) = follower {
            power.cut_now();
            follower.kill(power)?;
            self.followed(&follower.output())?;
        }
        Ok(died)
    }

    fn text(&self, name: &str) -> String {
        self.mount.join(name).display().to_string()
    }

    fn start(&mut self, words: &[&str]) -> Result<Process, String> {
        self.commands += 1;
        Process::start(self.annals, &self.mount.join("data"), words, &self.out, &self.commands.to_string())
    }

    /// Runs one command; false if the power went.
    fn step(
        &mut self,
        step: Step,
        power: &Power,
        until: Option<Instant>,
        faulty: bool,
    ) -> Result<bool, String> {
        let acks = self.out.join("acks");
        let _ = fs::remove_file(&acks);
        let words = self.words(step, &acks)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut process = self.start(&words)?;
        let ended = process.wait(Some(power), until)?;
        let lines = fs::read_to_string(&acks).unwrap_or_default();
        self.truth.acknowledged(&lines)?;
        let output = process.output();
        if matches!(step, Step::Append | Step::Vote)
            && let Some((id, offset)) = output.strip_suffix('\n').and_then(|line| line.split_once(' '))
        {
            self.truth.receipt(id, offset)?;
        }
        let Ended::Code(code) = ended else { return Ok(false) };
        if code == 0 && step == Step::Backup {
            self.backed_up(&process);
        }
        if code == 0 && step == Step::Enable("agent") {
            self.truth.agent_indexed = true;
        }
        let fine = match step {
            Step::Rollback | Step::Refill(_) | Step::Disable(_) => code == 0 || code == 5,
            Step::Purge => code == 0 || code == 1,
            // The store may rest, and nobody is to take that for a failure.
            _ => code == 0 || code == 15,
        };
        // The power may have gone while it ended.
        if fine || faulty || power.is_gone() {
            return Ok(!power.is_gone());
        }
        Err(format!("ended with {code}: {}", process.said()))
    }

    fn backed_up(&mut self, process: &Process) {
        let report: Option<serde_json::Value> = serde_json::from_str(process.output().trim()).ok();
        let durable = report.and_then(|report| report["durable"].as_u64());
        self.truth.backed_up = self.truth.backed_up.max(durable);
    }

    fn followed(&mut self, output: &str) -> Result<(), String> {
        for line in output.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let line: serde_json::Value =
                serde_json::from_str(line).map_err(|error| format!("tail writes {line:?}: {error}"))?;
            if let (Some(offset), Some(id)) = (line["offset"].as_u64(), line["id"].as_str()) {
                self.truth.followed.push((offset, id.to_owned()));
            }
        }
        Ok(())
    }

    /// The words of a command; notes what it tries.
    fn words(&mut self, step: Step, acks: &Path) -> Result<Vec<String>, String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let import = |truth: &mut Truth, chunk: super::records::Chunk, batch: u64| {
            let file = self.out.join("chunk.jsonl");
            chunk.write(&file).map_err(|error| error.to_string())?;
            if truth.chunks.last() != Some(&chunk) {
                truth.chunks.push(chunk);
            }
            let (file, acks) = (file.display().to_string(), acks.display().to_string());
            Ok(words(&["import", "--batch", &batch.to_string(), "--acks", &acks, &file, "--json"]))
        };
        Ok(match step {
            Step::Import { chunk, batch } => return import(&mut self.truth, chunk, batch),
            Step::Again { batch } => match self.truth.chunks.last().copied() {
                Some(chunk) => return import(&mut self.truth, chunk, batch),
                None => words(&["verify", "--json"]),
            },
            Step::Append => {
                self.truth.alone += 1;
                let number = (self.truth.alone - 1).to_string();
                words(&["append", "--subject", "alone", "--predicate", "p", "--int", &number])
            }
            Step::Vote => {
                let Some(on) = self.truth.receipts.values().next_back().cloned() else {
                    return Ok(words(&["verify", "--json"]));
                };
                self.truth.alone += 1;
                let voter = format!("voter {}", self.truth.alone - 1);
                words(&["append", "--vote-on", &on, "--voter", &voter, "--stance", "for"])
            }
            // What retention has removed a rebuild lacks.
            Step::Rebuild { .. } if self.truth.purged => words(&["verify", "--journal", "--json"]),
            Step::Rebuild { keep_old: true } => words(&["rebuild", "--keep-old", "--json"]),
            Step::Rebuild { keep_old: false } => words(&["rebuild", "--json"]),
            Step::Rollback => words(&["rebuild", "--rollback", "--json"]),
            Step::Seal => words(&["log", "seal", "--json"]),
            Step::Checkpoint => words(&["log", "checkpoint", "--body", "there", "--seal", "--json"]),
            Step::Purge => {
                self.truth.purged = true;
                words(&["log", "purge", "--keep-segments", "2", "--yes", "--json"])
            }
            Step::Enable(name) => words(&["projections", "enable", name, "--json"]),
            Step::Refill(name) => {
                self.truth.agent_indexed &= name != "agent";
                words(&["projections", "rebuild", name, "--json"])
            }
            Step::Disable(name) => {
                self.truth.agent_indexed &= name != "agent";
                words(&["projections", "disable", name, "--yes", "--json"])
            }
            Step::Backup => {
                self.truth.backup_tried = true;
                words(&["backup", &self.text("backup"), "--json"])
            }
            Step::Pause => words(&["cursors", "pause", "store", "--json"]),
            Step::Resume => words(&["cursors", "resume", "store", "--json"]),
            Step::Verify if self.truth.purged => words(&["verify", "--journal", "--json"]),
            Step::Verify => words(&["verify", "--json"]),
        })
    }
}

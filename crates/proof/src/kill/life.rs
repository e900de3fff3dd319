//! One data directory, through all its cycles, with those who follow it.

use std::fs;
use std::path::PathBuf;

use fastrand::Rng;

use super::cycle::Cycle;
use super::follower::Follower;
use super::history::{History, Placed};
use super::moments::Moments;
use super::oracle::Oracle;
use super::program::Program;
use crate::figures::Figures;

/// One directory and what is known of it.
pub(super) struct Life<'a> {
    random: Rng,
    moments: &'a Moments,
    room: PathBuf,
    oracle: Oracle,
    history: History,
    /// Whether the journal's beginning goes now and then.
    purges: bool,
    /// Whether nothing holds the journal for a rebuild any more.
    let_go: bool,
    /// One that runs, and where the journal is purged, one that is halted for many cycles.
    live: Option<Follower>,
    slow: Option<Follower>,
    followers: u32,
}

impl<'a> Life<'a> {
    pub(super) fn begin(
        mut random: Rng,
        program: &std::path::Path,
        room: PathBuf,
        moments: &'a Moments,
    ) -> Self {
        let oracle = Oracle {
            program: Program::new(program, room.join("data")),
            backup: room.join("backup"),
            restored: room.join("restored"),
        };
        let purges = random.bool();
        Self {
            random,
            moments,
            room,
            oracle,
            history: History::default(),
            purges,
            let_go: false,
            live: None,
            slow: None,
            followers: 0,
        }
    }

    /// One cycle, and everything that must hold after it.
    pub(super) fn cycle(&mut self, figures: &mut Figures) -> Result<(), String> {
        let room = self.room.join("processes");
        let _ = fs::remove_dir_all(&room);
        let mut cycle = Cycle::draw(&mut self.random, &mut self.history, self.purges, self.moments, &room)?;
        let checked = self.checked(&mut cycle, figures);
        checked.map_err(|what| format!("{what}\n  {}", cycle.told()))
    }

    fn checked(&mut self, cycle: &mut Cycle, figures: &mut Figures) -> Result<(), String> {
        cycle.run(&self.oracle.program, &self.oracle.backup)?;
        figures.add("cycles", 1);
        cycle.judge(&self.history, self.purges, self.moments, figures)?;
        if self.history.len() == 0 && !self.oracle.has_data()? {
            // Killed while it was made: then nothing was acknowledged, and the next one makes it.
            return cycle.receipts(&self.history, figures);
        }
        if cycle.pauses() {
            self.oracle.program.answer(&["cursors", "resume", "store"])?;
        }
        let in_place = !self.purges && self.random.bool();
        self.oracle.digests(in_place, figures)?;
        self.oracle.verify(self.history.oldest() > 0 || self.purges)?;
        self.oracle.generations()?;
        let before = self.history.oldest();
        let new = self.oracle.list(&mut self.history)?;
        figures.add("records", new as u64);
        figures.add("records-compared", self.history.len() as u64);
        figures.add("purges-seen", u64::from(self.history.oldest() > before));
        cycle.receipts(&self.history, figures)?;
        if self.purges && !self.let_go && self.history.len() > 0 {
            self.oracle.program.answer(&["log", "cursors", "--remove", "store"])?;
            self.let_go = true;
        }
        if self.purges {
            // So that there is something to purge: a segment each cycle.
            self.oracle.program.answer(&["log", "seal"])?;
        }
        self.follow(figures)
    }

    /// Looks after those who follow.
    fn follow(&mut self, figures: &mut Figures) -> Result<(), String> {
        if let Some(mut live) = self.live.take() {
            let seen = live.check(&self.history)?;
            figures.add("followed", seen as u64);
            let at = live.resumes_at(&self.history);
            if live.has_ended(&self.history)? {
                figures.add("gaps", 1);
                self.live = Some(self.follower(None)?);
            } else if self.random.u32(..6) == 0 {
                figures.add("followed", live.end(&self.history)? as u64);
                figures.add("followers-killed", 1);
                self.live = Some(self.follower(at.as_ref())?);
            } else {
                self.live = Some(live);
            }
        } else {
            self.live = Some(self.follower(None)?);
        }
        if !self.purges {
            return Ok(());
        }
        match self.slow.take() {
            None => self.slow = Some(self.follower(None)?),
            // It has seen what there was: what comes now it misses, until a purge has passed it.
            Some(mut slow) if !slow.is_halted() => {
                let gone = slow.comes_up(&self.history)?;
                figures.add("gaps", u64::from(gone));
                if !gone {
                    slow.halt();
                    self.slow = Some(slow);
                }
            }
            Some(mut slow) => {
                let passed = slow.is_passed(&self.history);
                if passed || self.random.u32(..12) == 0 {
                    slow.go_on();
                    let gone = slow.comes_up(&self.history)?;
                    // What it had read, or had open, when it was halted it may go on with: it was held against the account, and
                    // nothing of that is left out.
                    figures.add("passed-and-told", u64::from(passed && gone));
                    figures.add("passed-and-read-on", u64::from(passed && !gone));
                    figures.add("gaps", u64::from(gone));
                    self.slow = (!gone).then_some(slow);
                } else {
                    self.slow = Some(slow);
                }
            }
        }
        Ok(())
    }

    fn follower(&mut self, at: Option<&Placed>) -> Result<Follower, String> {
        self.followers += 1;
        let room = self.room.join(format!("follower-{}", self.followers));
        Follower::start(&self.oracle.program, room, at)
    }

    /// The last word: who follows comes up with the journal.
    pub(super) fn end(mut self, figures: &mut Figures) -> Result<(), String> {
        if let Some(mut live) = self.live.take() {
            let before = live.check(&self.history)?;
            figures.add("followed", before as u64);
            let gone = live.comes_up(&self.history)?;
            figures.add("gaps", u64::from(gone));
        }
        Ok(())
    }
}

//! What has to hold of what is left, on a plain disk.
//!
//!   the log: sound, every receipt, what was followed, nothing invented, in order
//!   the store: no further than the log, sound, the same as a rebuild's, the same answers as the log's
//!   the backup: whole, and no older than one that was finished

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::process::{run, succeeds};
use super::records::{Origin, SUBJECTS, origin};
use super::truth::Truth;
use crate::figures::Figures;

/// What is judged.
struct Left<'l> {
    annals: &'l Path,
    data: &'l Path,
    out: &'l Path,
    truth: &'l Truth,
}

/// Judges what is left at `plain`.
pub(super) fn judge(
    annals: &Path,
    plain: &Path,
    out: &Path,
    truth: &Truth,
    restored: bool,
    figures: &mut Figures,
) -> Result<(), String> {
    let data = plain.join("data");
    let left = Left { annals, data: &data, out, truth };
    figures.add("receipts", truth.receipts.len() as u64);
    if truth.receipts.is_empty() {
        figures.add("without_receipts", 1);
        // Whatever is there, somebody can begin.
        left.succeeds(&["append", "--subject", "alone", "--predicate", "p", "--int", "0", "--json"])?;
    }
    left.status()?;
    // A pause outlives everything; nothing could be asked.
    left.run(&["cursors", "resume", "store", "--json"])?;
    // What retention has removed the store cannot be compared with.
    let words: &[&str] =
        if truth.purged { &["verify", "--journal", "--json"] } else { &["verify", "--json"] };
    let verified = left.succeeds(words)?;
    let [verified] = &verified[..] else { return Err("verify says nothing".to_owned()) };
    if verified["ok"] != true || (!truth.purged && verified["index"]["ok"] != true) {
        return Err(format!("verify: {verified}"));
    }
    let log = left.succeeds(&["tail", "--from", "start", "--json"])?;
    left.log(&log)?;
    figures.add("records_checked", log.len() as u64);
    left.answers(&log, figures)?;
    left.backup(plain, &log, restored, figures)?;
    if !truth.purged {
        let rebuilt = left.succeeds(&["rebuild", "--json"])?;
        let same = rebuilt.first().is_some_and(|report| report["same"] == true);
        if !same {
            return Err(format!("rebuild: {rebuilt:?}"));
        }
        figures.add("rebuilds_compared", 1);
    }
    Ok(())
}

impl Left<'_> {
    fn run(&self, words: &[&str]) -> Result<(i32, Vec<Json>, String), String> {
        run(self.annals, self.data, words, self.out)
    }

    fn succeeds(&self, words: &[&str]) -> Result<Vec<Json>, String> {
        succeeds(self.annals, self.data, words, self.out)
    }

    /// The store's cursor stands within the log, before anybody has opened either.
    fn status(&self) -> Result<(), String> {
        let status = self.succeeds(&["status", "--json"])?;
        let [status] = &status[..] else { return Err("status says nothing".to_owned()) };
        if status["journal"]["damage"] != Json::Null {
            return Err(format!("status: {status}"));
        }
        // What was written and is not known to be durable is found by the next open.
        let (cursor, next) = (status["cursor"].as_u64(), status["journal"]["next"].as_u64());
        if cursor.is_some_and(|cursor| next.is_some_and(|next| cursor > next)) {
            return Err(format!("the store is ahead of the log: {status}"));
        }
        let info = self.succeeds(&["log", "info", "--json"])?;
        match info.first().and_then(|info| info["state"].as_str()) {
            Some("sound" | "unclean") => Ok(()),
            _ => Err(format!("log info: {info:?}")),
        }
    }

    /// Receipts, order, and nothing else.
    fn log(&self, log: &[Json]) -> Result<(), String> {
        let mut by_offset = BTreeMap::new();
        for record in log {
            let (Some(offset), Some(id)) = (record["offset"].as_u64(), record["id"].as_str()) else {
                return Err(format!("tail writes {record}"));
            };
            by_offset.insert(offset, id);
        }
        let oldest = match by_offset.keys().next() {
            Some(oldest) if self.truth.purged => *oldest,
            _ => 0,
        };
        for (offset, id) in self.truth.receipts.iter().filter(|(offset, _)| **offset >= oldest) {
            if by_offset.get(offset) != Some(&id.as_str()) {
                let there = by_offset.get(offset);
                return Err(format!("LOST: {id} was acknowledged at {offset}, where there is {there:?}"));
            }
        }
        for (offset, id) in self.truth.followed.iter().filter(|(offset, _)| *offset >= oldest) {
            if by_offset.get(offset) != Some(&id.as_str()) {
                return Err(format!("{id} was seen at {offset}, where there is {:?}", by_offset.get(offset)));
            }
        }
        self.order(log)
    }

    fn order(&self, log: &[Json]) -> Result<(), String> {
        let mut next_alone = 0;
        // Which chunk, and which line of it comes next.
        let mut at: Option<(usize, u64)> = None;
        for record in log {
            match origin(record) {
                Some(Origin::Alone(number)) => {
                    let begins = self.truth.receipts.is_empty() && number == 0;
                    if !begins && (number < next_alone || number >= self.truth.alone) {
                        return Err(format!("append {number} comes after {next_alone}"));
                    }
                    next_alone = number + 1;
                }
                Some(Origin::Line(chunk, line)) => {
                    let index = self.truth.chunks.iter().position(|tried| tried.number == chunk);
                    let Some(index) = index.filter(|index| line < self.truth.chunks[*index].lines) else {
                        return Err(format!("nobody imported line {line} of chunk {chunk}"));
                    };
                    let expected = match at {
                        Some((before, next)) if before == index => next,
                        Some((before, _)) if before > index => {
                            return Err(format!("chunk {chunk} comes again, line {line}"));
                        }
                        // A purge has begun the log anywhere.
                        None if self.truth.purged => line,
                        _ => 0,
                    };
                    if line != expected {
                        return Err(format!("chunk {chunk} goes on with line {line}, not {expected}"));
                    }
                    at = Some((index, line + 1));
                }
                None => return Err(format!("INVENTED: {record}")),
            }
        }
        Ok(())
    }

    /// What the store says of a subject, and an index of an agent, is what the log says.
    fn answers(&self, log: &[Json], figures: &mut Figures) -> Result<(), String> {
        let offsets = |records: &[Json]| {
            records.iter().filter_map(|record| record["offset"].as_u64()).collect::<Vec<_>>()
        };
        let expected = |key: &str, value: &str| {
            let of = |record: &&Json| record["type"] == "assertion" && record[key] == value;
            offsets(&log.iter().filter(of).cloned().collect::<Vec<_>>())
        };
        let subject = format!("s{}", log.len() as u64 % SUBJECTS);
        let (code, lines, said) = self.run(&["subject", &subject, "--json"])?;
        let (wanted, found) = (expected("subject", &subject), offsets(&lines));
        // The store keeps what retention has removed from the log.
        let differs = if self.truth.purged { !found.ends_with(&wanted) } else { found != wanted };
        if differs || !(code == 0 || code == 5 && wanted.is_empty()) {
            return Err(format!("subject {subject} is at {found:?}, not {wanted:?}: {code} {said}"));
        }
        let agent = format!("chunk {}", self.truth.chunks.last().map_or(0, |chunk| chunk.number));
        let (code, lines, said) = self.run(&["query", "--agent", &agent, "--json"])?;
        let (wanted, found) = (expected("agent", &agent), offsets(&lines));
        let differs = if self.truth.purged { !found.ends_with(&wanted) } else { found != wanted };
        match code {
            0 if !differs => figures.add("queries_compared", 1),
            // Nothing is indexed, and nothing need be.
            5 if !self.truth.agent_indexed => {}
            _ => return Err(format!("agent {agent} is at {found:?}, not {wanted:?}: {code} {said}")),
        }
        figures.add("subjects_compared", 1);
        Ok(())
    }

    fn backup(
        &self,
        plain: &Path,
        log: &[Json],
        restored: bool,
        figures: &mut Figures,
    ) -> Result<(), String> {
        if !self.truth.backup_tried {
            return Ok(());
        }
        let dir = plain.join("backup").display().to_string();
        let (code, lines, said) = self.run(&["backup", &dir, "--verify", "--json"])?;
        let Some(finished) = self.truth.backed_up else {
            // It was never finished: whole, or none.
            return if code == 0 || code == 10 { Ok(()) } else { Err(format!("backup: {code}: {said}")) };
        };
        let Some(report) = lines.first().filter(|report| code == 0 && report["ok"] == true) else {
            return Err(format!("backup: {code}: {said}"));
        };
        let durable = report["durable"].as_u64().unwrap_or(0);
        if durable < finished {
            return Err(format!(
                "the backup ends at {durable}, and one that ends at {finished} was finished"
            ));
        }
        figures.add("backups_verified", 1);
        if restored && !self.truth.purged {
            let to = plain.join("restored");
            self.succeeds(&["restore", &dir, "--to", &to.display().to_string(), "--json"])?;
            let there = succeeds(self.annals, &to, &["tail", "--from", "start", "--json"], self.out)?;
            let same = log.iter().take_while(|record| record["offset"].as_u64() < Some(durable)).eq(&there);
            if !same {
                return Err(format!("{} records were restored, which are not the log's", there.len()));
            }
            figures.add("restores_compared", 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

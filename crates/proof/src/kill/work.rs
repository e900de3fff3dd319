//! What a process is to do: the commands of the binary that are started and killed.

use fastrand::Rng;

use super::history::History;

/// One process's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A chunk's lines, so many in a batch; slowly, through a pipe, or from a file.
    Import {
        chunk: u32,
        batch: u32,
        piped: bool,
    },
    /// A chunk of one line.
    Append {
        chunk: u32,
    },
    /// The store anew.
    Rebuild {
        keep_old: bool,
    },
    /// The oldest segments away.
    Purge {
        keep: u32,
    },
    /// The active segment ended.
    Seal,
    /// A checkpoint, which ends the segment as well.
    Checkpoint,
    Heal,
    Backup,
    Enable(&'static str),
    Disable(&'static str),
    Refill(&'static str),
    /// The store's worker is to rest.
    Pause,
    /// A question to the store.
    Ask,
}

/// The projections that come and go.
const PROJECTIONS: [&str; 2] = ["agent", "predicate"];
/// A purge keeps more segments than a cycle can make: what goes was listed, and backed up, by the cycle before.
const KEPT_SEGMENTS: u32 = 8;

impl Work {
    /// Something to do; with `purges`, the journal's beginning goes now and then.
    pub(super) fn draw(random: &mut Rng, history: &mut History, purges: bool) -> Self {
        let projection = PROJECTIONS[random.usize(..PROJECTIONS.len())];
        match random.u32(..100) {
            0..38 => Self::import(random, history),
            38..50 => Self::Append { chunk: history.hand_in(1) },
            // A journal that begins later has nothing that a rebuild could be compared with: it is refused.
            50..60 if purges && history.oldest() > 0 => Self::Purge { keep: KEPT_SEGMENTS + random.u32(..3) },
            60..70 if purges => Self::Purge { keep: KEPT_SEGMENTS + random.u32(..3) },
            // What is kept for going back holds the journal.
            50..64 => Self::Rebuild { keep_old: !purges && random.u32(..4) == 0 },
            64..70 => Self::Ask,
            70..78 => Self::Seal,
            78..81 => Self::Checkpoint,
            81..84 => Self::Heal,
            84..90 => Self::Backup,
            90..93 => Self::Enable(projection),
            93..95 => Self::Disable(projection),
            95..97 => Self::Refill(projection),
            97..98 => Self::Pause,
            _ => Self::Ask,
        }
    }

    /// A new chunk, or one that an import did not finish: a retry.
    fn import(random: &mut Rng, history: &mut History) -> Self {
        let unfinished: Vec<u32> = (0..history.chunks())
            .filter(|chunk| history.arrived(*chunk) < history.lines(*chunk) && history.lines(*chunk) > 1)
            .collect();
        let chunk = match unfinished.last() {
            Some(_) if random.u32(..3) == 0 => unfinished[random.usize(..unfinished.len())],
            _ => history.hand_in(random.u32(10..150)),
        };
        Self::Import { chunk, batch: random.u32(1..8), piped: random.bool() }
    }

    /// By which name its moments are learned and its kills are counted.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Import { piped: true, .. } => "import-piped",
            Self::Import { .. } => "import",
            Self::Append { .. } => "append",
            Self::Rebuild { .. } => "rebuild",
            Self::Purge { .. } => "purge",
            Self::Seal => "seal",
            Self::Checkpoint => "checkpoint",
            Self::Heal => "heal",
            Self::Backup => "backup",
            Self::Enable(_) | Self::Disable(_) | Self::Refill(_) => "projections",
            Self::Pause => "pause",
            Self::Ask => "ask",
        }
    }

    /// Its words; files are in the directory of the process, `room`.
    pub(super) fn words(&self, room: &str, backup: &str) -> Vec<String> {
        let words: Vec<String> = match self {
            Self::Import { batch, piped, .. } => {
                let input = if *piped { "-".to_owned() } else { format!("{room}/lines.jsonl") };
                vec![
                    "import".to_owned(),
                    input,
                    "--batch".to_owned(),
                    batch.to_string(),
                    "--acks".to_owned(),
                    format!("{room}/acks"),
                ]
            }
            Self::Append { .. } => vec!["append".to_owned()],
            Self::Rebuild { keep_old: true } => split("rebuild --keep-old"),
            Self::Rebuild { keep_old: false } => split("rebuild"),
            Self::Purge { keep } => split(&format!("log purge --yes --keep-segments {keep}")),
            Self::Seal => split("log seal"),
            Self::Checkpoint => split("log checkpoint --body here --seal"),
            Self::Heal => split("heal --yes"),
            Self::Backup => vec!["backup".to_owned(), backup.to_owned()],
            Self::Enable(name) => split(&format!("projections enable {name}")),
            Self::Disable(name) => split(&format!("projections disable {name} --yes")),
            Self::Refill(name) => split(&format!("projections rebuild {name}")),
            Self::Pause => split("cursors pause store"),
            Self::Ask => split("subject s1 --limit 3"),
        };
        words
    }

    /// What it may end with by itself, besides 11 where somebody else has the data.
    pub(super) fn may_end_with(&self, code: i32, empty: bool, purged: bool, paused: bool) -> bool {
        let refused = match self {
            Self::Import { .. } | Self::Append { .. } => paused && code == 15,
            Self::Rebuild { .. } => purged && code == 13,
            // What a cursor or the checkpoint holds stays, and that is told by 1.
            Self::Purge { .. } => code == 1,
            // Which is not enabled cannot be taken away, nor filled anew.
            Self::Disable(_) | Self::Refill(_) => code == 5,
            // A subject of which nothing is said yet.
            Self::Ask => code == 5,
            _ => false,
        };
        // Only imports and appends make data where there is none.
        let none = empty && code == 10 && !matches!(self, Self::Import { .. } | Self::Append { .. });
        code == 0 || refused || none
    }
}

fn split(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

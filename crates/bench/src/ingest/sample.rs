//! What one process measured, as it travels to the one that asked.

use serde_json::{Value, json};

use super::work::Work;
use crate::outcome::Outcome;

/// What else goes on while something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    /// Nothing.
    Idle,
    /// Another thread ingests as fast as it can.
    Full,
}

impl Load {
    /// As the output names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Full => "full",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Idle, Self::Full].into_iter().find(|load| load.name() == name)
    }
}

/// One repetition of one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What was done.
    pub(crate) work: Work,
    /// Beside what, where that is told apart.
    pub(crate) load: Option<Load>,
    /// In the work's unit.
    pub(crate) value: f64,
    /// The most memory the process has had, in bytes, where that is asked for.
    pub(crate) peak_bytes: Option<u64>,
}

impl Sample {
    /// A value alone.
    pub(crate) fn of(work: Work, value: f64) -> Self {
        Self { work, load: None, value, peak_bytes: None }
    }

    /// As a line.
    pub(crate) fn line(&self) -> String {
        let load = self.load.map(Load::name);
        let Self { value, peak_bytes, .. } = self;
        json!({ "work": self.work.name(), "load": load, "value": value, "peak_bytes": peak_bytes })
            .to_string()
    }

    /// From that line.
    pub(crate) fn parse(line: &str) -> Outcome<Self> {
        let object: Value = serde_json::from_str(line)?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        Ok(Self {
            work: text("work").and_then(Work::named).ok_or("a sample of no work")?,
            load: text("load").and_then(Load::named),
            value: object.get("value").and_then(Value::as_f64).ok_or("a sample without a value")?,
            peak_bytes: object.get("peak_bytes").and_then(Value::as_u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_arrives_as_it_was_sent() {
        let rebuilt = Sample { peak_bytes: Some(7), ..Sample::of(Work::Rebuild, 1.5) };
        let seen = Sample { load: Some(Load::Full), ..Sample::of(Work::Visible, 0.25) };
        for sample in [rebuilt, seen] {
            assert_eq!(Sample::parse(&sample.line()).unwrap(), sample);
        }
    }
}

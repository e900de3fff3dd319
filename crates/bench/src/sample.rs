//! What one repetition measured, as it travels from its process to the one that asked.

use serde_json::{Value, json};

use crate::latency::Latencies;
use crate::outcome::Outcome;

/// One repetition of one cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// In the unit of its work.
    pub(crate) value: f64,
    /// Half of the appends took no longer, in microseconds; where single appends were timed.
    pub(crate) p50_us: Option<f64>,
    /// Ninety-nine of a hundred took no longer.
    pub(crate) p99_us: Option<f64>,
}

impl Sample {
    /// A value alone.
    pub(crate) fn of(value: f64) -> Self {
        Self { value, p50_us: None, p99_us: None }
    }

    /// The rate of these appends, and their times.
    pub(crate) fn rate(mut latencies: Latencies) -> Self {
        let (p50_us, p99_us) = latencies.percentiles().unzip();
        Self { value: latencies.per_second(), p50_us, p99_us }
    }

    /// As the line that a cell's process prints.
    pub(crate) fn line(&self) -> String {
        json!({ "value": self.value, "p50_us": self.p50_us, "p99_us": self.p99_us }).to_string()
    }

    /// From that line.
    pub(crate) fn parse(line: &str) -> Outcome<Self> {
        let value: Value = serde_json::from_str(line)?;
        let number = |name: &str| value.get(name).and_then(Value::as_f64);
        let measured = number("value").ok_or("the cell printed no value")?;
        Ok(Self { value: measured, p50_us: number("p50_us"), p99_us: number("p99_us") })
    }
}

//! For an application with an index of its own: a projection counts what each agent says and keeps each one's newest
//! claim, and its second version adds what the application's own records say.
//!
//!   cargo run --example own_projection

#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use std::sync::Arc;
use std::time::Duration;

use annals::{
    Annals, Assertion, Projected, Projection, ProjectionError, ProjectionHandle, ProjectionTxn, Record, Value,
};

/// A record of the application's own: its type, 200, and the name of an agent who has retired.
const RETIRED: u8 = 200;

/// How much each agent has said. The key is the agent's name.
struct Activity {
    version: u32,
}

impl Projection for Activity {
    fn name(&self) -> &str {
        "activity"
    }

    /// Raised with the rules below; the version before answers until this one has come up with the journal.
    fn version(&self) -> u32 {
        self.version
    }

    fn apply(&self, record: &Projected<'_>, txn: &mut ProjectionTxn<'_>) -> Result<(), ProjectionError> {
        let agent = match record.record {
            Some(Record::Assertion(Assertion { agent: Some(agent), .. })) => agent.as_bytes(),
            // What Annals does not read is lent as it stands in the journal.
            None if self.version > 1 && record.payload.first() == Some(&RETIRED) => {
                txn.delete(&record.payload[1..]);
                return Ok(());
            }
            _ => return Ok(()),
        };
        // It sees what the records before have left, also those of the same batch.
        let count = match txn.get(agent)? {
            Some(value) => u64::from_le_bytes(value[..8].try_into()?),
            None => 0,
        };
        let value = [(count + 1).to_le_bytes().as_slice(), record.id.as_bytes()].concat();
        txn.put(agent, &value);
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let annals = Annals::open(dir.path().join("knowledge"))?;
    for i in 0..1000 {
        let agent = ["ann", "bob", "cat"][i as usize % 3].to_owned();
        let claim = Assertion { agent: Some(agent), ..Assertion::new("sensor", "reads", Value::Int(i)) };
        annals.append(&claim.into())?;
    }
    annals.journal().append([&[RETIRED], "cat".as_bytes()].concat())?;

    // Filled in the background, from the journal's beginning, and from here on with every append.
    let activity = annals.project(Arc::new(Activity { version: 1 }))?;
    show(&annals, &activity)?;
    annals.close()?;

    // Opened again with other rules, it is built anew beside what is there, which answers meanwhile.
    let annals = Annals::open(dir.path().join("knowledge"))?;
    let activity = annals.project(Arc::new(Activity { version: 2 }))?;
    show(&annals, &activity)?;
    Ok(annals.close()?)
}

/// Everything in it, once it is up with the journal.
fn show(annals: &Annals, activity: &ProjectionHandle) -> Result<(), Box<dyn std::error::Error>> {
    activity.wait_for(annals.journal().durable(), Duration::from_secs(10))?;
    // The store has a worker of its own.
    annals.catch_up()?;
    // All that follows holds as of one offset.
    let view = activity.view()?;
    println!("version {} as of offset {}:", view.version(), view.as_of());
    for (agent, value) in view.prefix(b"", None, 100)? {
        let count = u64::from_le_bytes(value[..8].try_into()?);
        let newest = annals.get(&annals::RecordId::from_bytes(value[8..].try_into()?))?;
        let newest = newest.ok_or("the store lacks it")?;
        println!("  {}: {count} claims, the newest at {}", String::from_utf8_lossy(&agent), newest.offset);
    }
    Ok(())
}

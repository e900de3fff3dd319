//! Letting whole sealed segments go, by each stream's own policy.
//!
//! ```text
//!   settings.keep -> plan (dry) -> the journal's blockers, its word on clock jumps -> purge -> receipts
//! ```

use std::sync::Arc;

use annals_journal::{Consent, Keep, Plan};

use crate::error::Error;
use crate::manifest::Unreadable;
use crate::pool::Entry;
use crate::receipts::PurgeReceipt;
use crate::streams::Streams;

/// A stream and what it keeps, or why that is not known.
type Policy = (String, Result<Keep, Error>);

/// What a stream's policy would remove now.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamPlan {
    /// The stream.
    pub stream: String,
    /// What would go, what stays and why, as its journal says.
    pub plan: Plan,
}

/// What a purge did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// One for each segment that went.
    pub receipts: Vec<PurgeReceipt>,
    /// Streams whose purge was refused or failed, and why; nothing of them went that has no receipt here or among
    /// [`Streams::purge_receipts`].
    pub refused: Vec<Unreadable>,
}

impl Streams {
    /// What the policy of one stream, or of each that has one, would remove now. Changes nothing.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Settings`]; [`Error::Journal`] if a file cannot be read.
    pub fn plan_purge(&self, stream: Option<&str>) -> Result<Vec<StreamPlan>, Error> {
        let wanted = self.with_policy(stream)?;
        wanted.into_iter().map(|(stream, keep)| self.plan_one(&stream, &keep?)).collect()
    }

    /// Removes what the policy of one stream, or of each that has one, does not keep; returns a receipt for each segment.
    /// A stream for which that is refused (a clock that jumped, without `consent`) is listed, and keeps nobody else's.
    ///
    /// # Errors
    /// [`Error::NoStream`]; [`Error::Settings`] of a stream that was named.
    pub fn purge(&self, stream: Option<&str>, consent: Consent) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        for (stream, keep) in self.with_policy(stream)? {
            match keep.and_then(|keep| self.purge_one(&stream, &keep, consent)) {
                Ok(receipts) => purged.receipts.extend(receipts),
                Err(error) => {
                    tracing::warn!(%stream, %error, "not purged");
                    purged.refused.push(Unreadable::new(stream, error.to_string()));
                }
            }
        }
        Ok(purged)
    }

    fn purge_one(&self, stream: &str, keep: &Keep, consent: Consent) -> Result<Vec<PurgeReceipt>, Error> {
        let lease = self.core.lease(&self.core.existing(stream)?)?;
        let failed = |error| Error::of(stream, error);
        let plan = lease.journal.plan(keep).map_err(failed)?;
        let receipts = lease.journal.apply(&plan, consent).map_err(failed)?;
        Ok(receipts.iter().map(|receipt| PurgeReceipt::of(stream, receipt)).collect())
    }

    fn plan_one(&self, stream: &str, keep: &Keep) -> Result<StreamPlan, Error> {
        let lease = self.core.lease(&self.core.existing(stream)?)?;
        let plan = lease.journal.plan(keep).map_err(|error| Error::of(stream, error))?;
        Ok(StreamPlan { stream: stream.to_owned(), plan })
    }

    /// One stream, or all that have a policy, and those of which it is not known.
    fn with_policy(&self, stream: Option<&str>) -> Result<Vec<Policy>, Error> {
        if let Some(stream) = stream {
            let entry = self.core.existing(stream)?;
            return Ok(vec![(stream.to_owned(), Ok(self.core.settings_of(&entry)?.keep))]);
        }
        let keep = |entry: &Arc<Entry>| self.core.settings_of(entry).map(|settings| settings.keep);
        let all = self.core.all();
        let wanted = all.iter().map(|entry| (entry.name.to_string(), keep(entry)));
        Ok(wanted.filter(|(_, keep)| !matches!(keep, Ok(Keep::Everything))).collect())
    }
}

//! What lies beside the segments: manifests, receipts of purges and of quarantines.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::receipt::{Document, Receipt};
use super::{DocumentKind, Note, Root};

/// No document is longer.
const LONGEST: u64 = 1 << 20;

const SUFFIXES: [(&str, DocumentKind); 3] = [
    (".manifest.json", DocumentKind::Manifest),
    (".purged.json", DocumentKind::Purged),
    (".quarantine.json", DocumentKind::Quarantined),
];

/// All of them, and what is none.
#[derive(Debug, Default)]
pub(super) struct Documents {
    read: Vec<Document>,
    notes: Vec<(Note, Arc<Path>)>,
}

impl Documents {
    pub(super) fn read<'a>(root: &Root, paths: impl Iterator<Item = &'a Arc<Path>>) -> Self {
        let mut all = Self::default();
        for path in paths {
            let name = path.to_string_lossy();
            let Some((_, kind)) = SUFFIXES.into_iter().find(|(suffix, _)| name.ends_with(suffix)) else {
                all.notes.push((Note::OtherFile, Arc::clone(path)));
                continue;
            };
            let Ok(json) = json(root, path) else {
                all.notes.push((Note::UnreadDocument, Arc::clone(path)));
                continue;
            };
            let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
            all.read.push(Document {
                kind,
                file: Arc::clone(path),
                segment: text("segment_id"),
                items: json.get("fact_count").and_then(Json::as_u64),
                reason: text("reason").or_else(|| text("error_message")),
            });
        }
        all
    }

    /// How many facts each segment has, by its manifest.
    pub(super) fn manifests(&self) -> HashMap<Arc<Path>, u64> {
        let manifests = self.read.iter().filter(|document| document.kind == DocumentKind::Manifest);
        let of = |document: &Document| {
            let path = document.file.to_str()?.strip_suffix(SUFFIXES[0].0)?;
            Some((Arc::from(Path::new(path)), document.items?))
        };
        manifests.filter_map(of).collect()
    }

    pub(super) fn tell(self, receipt: &mut Receipt) {
        self.notes.iter().for_each(|(note, path)| receipt.note(*note, path, 0));
        self.read.into_iter().for_each(|document| receipt.document(document));
    }
}

fn json(root: &Root, path: &Path) -> io::Result<Json> {
    let mut text = Vec::new();
    root.file(path)?.take(LONGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    Ok(serde_json::from_slice(&text)?)
}

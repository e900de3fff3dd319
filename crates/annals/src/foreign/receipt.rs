//! What a reading of a foreign store comes to.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// So many losses, and so many documents, are kept one by one; all are counted.
const LISTED: usize = 1_000;

/// Whose store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// A partitioned fact store: [`crate::foreign::igniter`].
    Igniter,
    /// An offline packet queue: [`crate::foreign::opq`].
    Opq,
    /// The write-ahead log of a knowledge base: [`crate::foreign::stemedb`].
    Stemedb,
    /// The write-ahead log of an event store: [`crate::foreign::fact`].
    Fact,
    /// Sessions as files: [`crate::foreign::sessions`].
    FsStore,
}

impl Format {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igniter => "igniter",
            Self::Opq => "opq",
            Self::Stemedb => "stemedb",
            Self::Fact => "fact",
            Self::FsStore => "fsstore",
        }
    }
}

/// A stretch of a foreign file that gives no item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The file, as seen from the store's directory.
    pub file: Arc<Path>,
    /// Its first byte.
    pub offset: u64,
    /// How many bytes it has; none if what is missing is known from elsewhere.
    pub bytes: u64,
    /// How many items were there, if that is known.
    pub items: Option<u64>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, reason, .. } = self;
        write!(f, "{}, byte {offset}, {bytes} bytes: {reason}", file.display())
    }
}

/// Something that is to be known of what was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    /// The source has no ids: they were made of the place and the bytes, the same each time.
    MadeId,
    /// The source has no causation, producer and derivation.
    NoProvenance,
    /// A causation that is no UUID was left out.
    CausationLeftOut,
    /// Fields that no fact has were left out.
    FieldsLeftOut,
    /// A producer that is no text is kept as the text of its JSON.
    ProducerAsText,
    /// The hash of the value is not the one that stands beside it; the frame's checksum verifies.
    HashDiffers,
    /// The frame has no checksum: where it ends is known from what follows, its bytes are not verified.
    Unverified,
    /// A signature that the frame's checksum does not cover.
    SignatureNotCovered,
    /// The record's BLAKE3 verifies, and its CRC32C does not, over whatever it may have been computed.
    CrcDiffers,
    /// The bytes of the application are kept as they are; what they say is not decoded.
    NotDecoded,
    /// A number of the log is not greater than the one before it.
    NumbersGoBack,
    /// A file that is no part of the store was left alone.
    OtherFile,
    /// A document beside the data that is no JSON, or too large.
    UnreadDocument,
}

impl Note {
    /// Its name in a receipt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MadeId => "made_id",
            Self::NoProvenance => "no_provenance",
            Self::CausationLeftOut => "causation_left_out",
            Self::FieldsLeftOut => "fields_left_out",
            Self::ProducerAsText => "producer_as_text",
            Self::HashDiffers => "hash_differs",
            Self::Unverified => "unverified",
            Self::SignatureNotCovered => "signature_not_covered",
            Self::CrcDiffers => "crc_differs",
            Self::NotDecoded => "not_decoded",
            Self::NumbersGoBack => "numbers_go_back",
            Self::OtherFile => "other_file",
            Self::UnreadDocument => "unread_document",
        }
    }

    /// Whether something of an item, or of the store, was there and was not taken.
    #[must_use]
    pub const fn leaves_out(self) -> bool {
        matches!(self, Self::CausationLeftOut | Self::FieldsLeftOut | Self::UnreadDocument)
    }
}

/// How often something was noted, and where first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// What.
    pub note: Note,
    /// How often.
    pub count: u64,
    /// The file in which it was noted first.
    pub file: Arc<Path>,
    /// And the byte.
    pub offset: u64,
}

/// A document beside the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// The file, as seen from the store's directory.
    pub file: Arc<Path>,
    /// The segment it speaks of, if it says so.
    pub segment: Option<String>,
    /// How many items it says the segment had.
    pub items: Option<u64>,
    /// What it gives as the reason.
    pub reason: Option<String>,
}

/// Which kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// A sealed segment's.
    Manifest,
    /// Of a segment that was deleted there.
    Purged,
    /// Of a segment that could not be read there.
    Quarantined,
}

impl DocumentKind {
    /// Its name in a receipt.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Purged => "purged",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What was taken, and what could not be. It grows as the reading goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose store it is.
    pub format: Format,
    /// Data files that were read.
    pub files: u64,
    /// Their bytes, as far as was read.
    pub bytes: u64,
    /// Those of items, of what frames them, and of files' headers.
    pub kept_bytes: u64,
    /// Those of which nothing was taken.
    pub lost_bytes: u64,
    /// Items that were given.
    pub items: u64,
    /// Items that are known to be lost. Where bytes are damaged, it is not known how many they held.
    pub lost_items: u64,
    /// How many stretches were lost.
    pub losses: u64,
    /// The first thousand of them.
    pub first_losses: Vec<Loss>,
    /// What is to be known besides.
    pub notes: Vec<Noted>,
    /// How many manifests, receipts of purges and of quarantines there are.
    pub documents: u64,
    /// The first thousand of them.
    pub first_documents: Vec<Document>,
}

impl Receipt {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            files: 0,
            bytes: 0,
            kept_bytes: 0,
            lost_bytes: 0,
            items: 0,
            lost_items: 0,
            losses: 0,
            first_losses: Vec::new(),
            notes: Vec::new(),
            documents: 0,
            first_documents: Vec::new(),
        }
    }

    /// Whether everything that was there was taken.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.losses == 0 && !self.notes.iter().any(|noted| noted.note.leaves_out())
    }

    /// How often something was noted.
    #[must_use]
    pub fn noted(&self, note: Note) -> u64 {
        self.notes.iter().find(|noted| noted.note == note).map_or(0, |noted| noted.count)
    }

    pub(super) fn lose(&mut self, loss: &Loss) {
        self.losses += 1;
        self.lost_items += loss.items.unwrap_or(0);
        if self.first_losses.len() < LISTED {
            self.first_losses.push(loss.clone());
        }
    }

    pub(super) fn note(&mut self, note: Note, file: &Arc<Path>, offset: u64) {
        match self.notes.iter_mut().find(|noted| noted.note == note) {
            Some(noted) => noted.count += 1,
            None => self.notes.push(Noted { note, count: 1, file: Arc::clone(file), offset }),
        }
    }

    pub(super) fn document(&mut self, document: Document) {
        self.documents += 1;
        if self.first_documents.len() < LISTED {
            self.first_documents.push(document);
        }
    }
}

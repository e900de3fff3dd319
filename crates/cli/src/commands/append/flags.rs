//! The flags that make a record. What they say is checked where a line of JSON is.

use clap::ArgGroup;

/// One record, by flags or on standard input.
#[derive(Debug, Default, clap::Args)]
#[command(
    group = ArgGroup::new("record").args(["stdin", "subject", "vote_on", "epoch_name"]),
    group = ArgGroup::new("flags").args(["subject", "vote_on", "epoch_name"]),
    group = ArgGroup::new("value").args([
        "object", "entity", "int", "decimal", "float", "bool", "time", "quantity", "bytes", "claim", "some", "none",
        "object_json",
    ]),
    after_help = "\
Examples:
  annals append --subject Everest --predicate height --quantity '8848.86 m' --source survey
  annals append --subject Everest --predicate 'lies in' --entity Nepal --confidence 0.99
  annals append --subject Everest --predicate name --object Sagarmāthā --language ne
  annals append --subject s --predicate p --object-json '{\"some\":true}' --qualifier 'since=1953'
  annals append --vote-on 3f2a91c04d7e --voter alice --stance for
  annals append --epoch-name bookworm --starts 2023-06-10
  echo '{\"subject\":\"s\",\"predicate\":\"p\",\"object\":3}' | annals append

Prints the id and the offset of the record once it is durable. A record that stands in the journal \
already is not appended again; its first offset is printed. Where an id is wanted, the first 8 digits \
or more of one that is there will do. What is left out stays absent: no clock enters a record. The \
data directory is made if nothing is there."
)]
pub(crate) struct Args {
    /// `-`: one record of JSON on standard input, as without any flag
    #[arg(value_name = "-", value_parser = ["-"])]
    pub(super) stdin: Option<String>,
    #[command(flatten)]
    pub(super) claim: Claim,
    #[command(flatten)]
    pub(super) object: Object,
    #[command(flatten)]
    pub(super) vote: Vote,
    #[command(flatten)]
    pub(super) epoch: Epoch,
    /// The epoch that an assertion is made in, or a vote is cast in: its name or its id
    #[arg(
        long = "epoch",
        value_name = "NAME",
        requires = "flags",
        conflicts_with = "epoch_name",
        help_heading = "Any of them"
    )]
    pub(super) in_epoch: Option<String>,
    /// When an assertion was made, or an epoch was declared: 2024-05-03T10:00:00Z
    #[arg(
        long,
        value_name = "INSTANT",
        requires = "flags",
        conflicts_with = "vote_on",
        help_heading = "Any of them"
    )]
    pub(super) authored_at: Option<String>,
}

/// What makes an assertion, but for its object.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "An assertion")]
pub(super) struct Claim {
    /// What it is about
    #[arg(long, value_name = "NAME", requires = "predicate", requires = "value")]
    pub(super) subject: Option<String>,
    /// What is said of it
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(super) predicate: Option<String>,
    /// Denies it, instead of affirming it
    #[arg(long, requires = "subject")]
    pub(super) deny: bool,
    /// How sure its author is: 0 to 1, to the millionth
    #[arg(long, value_name = "P", requires = "subject", allow_negative_numbers = true)]
    pub(super) confidence: Option<String>,
    /// Where it comes from; may be given several times
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(super) source: Vec<String>,
    /// Who makes it
    #[arg(long, value_name = "NAME", requires = "subject")]
    pub(super) agent: Option<String>,
    /// A circumstance: KEY=TEXT, or KEY:=JSON for any other value; may be given several times
    #[arg(long, value_name = "KEY=TEXT", requires = "subject")]
    pub(super) qualifier: Vec<String>,
    /// When it begins to hold
    #[arg(long, value_name = "TIME", requires = "subject", allow_hyphen_values = true)]
    pub(super) valid_from: Option<String>,
    /// The first moment at which it no longer holds
    #[arg(long, value_name = "TIME", requires = "subject", allow_hyphen_values = true)]
    pub(super) valid_until: Option<String>,
    /// An assertion whose place it takes; may be given several times
    #[arg(long, value_name = "ID", requires = "subject")]
    pub(super) supersedes: Vec<String>,
    /// An assertion that it corrects; may be given several times
    #[arg(long, value_name = "ID", requires = "subject")]
    pub(super) corrects: Vec<String>,
    /// An assertion that it takes back; may be given several times
    #[arg(long, value_name = "ID", requires = "subject")]
    pub(super) retracts: Vec<String>,
    /// An assertion that it follows from; may be given several times
    #[arg(long, value_name = "ID", requires = "subject")]
    pub(super) derived_from: Vec<String>,
}

/// The object of an assertion: exactly one of these.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "The object of an assertion, one of")]
pub(super) struct Object {
    /// A text
    #[arg(long, value_name = "TEXT", requires = "subject", allow_hyphen_values = true)]
    pub(super) object: Option<String>,
    /// The language of the text, as a BCP 47 tag
    #[arg(long, value_name = "TAG", requires = "object")]
    pub(super) language: Option<String>,
    /// Another subject
    #[arg(long, value_name = "NAME", requires = "subject", allow_hyphen_values = true)]
    pub(super) entity: Option<String>,
    /// A whole number of 64 bits
    #[arg(long, value_name = "N", requires = "subject", allow_hyphen_values = true)]
    pub(super) int: Option<i64>,
    /// An exact decimal number
    #[arg(long, value_name = "N", requires = "subject", allow_hyphen_values = true)]
    pub(super) decimal: Option<String>,
    /// A binary floating-point number; NaN, inf and -inf are some as well
    #[arg(long, value_name = "X", requires = "subject", allow_hyphen_values = true)]
    pub(super) float: Option<String>,
    /// A truth
    #[arg(long, value_name = "true|false", requires = "subject")]
    pub(super) bool: Option<bool>,
    /// A time as precise as it is written: 2024, 2024-05, 2024-05-03, 2024-05-03T10:00:00Z
    #[arg(long, value_name = "TIME", requires = "subject", allow_hyphen_values = true)]
    pub(super) time: Option<String>,
    /// An amount and its unit: '5.2 kg'
    #[arg(long, value_name = "AMOUNT UNIT", requires = "subject", allow_hyphen_values = true)]
    pub(super) quantity: Option<String>,
    /// Bytes, as pairs of hex digits
    #[arg(long, value_name = "HEX", requires = "subject")]
    pub(super) bytes: Option<String>,
    /// Another assertion
    #[arg(long = "assertion", value_name = "ID", requires = "subject")]
    pub(super) claim: Option<String>,
    /// There is a value, but it is not known
    #[arg(long, requires = "subject")]
    pub(super) some: bool,
    /// There is no value
    #[arg(long, requires = "subject")]
    pub(super) none: bool,
    /// Any value, as JSON
    #[arg(long, value_name = "JSON", requires = "subject", allow_hyphen_values = true)]
    pub(super) object_json: Option<String>,
}

/// What makes a vote.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "A vote")]
pub(super) struct Vote {
    /// The assertion that is voted on
    #[arg(long, value_name = "ID", requires = "voter", requires = "stance")]
    pub(super) vote_on: Option<String>,
    /// Who votes
    #[arg(long, value_name = "NAME", requires = "vote_on")]
    pub(super) voter: Option<String>,
    /// for, against or neutral; also 1, -1 or 0
    #[arg(long, value_name = "STANCE", requires = "vote_on", allow_hyphen_values = true, value_parser = stance)]
    pub(super) stance: Option<i8>,
    /// How much the voice counts, in votes; without this, 1
    #[arg(long, value_name = "W", requires = "vote_on", allow_negative_numbers = true)]
    pub(super) weight: Option<String>,
    /// The voter's own count of votes on this assertion, the highest stands; without this, 0
    #[arg(long, value_name = "N", requires = "vote_on")]
    pub(super) seq: Option<u64>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "vote_on", allow_hyphen_values = true)]
    pub(super) reason: Option<String>,
    /// When it was cast: 2024-05-03T10:00:00Z
    #[arg(long, value_name = "INSTANT", requires = "vote_on")]
    pub(super) cast_at: Option<String>,
}

/// What makes an epoch.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "An epoch")]
pub(super) struct Epoch {
    /// Its name
    #[arg(long, value_name = "NAME")]
    pub(super) epoch_name: Option<String>,
    /// What it is
    #[arg(long, value_name = "TEXT", requires = "epoch_name", allow_hyphen_values = true)]
    pub(super) description: Option<String>,
    /// When it begins
    #[arg(long, value_name = "TIME", requires = "epoch_name", allow_hyphen_values = true)]
    pub(super) starts: Option<String>,
    /// The first moment after it
    #[arg(long, value_name = "TIME", requires = "epoch_name", allow_hyphen_values = true)]
    pub(super) ends: Option<String>,
    /// Who declares it
    #[arg(long, value_name = "NAME", requires = "epoch_name")]
    pub(super) author: Option<String>,
    /// An epoch whose place it takes, by name or id; may be given several times
    #[arg(long, value_name = "EPOCH", requires = "epoch_name")]
    pub(super) replaces: Vec<String>,
    /// An epoch that it says more precisely; may be given several times
    #[arg(long, value_name = "EPOCH", requires = "epoch_name")]
    pub(super) refines: Vec<String>,
    /// An epoch that it extends; may be given several times
    #[arg(long, value_name = "EPOCH", requires = "epoch_name")]
    pub(super) extends: Vec<String>,
}

impl Args {
    /// Whether no record is given by flags.
    pub(super) fn is_empty(&self) -> bool {
        self.claim.subject.is_none() && self.vote.vote_on.is_none() && self.epoch.epoch_name.is_none()
    }
}

fn stance(text: &str) -> Result<i8, &'static str> {
    match text {
        "for" | "1" | "+1" => Ok(1),
        "against" | "-1" => Ok(-1),
        "neutral" | "0" => Ok(0),
        _ => Err("for, against or neutral is expected, or 1, -1 or 0"),
    }
}

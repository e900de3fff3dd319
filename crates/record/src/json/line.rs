//! How a record is written: keys in a fixed order, nothing for what is absent.

use std::fmt::{self, Display, Formatter, Write};

use super::{assertion, epoch};
use crate::{
    Assertion, Decimal, Epoch, Interval, Offset, Polarity, Qualifier, Record, RecordId, Supersession,
    SupersessionKind, Value, Vote, format_instant,
};

/// A record, and what stands before it.
pub(super) struct Line<'a> {
    pub(super) record: &'a Record,
    pub(super) id: Option<RecordId>,
    pub(super) offset: Option<Offset>,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut object = Object::open(f)?;
        object.may("id", self.id.map(Plain))?;
        object.may("offset", self.offset)?;
        match self.record {
            Record::Assertion(assertion) => write_assertion(&mut object, assertion)?,
            Record::Vote(vote) => write_vote(&mut object, vote)?,
            Record::Epoch(epoch) => write_epoch(&mut object, epoch)?,
        }
        object.close()
    }
}

fn write_assertion(object: &mut Object<'_, '_>, assertion: &Assertion) -> fmt::Result {
    object.key("type", Plain("assertion"))?;
    object.key("subject", Text(&assertion.subject))?;
    object.key("predicate", Text(&assertion.predicate))?;
    object.key("object", JsonValue(&assertion.object))?;
    object.may("polarity", (assertion.polarity == Polarity::Deny).then_some(Plain("deny")))?;
    object.may("confidence", assertion.confidence_ppm.map(Decimal::from_ppm))?;
    match assertion.sources.as_slice() {
        [] => {}
        [one] => object.key("source", Text(one))?,
        several => object.key("sources", List::of(several, |source: &String| Text(source)))?,
    }
    object.may("agent", assertion.agent.as_deref().map(Text))?;
    object.may("epoch", assertion.epoch.map(Plain))?;
    if !assertion.qualifiers.is_empty() {
        object.key("qualifiers", Qualifiers(&assertion.qualifiers))?;
    }
    object.may("valid", assertion.valid.map(JsonInterval))?;
    for (key, kind) in assertion::LINKS {
        let targets: Vec<_> = assertion.links.iter().filter(|link| link.kind == kind).collect();
        match targets.as_slice() {
            [] => {}
            [one] => object.key(key, Plain(one.target))?,
            several => object.key(key, List::of(several, |link| Plain(link.target)))?,
        }
    }
    object.may("authored_at", assertion.authored_at_micros.map(format_instant).map(Plain))
}

fn write_vote(object: &mut Object<'_, '_>, vote: &Vote) -> fmt::Result {
    object.key("type", Plain("vote"))?;
    object.key("assertion", Plain(vote.assertion))?;
    object.key("voter", Text(&vote.voter))?;
    object.key("stance", vote.stance.number())?;
    object.key("weight", Decimal::from_ppm(vote.weight_ppm))?;
    object.key("seq", vote.seq)?;
    object.may("reason", vote.reason.as_deref().map(Text))?;
    object.may("epoch", vote.epoch.map(Plain))?;
    object.may("cast_at", vote.cast_at_micros.map(format_instant).map(Plain))
}

fn write_epoch(object: &mut Object<'_, '_>, epoch: &Epoch) -> fmt::Result {
    object.key("type", Plain("epoch"))?;
    object.key("name", Text(&epoch.name))?;
    object.may("description", epoch.description.as_deref().map(Text))?;
    match epoch.supersedes.as_slice() {
        [] => {}
        [one] => object.key("supersedes", JsonSupersession(one))?,
        several => object.key("supersedes", List::of(several, JsonSupersession))?,
    }
    object.may("starts", epoch.starts.map(Plain))?;
    object.may("ends", epoch.ends.map(Plain))?;
    object.may("author", epoch.author.as_deref().map(Text))?;
    object.may("authored_at", epoch.authored_at_micros.map(format_instant).map(Plain))
}

/// An object that is being written.
struct Object<'a, 'b> {
    f: &'a mut Formatter<'b>,
    empty: bool,
}

impl<'a, 'b> Object<'a, 'b> {
    fn open(f: &'a mut Formatter<'b>) -> Result<Self, fmt::Error> {
        f.write_str("{")?;
        Ok(Self { f, empty: true })
    }

    /// Writes a key and its value, which writes itself as JSON.
    fn key(&mut self, key: &str, value: impl Display) -> fmt::Result {
        let comma = if self.empty { "" } else { "," };
        self.empty = false;
        write!(self.f, "{comma}{}:{value}", Text(key))
    }

    /// Writes a key, if there is something to say.
    fn may(&mut self, key: &str, value: Option<impl Display>) -> fmt::Result {
        value.map_or(Ok(()), |value| self.key(key, value))
    }

    fn close(self) -> fmt::Result {
        self.f.write_str("}")
    }
}

/// A text that has nothing to escape, in quotes: an id, a time, a word of ours.
struct Plain<T>(T);

impl<T: Display> Display for Plain<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Any text, in quotes: quotes, backslashes and control characters escaped, all else as it is.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c.is_control()) {
            let (plain, escaped) = rest.split_at(at);
            f.write_str(plain)?;
            let mut characters = escaped.chars();
            match characters.next() {
                Some('"') => f.write_str("\\\"")?,
                Some('\\') => f.write_str("\\\\")?,
                Some('\n') => f.write_str("\\n")?,
                Some('\r') => f.write_str("\\r")?,
                Some('\t') => f.write_str("\\t")?,
                Some(control) => write!(f, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            rest = characters.as_str();
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

/// A list, each entry written by what the function makes of it.
struct List<'a, T, F>(&'a [T], F);

impl<'a, T, D: Display, F: Fn(&'a T) -> D> List<'a, T, F> {
    fn of(entries: &'a [T], write: F) -> Self {
        Self(entries, write)
    }
}

impl<'a, T, D: Display, F: Fn(&'a T) -> D> Display for List<'a, T, F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "[" } else { "," }, (self.1)(entry))?;
        }
        f.write_str(if self.0.is_empty() { "[]" } else { "]" })
    }
}

/// A value: the forms that [`super::value`] reads.
struct JsonValue<'a>(&'a Value);

impl Display for JsonValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text { text, language: None } => Text(text).fmt(f),
            Value::Bool(truth) => truth.fmt(f),
            Value::Int(number) => number.fmt(f),
            Value::Decimal(number) if stands_bare(number) => number.fmt(f),
            _ => self.write_named(Object::open(f)?),
        }
    }
}

/// Whether a decimal number stands without quotes. Without a point it would be read as an integer, and many readers
/// know no more than the 15 digits that every binary float keeps.
fn stands_bare(number: &Decimal) -> bool {
    number.as_str().contains('.') && number.as_str().bytes().filter(u8::is_ascii_digit).count() <= 15
}

impl JsonValue<'_> {
    /// Writes a value that does not stand for itself.
    fn write_named(&self, mut object: Object<'_, '_>) -> fmt::Result {
        match self.0 {
            Value::Entity(name) => object.key("entity", Text(name))?,
            Value::Text { text, language } => {
                object.key("text", Text(text))?;
                object.may("language", language.as_deref().map(Text))?;
            }
            Value::Bool(_) | Value::Int(_) => {}
            Value::Decimal(number) => object.key("decimal", Plain(number))?,
            Value::Float(number) if number.is_nan() => object.key("float", Plain("NaN"))?,
            Value::Float(number) if number.is_infinite() => object.key("float", Plain(number))?,
            // The fewest digits that give the same float again.
            Value::Float(number) => object.key("float", format_args!("{number:?}"))?,
            Value::Time(time) => object.key("time", Plain(time))?,
            Value::Quantity { amount, unit } => {
                object.key("quantity", Plain(amount))?;
                object.key("unit", Text(unit))?;
            }
            Value::Bytes(bytes) => object.key("bytes", Hex(bytes))?,
            Value::Assertion(id) => object.key("assertion", Plain(id))?,
            Value::SomeValue => object.key("some", true)?,
            Value::NoValue => object.key("none", true)?,
        }
        object.close()
    }
}

/// Bytes as pairs of hex digits, in quotes.
struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_char('"')
    }
}

/// Qualifiers, sorted by key: a key that has several values has them as a list.
struct Qualifiers<'a>(&'a [Qualifier]);

impl Display for Qualifiers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut object = Object::open(f)?;
        for same in self.0.chunk_by(|a, b| a.key == b.key) {
            match same {
                [one] => object.key(&one.key, JsonValue(&one.value))?,
                several => object.key(&several[0].key, List::of(several, |entry| JsonValue(&entry.value)))?,
            }
        }
        object.close()
    }
}

/// The ends that an interval has.
struct JsonInterval(Interval);

impl Display for JsonInterval {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut object = Object::open(f)?;
        object.may("from", self.0.from.map(Plain))?;
        object.may("until", self.0.until.map(Plain))?;
        object.close()
    }
}

/// An epoch that is followed: plain if it is replaced, an object that says how otherwise.
struct JsonSupersession<'a>(&'a Supersession);

impl Display for JsonSupersession<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Supersession { kind, epoch } = self.0;
        if *kind == SupersessionKind::Replaces {
            return Plain(epoch).fmt(f);
        }
        let mut object = Object::open(f)?;
        for (key, _) in epoch::KINDS.iter().filter(|(_, named)| named == kind) {
            object.key(key, Plain(epoch))?;
        }
        object.close()
    }
}

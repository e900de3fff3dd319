//! What is written of one character.

use std::error::Error;

use annals::RecordId;

use crate::ages::Ages;
use crate::attestation::readings;
use crate::output::{Claim, Object, Output, VoteLine};
use crate::unihan::{Unihan, code_point_of};

/// A character, and the files that speak of it.
pub(crate) struct Character<'a> {
    code_point: u32,
    character: String,
    epoch: &'a str,
    unihan: &'a Unihan,
}

impl<'a> Character<'a> {
    pub(crate) fn new(code_point: u32, unihan: &'a Unihan, ages: &'a Ages) -> Result<Self, Box<dyn Error>> {
        let character = char::from_u32(code_point).ok_or("a surrogate is no character")?.to_string();
        let epoch = ages.epoch_of(code_point).ok_or("a character without an age")?;
        Ok(Self { code_point, character, epoch, unihan })
    }

    /// Writes all of its assertions, and the votes on its readings in Mandarin.
    pub(crate) fn write(&self, output: &mut Output) -> Result<(), Box<dyn Error>> {
        let name = format!("U+{:04X}", self.code_point);
        self.claim(output, "code point", Object::Plain(&name), "Unicode Character Database", None)?;
        let definition = self.value("kDefinition");
        if !definition.is_empty() {
            let object = Object::Text { text: definition, language: "en" };
            self.claim(output, "definition", object, "Unihan kDefinition", None)?;
        }
        self.write_mandarin(output)?;
        for (property, predicate, language) in [
            ("kCantonese", "cantonese", "yue-jyutping"),
            ("kJapaneseOn", "japanese on", "ja-Latn"),
            ("kVietnamese", "vietnamese", "vi"),
        ] {
            for text in self.values(property) {
                self.claim(
                    output,
                    predicate,
                    Object::Text { text, language },
                    &format!("Unihan {property}"),
                    None,
                )?;
            }
        }
        for entry in self.values("kHangul") {
            let (text, sources) = entry.split_once(':').ok_or("kHangul names its sources")?;
            let object = Object::Text { text, language: "ko" };
            self.claim(output, "korean", object, "Unihan kHangul", Some(("kHangul sources", sources)))?;
        }
        for strokes in self.values("kTotalStrokes") {
            self.claim(
                output,
                "total strokes",
                Object::Number(strokes.parse()?),
                "Unihan kTotalStrokes",
                None,
            )?;
        }
        for (property, predicate) in
            [("kSimplifiedVariant", "simplified"), ("kTraditionalVariant", "traditional")]
        {
            for variant in self.values(property) {
                let entity = char::from_u32(code_point_of(variant)?).ok_or("a surrogate is no character")?;
                self.claim(
                    output,
                    predicate,
                    Object::Entity { entity },
                    &format!("Unihan {property}"),
                    None,
                )?;
            }
        }
        Ok(())
    }

    /// Each reading is asserted by the first dictionary that gives it; every dictionary that gives it votes for it.
    fn write_mandarin(&self, output: &mut Output) -> Result<(), Box<dyn Error>> {
        for given in readings(self.unihan, self.code_point)? {
            let object = Object::Text { text: &given[0].reading, language: "zh-Latn-pinyin" };
            let id = self.claim(output, "mandarin", object, given[0].authority, None)?;
            for attestation in &given {
                let vote = VoteLine {
                    kind: "vote",
                    assertion: id.to_string(),
                    voter: attestation.authority,
                    stance: 1,
                    weight: attestation.weight,
                    seq: 1,
                    reason: attestation.reason.as_deref(),
                };
                output.write(&format!("votes by {}", attestation.authority), &vote)?;
            }
        }
        Ok(())
    }

    fn claim(
        &self,
        output: &mut Output,
        predicate: &str,
        object: Object<'_>,
        source: &str,
        qualifier: Option<(&str, &str)>,
    ) -> Result<RecordId, Box<dyn Error>> {
        let qualifiers = qualifier.map(|qualifier| [qualifier].into());
        let (source, epoch) = (Some(source), Some(self.epoch));
        let claim = Claim { subject: &self.character, predicate, object, qualifiers, source, epoch };
        output.write(&format!("assertions of {predicate}"), &claim)
    }

    fn value(&self, property: &str) -> &str {
        self.unihan.value(property, self.code_point)
    }

    /// The values of a property that may give several, separated by spaces.
    fn values(&self, property: &str) -> impl Iterator<Item = &str> {
        self.value(property).split_ascii_whitespace()
    }
}

//! What the dictionaries of Mandarin say of a character.

use std::error::Error;

use crate::unihan::Unihan;

/// The dictionaries, by their property of Unihan, in the order in which they are heard.
const AUTHORITIES: [(&str, &str); 5] = [
    ("kXHC1983", "Xiandai Hanyu Cidian (1983)"),
    ("kHanyuPinlu", "Xiandai Hanyu Pinlü Cidian (1986)"),
    ("kHanyuPinyin", "Hanyu Da Zidian"),
    ("kTGHZ2013", "Tongyong Guifan Hanzi Zidian (2013)"),
    ("kMandarin", "Unihan kMandarin"),
];

/// A dictionary's word on one reading of a character.
pub(crate) struct Attestation {
    /// Which dictionary.
    pub(crate) authority: &'static str,
    /// The reading.
    pub(crate) reading: String,
    /// Of all the times the dictionary counted the character, how many it was read so, in parts of one; 1 where it
    /// does not count.
    pub(crate) weight: f64,
    /// Where the dictionary says it, or how often it counted it.
    pub(crate) reason: Option<String>,
}

/// The readings of a character, each with all who give it, in the order in which they were given first.
pub(crate) fn readings(unihan: &Unihan, code_point: u32) -> Result<Vec<Vec<Attestation>>, Box<dyn Error>> {
    let mut readings: Vec<Vec<Attestation>> = Vec::new();
    for (property, authority) in AUTHORITIES {
        let value = unihan.value(property, code_point);
        let attestations = match property {
            "kMandarin" => customary(authority, value),
            "kHanyuPinlu" => counted(authority, value)?,
            _ => placed(authority, value)?,
        };
        for attestation in attestations {
            match readings.iter_mut().find(|given| given[0].reading == attestation.reading) {
                Some(given) => given.push(attestation),
                None => readings.push(vec![attestation]),
            }
        }
    }
    Ok(readings)
}

/// Reads `xíng`, the most customary reading, or two: then the first is for zh-Hans, the second for zh-Hant.
fn customary(authority: &'static str, value: &str) -> Vec<Attestation> {
    let several = value.contains(' ');
    let readings = value.split_ascii_whitespace().zip(["zh-Hans", "zh-Hant"]);
    readings
        .map(|(reading, script)| {
            let reason = several.then(|| format!("preferred for {script}"));
            Attestation { authority, reading: reading.to_owned(), weight: 1.0, reason }
        })
        .collect()
}

/// Reads `xíng(2943) háng(218)`: how often the character was read so in the dictionary's corpus.
fn counted(authority: &'static str, value: &str) -> Result<Vec<Attestation>, Box<dyn Error>> {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for entry in value.split_ascii_whitespace() {
        let (reading, count) =
            entry.strip_suffix(')').and_then(|entry| entry.split_once('(')).ok_or("a count")?;
        counts.push((reading, count.parse()?));
    }
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let attestation = |(reading, count): (&str, u64)| Attestation {
        authority,
        reading: reading.to_owned(),
        weight: ((count * 1_000_000 + total / 2) / total) as f64 / 1e6,
        reason: Some(format!("{count} of {total} occurrences")),
    };
    Ok(counts.into_iter().map(attestation).collect())
}

/// Reads `10093.130:xī,lǔ 74609.020:lǔ,xī`: the places at which the dictionary has the character, and its readings there.
fn placed(authority: &'static str, value: &str) -> Result<Vec<Attestation>, Box<dyn Error>> {
    let mut found: Vec<Attestation> = Vec::new();
    for entry in value.split_ascii_whitespace() {
        let (places, readings) = entry.split_once(':').ok_or("a reading stands behind its place")?;
        for reading in readings.split(',') {
            match found.iter_mut().find(|attestation| attestation.reading == reading) {
                Some(Attestation { reason: Some(reason), .. }) => *reason += &format!(" {places}"),
                _ => {
                    let reason = Some(format!("at {places}"));
                    found.push(Attestation { authority, reading: reading.to_owned(), weight: 1.0, reason });
                }
            }
        }
    }
    Ok(found)
}

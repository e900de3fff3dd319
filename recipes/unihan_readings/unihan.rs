//! Unihan's files: what each property says of each character.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;

/// Property -> code point -> value.
pub(crate) struct Unihan(BTreeMap<String, BTreeMap<u32, String>>);

impl Unihan {
    /// Reads `Unihan_{name}.txt.bz2` for each name.
    pub(crate) fn read(directory: &Path, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut unihan = Self(BTreeMap::new());
        for name in names {
            let path = directory.join(format!("Unihan_{name}.txt.bz2"));
            let bzcat = Command::new("bzcat").arg(&path).output()?;
            if !bzcat.status.success() {
                return Err(String::from_utf8_lossy(&bzcat.stderr).into());
            }
            for line in String::from_utf8(bzcat.stdout)?.lines().filter(|line| line.starts_with("U+")) {
                let [code_point, property, value] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
                    return Err(format!("{}: {line}", path.display()).into());
                };
                let values = unihan.0.entry(property.to_owned()).or_default();
                values.insert(code_point_of(code_point)?, value.to_owned());
            }
        }
        Ok(unihan)
    }

    /// The code points that have this property, in their order.
    pub(crate) fn code_points(&self, property: &str) -> Vec<u32> {
        self.0.get(property).map_or(Vec::new(), |values| values.keys().copied().collect())
    }

    /// What a property says of a character; nothing is an empty text.
    pub(crate) fn value(&self, property: &str, code_point: u32) -> &str {
        self.0.get(property).and_then(|values| values.get(&code_point)).map_or("", String::as_str)
    }
}

/// Reads `U+4E00`.
pub(crate) fn code_point_of(text: &str) -> Result<u32, Box<dyn Error>> {
    Ok(u32::from_str_radix(text.strip_prefix("U+").ok_or("a code point begins with U+")?, 16)?)
}

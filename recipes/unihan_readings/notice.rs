//! What Unicode's licence asks of a changed file: to say that it is one, in the file itself.

use std::error::Error;

use crate::output::{Claim, Object, Output};

/// Writes where the set comes from, as assertions of which the set is the subject.
pub(crate) fn write(output: &mut Output, version: &str) -> Result<(), Box<dyn Error>> {
    let derived = format!(
        "Unicode Character Database {version}: DerivedAge.txt, Unihan_Readings.txt, Unihan_Variants.txt, Unihan_IRGSources.txt"
    );
    let notice = "Modified: a selection of the data files, rewritten as assertions, votes and epochs. Copyright © 1991-2022 \
                  Unicode, Inc. All rights reserved. Distributed under the Terms of Use in \
                  https://www.unicode.org/copyright.html; LICENSE-UNICODE.txt has them in full.";
    for (predicate, text) in [("derived from", derived.as_str()), ("notice", notice)] {
        let object = Object::Text { text, language: "en" };
        let subject = "unihan-readings";
        let claim = Claim { subject, predicate, object, qualifiers: None, source: None, epoch: None };
        output.write("assertions of the set itself", &claim)?;
    }
    Ok(())
}

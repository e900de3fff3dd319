#!/usr/bin/env python3
"""Unihan and UnicodeData as N-Triples, for `annals import`.

    Unihan_*.txt.bz2   U+4E00 <tab> kTotalStrokes <tab> 1   -> one triple per line
    UnicodeData.txt    0041;LATIN CAPITAL LETTER A;Lu;...   -> one triple per field that is not empty

`apt-get install unicode-data` first. Needs Python 3 and nothing else. Values are taken whole, as they stand in the
files, so that the triples can be counted against the lines they come from. See docs/data.md.
"""

import argparse
import bz2
import gzip
import pathlib
import re
import sys
from collections import Counter

# No registered namespace names code points and their properties: these IRIs are the recipe's own.
NAMESPACE = "urn:x-ucs:"
XSD = "http://www.w3.org/2001/XMLSchema#"

# The fields of UnicodeData.txt after the code point, by their names in UAX #44.
FIELDS = [
    "Name", "General_Category", "Canonical_Combining_Class", "Bidi_Class", "Decomposition_Mapping", "Decimal_Digit",
    "Digit", "Numeric_Value", "Bidi_Mirrored", "Unicode_1_Name", "ISO_Comment", "Simple_Uppercase_Mapping",
    "Simple_Lowercase_Mapping", "Simple_Titlecase_Mapping",
]
INTEGERS = frozenset([
    "Canonical_Combining_Class", "Decimal_Digit", "Digit", "Numeric_Value", "kTotalStrokes", "kFrequency",
    "kGradeLevel", "kAccountingNumeric", "kOtherNumeric", "kPrimaryNumeric",
])
CODE_POINTS = frozenset(["Simple_Uppercase_Mapping", "Simple_Lowercase_Mapping", "Simple_Titlecase_Mapping"])
LANGUAGES = {"kDefinition": "en", "kMandarin": "zh-Latn-pinyin", "kCantonese": "yue-jyutping", "kVietnamese": "vi"}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--unicode", type=pathlib.Path, default=pathlib.Path("/usr/share/unicode"),
                           help="where the package put its files (default: %(default)s)")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/data/unihan.nt.gz"),
                           help="the file to write (default: %(default)s)")
    options = arguments.parse_args()
    unihan = sorted(options.unicode.glob("Unihan_*.txt.bz2"))
    if not unihan:
        sys.exit(f"{options.unicode}: no Unihan files; run `apt-get install unicode-data` first")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_name(options.out.name + ".partial")
    counts = Counter()
    with gzip.GzipFile(partial, "wb", compresslevel=3, mtime=0) as out:
        for path in unihan:
            counts[path.name] = write(out, unihan_claims(path))
        counts["UnicodeData.txt"] = write(out, unicode_data_claims(options.unicode / "UnicodeData.txt"))
    partial.replace(options.out)
    for name, count in counts.items():
        print(f"{count:>10,}  triples from {name}")
    print(f"{sum(counts.values()):>10,}  lines in {options.out}")


def unihan_claims(path):
    with bz2.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            if line.startswith("U+"):
                yield line.rstrip("\n").split("\t", 2)


def unicode_data_claims(path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            code_point, *values = line.rstrip("\n").split(";")
            for field, value in zip(FIELDS, values, strict=True):
                if value:
                    yield "U+" + code_point, field, value


def write(out, claims):
    """Writes every claim as a triple and returns how many there were."""
    count = 0
    for code_point, field, value in claims:
        triple = f"<{NAMESPACE}{code_point}> <{NAMESPACE}{field}> {term(field, value)} .\n"
        out.write(triple.encode())
        count += 1
    return count


def term(field, value):
    """The value as an IRI where it is one code point, a number where it is one, else a literal."""
    if re.fullmatch(r"U\+[0-9A-F]{4,6}", value):
        return f"<{NAMESPACE}{value}>"
    if field in CODE_POINTS:
        return f"<{NAMESPACE}U+{value}>"
    if field == "Bidi_Mirrored":
        return f'"{"true" if value == "Y" else "false"}"^^<{XSD}boolean>'
    if field in INTEGERS and re.fullmatch(r"-?\d+", value):
        return f'"{value}"^^<{XSD}integer>'
    literal = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    language = LANGUAGES.get(field)
    return f"{literal}@{language}" if language else literal


if __name__ == "__main__":
    main()

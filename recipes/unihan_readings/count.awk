# Counts what the shipped set should hold, straight from Unihan's files and independently of the recipe:
#
#     cd /usr/share/unicode
#     bzcat Unihan_{Readings,Variants,IRGSources}.txt.bz2 | awk -f …/recipes/unihan_readings/count.awk

BEGIN {
    FS = "\t"
    split("kXHC1983 kHanyuPinlu kHanyuPinyin kTGHZ2013 kMandarin", names, " ")
    for (i in names) dictionary[names[i]]
    split("kCantonese kJapaneseOn kVietnamese kHangul kTotalStrokes kSimplifiedVariant kTraditionalVariant", names, " ")
    for (i in names) listed[names[i]]
}

!/^U\+/ { next }
$2 == "kTGHZ2013" { chosen[$1] }
$2 == "kDefinition" { claims[$1] += 1 }
$2 in listed { claims[$1] += split($3, parts, " ") }

# 10093.130,10093.140:xī,lǔ and xíng(2943) háng(218): only the readings are left.
$2 in dictionary {
    gsub(/[^ ]*:/, "", $3)
    gsub(/\([0-9]+\)/, "", $3)
    gsub(/,/, " ", $3)
    count = split($3, readings, " ")
    for (i = 1; i <= count; i++) {
        mandarin[$1 FS readings[i]]
        votes[$1 FS $2 FS readings[i]]
    }
}

END {
    for (character in chosen) {
        characters++
        # Its code point is an assertion too.
        assertions += 1 + claims[character]
    }
    for (key in mandarin) { split(key, parts, FS); if (parts[1] in chosen) assertions++ }
    for (key in votes) { split(key, parts, FS); if (parts[1] in chosen) ballots++ }
    print characters, "characters"
    print assertions, "assertions"
    print ballots, "votes"
}

# Counts what debian_packages.py should write, straight from apt's lists and independently of it:
#
#     for list in /var/lib/apt/lists/*_Packages*; do /usr/lib/apt/apt-helper cat-file "$list"; done |
#         awk -f recipes/debian_packages_count.awk

BEGIN {
    split("Pre-Depends Depends Recommends Suggests Enhances Breaks Conflicts Replaces Provides " \
          "Built-Using Static-Built-Using X-Cargo-Built-Using Javascript-Built-Using", names, " ")
    for (i in names) relation[names[i]]
}

# A continuation line belongs to its field; only tags run over lines and are counted one by one.
/^[ \t]/ { if (field == "Tag") tags += gsub(/[^, \t]+/, "&"); next }
/^$/ { next }

{
    field = $0
    sub(/:.*/, "", field)
    value = substr($0, length(field) + 2)
    # A comma at the end separates nothing.
    sub(/,[ \t]*$/, "", value)
    if (field == "Package") { packages++; if (!($2 in seen)) subjects++; seen[$2] }
    else if (field == "Tag") tags += gsub(/[^, \t]+/, "&", value)
    else if (field in relation) edges += gsub(/[,|]/, "&", value) + 1
    else fields++
    if (field == "Package") name = $2
    if (field == "Version" && !((name, $2) in versions)) { versions[name, $2]; if (++known[name] == 2) disputed++ }
}

END {
    print packages, "packages"
    print subjects, "names of packages"
    print disputed, "names with more than one version"
    print fields, "fields"
    print edges, "edges of relations"
    print tags, "tags"
    print fields + edges + tags, "assertions"
}

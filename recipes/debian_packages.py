#!/usr/bin/env python3
"""The Debian package index as assertions, for `annals import`.

    /var/lib/apt/lists/*_InRelease  -> epochs       (one per release file, starting at its date)
    /var/lib/apt/lists/*_Packages*  -> assertions   (one per field; one per edge of a relation; one per tag)

Run `apt-get update` first. Needs Python 3 and nothing else; apt's own `apt-helper` reads the compressed lists.
Whatever the lists say is written as it stands: main, updates and security are three sources, and where they disagree
about a package, all of them are heard. See docs/data.md.
"""

import argparse
import contextlib
import datetime
import email.utils
import gzip
import json
import pathlib
import re
import subprocess
import sys
from collections import Counter

# Fields whose value is a list of binary packages. Each entry becomes an edge of its own.
RELATIONS = frozenset(
    ["Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts", "Replaces", "Provides"]
)
# The same for lists of source packages; the bug tracker's `src:` tells them from binary ones.
SOURCE_RELATIONS = frozenset(["Built-Using", "Static-Built-Using", "X-Cargo-Built-Using", "Javascript-Built-Using"])
# Fields that are an amount.
UNITS = {"Installed-Size": "KiB", "Size": "B"}

EDGE = re.compile(r"^(?P<name>[^\s(:\[<]+)(?::(?P<arch>[^\s(\[<]+))?\s*(?:\((?P<constraint>[^)]*)\))?\s*(?P<rest>.*)$")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--lists", type=pathlib.Path, default=pathlib.Path("/var/lib/apt/lists"),
                           help="where apt keeps its lists (default: %(default)s)")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("target/data/debian-packages.jsonl.gz"),
                           help="the file to write (default: %(default)s)")
    options = arguments.parse_args()
    releases = read_releases(options.lists)
    indexes = find_indexes(options.lists, releases)
    if not indexes:
        sys.exit(f"{options.lists}: no package lists; run `apt-get update` first")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    partial = options.out.with_name(options.out.name + ".partial")
    with gzip.GzipFile(partial, "wb", compresslevel=3, mtime=0) as out:
        counts = write(out, indexes)
    partial.replace(options.out)
    report(options.out, counts)


def read_releases(lists):
    """File name prefix -> the release's header fields, for every release file of the lists."""
    releases = {}
    for pattern in ["_InRelease", "_Release"]:
        for path in sorted(lists.glob("*" + pattern)):
            header = read_header(path)
            releases.setdefault(path.name.removesuffix(pattern), header)
    return releases


def read_header(path):
    header = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, value = line.partition(": ")
        if colon and re.fullmatch(r"[A-Za-z-]+", name):
            header[name] = value
        elif re.match(r"(MD5Sum|SHA\d+):", line):
            break
    return header


def find_indexes(lists, releases):
    """(path, release, source name) of every list of binary packages, oldest release first."""
    found = []
    for path in sorted(lists.glob("*_Packages*")):
        for prefix, release in releases.items():
            match = re.fullmatch(re.escape(prefix) + r"_(.+)_binary-[^_]+_Packages(\.[a-z0-9]+)?", path.name)
            if match:
                codename = release.get("Codename") or release.get("Suite") or release.get("Origin", prefix)
                found.append((path, release, f"{codename}/{match[1]}"))
    return sorted(found, key=lambda index: (starts(index[1]), index[0]))


def write(out, indexes):
    """Writes every record and returns how many there are of each kind."""
    counts = Counter()

    def emit(kind, record):
        out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        counts[kind] += 1

    for name, release in {epoch_name(release): release for _, release, _ in indexes}.items():
        emit("epochs", epoch(name, release))
    for path, release, source in indexes:
        with cat(path) as lines:
            for paragraph in paragraphs(lines):
                counts[f"packages of {source}"] += 1
                for kind, claim in claims(paragraph):
                    emit(kind, claim | {"source": source, "epoch": epoch_name(release)})
    return counts


def epoch_name(release):
    codename = release.get("Codename") or release.get("Suite") or release.get("Origin", "unknown")
    return f"{codename} {starts(release)}"


def starts(release):
    date = email.utils.parsedate_to_datetime(release["Date"])
    return date.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(name, release):
    record = {"type": "epoch", "name": name, "starts": starts(release)}
    for key, field in [("description", "Description"), ("author", "Origin")]:
        if field in release:
            record[key] = release[field]
    return record


@contextlib.contextmanager
def cat(path):
    """The lines of a list, however apt compressed it."""
    command = ["/usr/lib/apt/apt-helper", "cat-file", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield (line.decode("utf-8") for line in process.stdout)
    if process.returncode != 0:
        sys.exit(f"{path}: `{' '.join(command)}` failed with {process.returncode}")


def paragraphs(lines):
    """Field name -> value, for each paragraph of a control file. Continuation lines are kept, joined by newlines."""
    paragraph, field = {}, None
    for line in lines:
        line = line.removesuffix("\n")
        if not line:
            if paragraph:
                yield paragraph
            paragraph, field = {}, None
        elif line[0] in " \t":
            paragraph[field] += "\n" + line[1:]
        else:
            field, _, value = line.partition(":")
            paragraph[field] = value.strip()
    if paragraph:
        yield paragraph


def claims(paragraph):
    """(kind, assertion) for everything that a paragraph says of its package."""
    subject = paragraph.pop("Package")
    # Which build it is said of: two suites may carry the same package in two versions.
    build = {"version": paragraph["Version"], "architecture": paragraph["Architecture"]}
    for field, value in paragraph.items():
        if field in RELATIONS or field in SOURCE_RELATIONS:
            for target, circumstances in edges(value):
                name = "src:" + target if field in SOURCE_RELATIONS else target
                yield "edges", claim(subject, field, {"entity": name}, build | circumstances)
        elif field == "Tag":
            for tag in re.split(r",\s*", value):
                yield "tags", claim(subject, field, {"entity": tag}, build)
        elif field == "Source":
            name, _, version = value.partition(" ")
            circumstances = {"source version": version.strip("()")} if version else {}
            yield "fields", claim(subject, field, {"entity": "src:" + name}, build | circumstances)
        elif field in UNITS:
            yield "fields", claim(subject, field, {"quantity": value, "unit": UNITS[field]}, build)
        elif field in ("Version", "Architecture"):
            circumstances = {key: said for key, said in build.items() if key != field.lower()}
            yield "fields", claim(subject, field, value, circumstances)
        elif field == "Description":
            yield "fields", claim(subject, field, {"text": value, "language": "en"}, build)
        else:
            yield "fields", claim(subject, field, value, build)


def claim(subject, predicate, value, qualifiers):
    return {"subject": subject, "predicate": predicate, "object": value, "qualifiers": qualifiers}


def edges(value):
    """(target, circumstances) for each alternative of each clause: `a (>= 1) | b, c` has two clauses, three edges."""
    for number, clause in enumerate(re.split(r"\s*,\s*", value.strip().rstrip(",")), start=1):
        alternatives = re.split(r"\s*\|\s*", clause)
        for place, alternative in enumerate(alternatives, start=1):
            match = EDGE.match(alternative)
            circumstances = {}
            if match["arch"]:
                circumstances["of architecture"] = match["arch"]
            if match["constraint"]:
                circumstances["constraint"] = match["constraint"]
            if match["rest"]:
                circumstances["restriction"] = match["rest"]
            if len(alternatives) > 1:
                circumstances["clause"] = number
                circumstances["alternative"] = place
            yield match["name"], circumstances


def report(path, counts):
    packages = {name: count for name, count in counts.items() if name.startswith("packages of ")}
    for name, count in packages.items():
        print(f"{count:>10,}  {name}")
    print(f"{counts['fields']:>10,}  assertions from fields")
    print(f"{counts['edges']:>10,}  assertions from relations, one per edge")
    print(f"{counts['tags']:>10,}  assertions from tags")
    print(f"{counts['fields'] + counts['edges'] + counts['tags']:>10,}  assertions in all")
    print(f"{counts['epochs']:>10,}  epochs")
    print(f"{sum(counts[kind] for kind in ('fields', 'edges', 'tags', 'epochs')):>10,}  lines in {path}")


if __name__ == "__main__":
    main()

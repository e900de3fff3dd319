"""Reads an Annals data directory; shares no code with Annals, needs nothing but Python's (3.8) standard library.

    python3 tests/reader.py DATA_DIR            one line of JSON for each record, in the order of the journal
    python3 tests/reader.py DATA_DIR --check    one line of JSON that sums up

Written from two pages alone, docs/format.md (files, frames, seals, watermark: this file) and docs/payload.md (what a
record's bytes say: reader_payload.py). Where this reader and Annals agree, those pages are exact.

A record is printed in the form of docs/json.md: id, offset, type, then its fields. The type of other records is
"application", or "undecodable" with a `reason`; then follow `number`, the type's, and `payload`, in hex digits.

Checked are segment headers, the CRC and hash of each frame, padding, groups, seals with their tables, chained hashes,
and that each payload is the one form of what it says. Damage below the watermark is a line on stderr that names the
offset; reading goes on behind it. What is listed as lost is passed.

Exit codes: 0 all is well, 2 usage, 4 damage, 10 no Annals data there, 12 a newer version wrote it.
"""
import json
import os
import re
import struct
import sys

sys.dont_write_bytecode = True  # the script's directory is part of a source tree
from reader_payload import line, record  # noqa: E402

# ---- CRC32C and BLAKE3 ----------------------------------------------------------------------------------------------
MASK = 0xFFFFFFFF
CRC_TABLE = list(range(256))
for _ in range(8):
    CRC_TABLE = [entry >> 1 ^ (0x82F63B78 if entry & 1 else 0) for entry in CRC_TABLE]


def crc32c(data):
    crc = MASK
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ MASK


IV = struct.unpack("<8I", bytes.fromhex("67e6096a85ae67bb72f36e3c3af54fa57f520e518c68059babd9831f19cde05b"))
COLUMNS_AND_DIAGONALS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
ROUNDS = [list(range(16))]
for _ in range(6):
    ROUNDS.append([ROUNDS[-1][i] for i in (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)])
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8


def compress(chain, block, counter, flags):
    words = struct.unpack("<16I", block.ljust(64, b"\0"))
    v = [*chain, *IV[:4], counter & MASK, counter >> 32, len(block), flags]
    for order in ROUNDS:
        for i, (a, b, c, d) in enumerate(COLUMNS_AND_DIAGONALS):
            for word, first, second in ((words[order[2 * i]], 16, 12), (words[order[2 * i + 1]], 8, 7)):
                v[a] = v[a] + v[b] + word & MASK
                x = v[d] ^ v[a]
                v[d] = (x >> first | x << 32 - first) & MASK
                v[c] = v[c] + v[d] & MASK
                x = v[b] ^ v[c]
                v[b] = (x >> second | x << 32 - second) & MASK
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(data):
    def subtree(first, last, root):  # of the chunks first..last; the left part is the largest power of two
        if last - first > 1:
            middle = first + (1 << (last - first - 1).bit_length() - 1)
            both = subtree(first, middle, 0) + subtree(middle, last, 0)
            return compress(IV, struct.pack("<16I", *both), 0, PARENT | root)
        chain, end = IV, min(1024 * last, len(data))
        for at in range(1024 * first, max(end, 1), 64):
            flags = (CHUNK_START if at % 1024 == 0 else 0) | (CHUNK_END | root if at + 64 >= end else 0)
            chain = compress(chain, data[at:min(at + 64, end)], first, flags)
        return chain

    return struct.pack("<8I", *subtree(0, max(1, -(-len(data) // 1024)), ROOT))


# ---- Files ----------------------------------------------------------------------------------------------------------
HEADER, STRIDE = 4096, 65_536
RECORD, COMMIT, SEAL, AUDIT, PAD, STOP = None, 0, 2, 3, 4, 7


class Refused(Exception):
    """(exit code, sentence): this directory is not for this reader."""


class Damage(Exception):
    """(offset, sentence): these bytes do not verify."""


class Segment:
    """A file whose header verifies."""

    def __init__(self, path, base):
        with open(path, "rb") as file:
            self.bytes = file.read()
        head = self.bytes[:HEADER]
        if head[:8] != b"annalsWL" or len(head) < HEADER:
            raise Damage(base, "no segment header in %s" % path)
        if struct.unpack_from("<I", head, 4092)[0] != crc32c(head[:4092]):
            raise Damage(base, "checksum of the header of %s" % path)
        form, length, self.log, self.term, self.began, self.base, self.records, _, self.chain = struct.unpack_from(
            "<II16sQQQQq32s", head, 8)
        if form > 2:
            raise Refused(12, "%s has format %d; this reader knows 2" % (path, form))
        if (form, length, self.base) != (2, HEADER, base) or any(head[104:4092]) or self.log[6] >> 4 != 4:
            raise Damage(base, "fields of the header of %s" % path)

    def end(self):
        return self.base + len(self.bytes) - HEADER

    def frame(self, at):
        """(kind, words, body, offset behind the frame); the kind of a record is RECORD."""
        start = HEADER + at - self.base
        if start + 40 > len(self.bytes):
            raise Damage(at, "the file ends here")
        length, crc, words = struct.unpack_from("<II32s", self.bytes, start)
        if not any(self.bytes[start:start + 40]):
            raise Damage(at, "zeros instead of a frame")
        kind = length >> 28 & 7 if length >> 31 else RECORD
        size = length & 0x0FFFFFFF
        body, zeros = self.bytes[start + 40:start + 40 + size], -size % 8
        pad = self.bytes[start + 40 + size:start + 40 + size + zeros]
        if len(body) + len(pad) < size + zeros or (kind is RECORD and length >> 28):
            raise Damage(at, "length of the frame")
        covered = struct.pack("<I32s", length, words) + body + self.log + struct.pack("<QQ", self.term, at)
        if crc != crc32c(covered):
            raise Damage(at, "checksum of the frame")
        if any(pad) or (kind == PAD and any(body)):
            raise Damage(at, "padding of the frame")
        if kind == STOP:
            raise Refused(12, "offset %d: a frame of kind 7; a newer version wrote it" % at)
        if kind == COMMIT and (body or words[28:] != bytes(4)):
            raise Damage(at, "fields of the commit frame")
        if kind != COMMIT and blake3(body) != words:
            raise Damage(at, "hash of the frame")
        return kind, words, body, at + 40 + size + zeros

    def behind(self, damage):
        """Where reading goes on: at or behind the next commit frame that verifies; None if there is none."""
        for at in range(damage, self.end() - 39, 8):
            if self.bytes.startswith(b"\0\0\0\x80", HEADER + at - self.base):
                try:
                    _, words, _, end = self.frame(at)
                except Damage:
                    continue
                start = struct.unpack_from("<Q", words)[0]
                return start if damage < start <= at and start % 8 == 0 else end
        return None


def holes(path, log):
    """[(offset, end, whether the seal is older)] of a list of holes; none if there is no list."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        content = file.read()
    text, trailer = content[:-78], content[-78:]
    if trailer != b',"blake3":"%s"}\n' % blake3(text).hex().encode():
        raise Damage(0, "the list of holes does not verify")
    said = json.loads(content)
    if said["schema"] > 1:
        raise Refused(12, "%s has schema %d; this reader knows 1" % (path, said["schema"]))
    found = [(hole["offset"], hole["offset"] + hole["len"], hole["sealed"]) for hole in said["holes"]]
    apart = all(one[1] <= next_one[0] for one, next_one in zip(found, found[1:]))
    if said["log"].replace("-", "") != log.hex() or not apart or any(at % 8 or end % 8 for at, end, _ in found):
        raise Damage(0, "fields of the list of holes")
    return found


def durable(path, log):
    """What the watermark says for this log; None if no slot verifies."""
    slots = []
    if os.path.exists(path):
        with open(path, "rb") as file:
            content = file.read()
        for slot in (content[:64], content[4096:4160]):
            if slot[:8] == b"annalsWM" and len(slot) == 64 and slot[8:24] == log:
                _, upto, sequence, _, _, crc = struct.unpack_from("<QQQI8sI", slot, 24)
                if crc == crc32c(slot[:60]):
                    slots.append((sequence, upto))
    return max(slots)[1] if slots else None


def purged(path):
    """What the record of purges says; None if there is none."""
    if not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        content = file.read((1 << 20) + 1)
    if len(content) > 1 << 20 or content[-78:] != b',"blake3":"%s"}\n' % blake3(content[:-78]).hex().encode():
        raise ValueError("%s does not verify" % path)
    said = json.loads(content)
    if said["schema"] > 1:
        raise Refused(12, "%s has schema %s; this reader knows 1" % (path, said["schema"]))
    return said


# ---- The journal ----------------------------------------------------------------------------------------------------
class Journal:
    """`records()` gives (offset, id, payload); damage is collected on the way."""

    def __init__(self, data_dir):
        try:
            with open(os.path.join(data_dir, "annals.json"), "rb") as file:
                layout = json.load(file)["annals"]
            os.listdir(os.path.join(data_dir, "journal"))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise Refused(10, "%s is no Annals data directory: %s" % (data_dir, error)) from error
        if layout != 1:
            raise Refused(12, "%s has layout %s; this reader knows 1" % (data_dir, layout))
        self.directory = os.path.join(data_dir, "journal")
        self.found = {"records": 0, "groups": 0, "seals": 0, "cuts": 0, "salvages": 0, "holes": 0, "watermark": 0,
                      "damaged": []}
        self.holes = []

    def bridge(self, at):
        """The first place at or behind `at` that is in no hole."""
        for begin, end, _ in self.holes:
            at = end if begin <= at < end else at
        return at

    def damaged(self, damage):
        offset, sentence = damage.args
        self.found["damaged"].append(offset)
        print("offset %d: damaged: %s" % (offset, sentence), file=sys.stderr)

    def records(self):
        names = sorted(name for name in os.listdir(self.directory) if re.fullmatch("[0-9a-f]{16}[.]wal", name))
        try:
            gone = purged(os.path.join(self.directory, ".purged.json"))
        except ValueError as error:  # as if there were none: what is missing is damage
            print(error, file=sys.stderr)
            gone = None
        segments = []
        for name in names:
            base = int(name[:-4], 16)
            if gone and base < gone["oldest"]:
                continue
            try:
                segments.append(Segment(os.path.join(self.directory, name), base))
            except Damage as damage:
                segments.append(damage)
        log = next((segment.log for segment in segments if isinstance(segment, Segment)), b"")
        upto = self.found["watermark"] = durable(os.path.join(self.directory, "watermark"), log)
        if upto is None:
            self.damaged(Damage(0, "no slot of the watermark verifies, nothing is known to be durable"))
            return
        try:
            self.holes = holes(os.path.join(self.directory, ".holes.json"), log)
        except Damage as damage:
            self.damaged(damage)
        self.found["holes"] = len(self.holes)
        # What the header of the next segment must say: base, log, term, term began, records, chained hash. None: anything.
        due = (0, log, 1, 0, 0, bytes(32))
        if gone and bytes.fromhex(gone["log"].replace("-", "")) == log:
            due = (gone["oldest"], log, None, None, gone["records_before"], bytes.fromhex(gone["chain"]))
        for place, segment in enumerate(segments):
            base = segment.base if isinstance(segment, Segment) else segment.args[0]
            if base >= upto:
                break
            if due and (self.bridge(due[0]) == base != due[0] or any(due[0] == at == end for at, end, _ in self.holes)):
                due = None
            ends = [each.base if isinstance(each, Segment) else each.args[0] for each in segments[place + 1:]] + [upto]
            if self.bridge(base) >= ends[0]:  # all of it is lost
                due = (ends[0],) if ends[0] < upto else None
                continue
            try:
                if isinstance(segment, Damage):
                    raise segment
                said = (segment.base, segment.log, segment.term, segment.began, segment.records, segment.chain)
                if due and segment.base > due[0]:
                    self.damaged(Damage(due[0], "no segment begins here"))
                    due = None
                if segment.log != log or (due and any(want not in (None, is_) for want, is_ in zip(due, said))):
                    raise Damage(segment.base, "the header of the segment does not follow from the one before it")
                due = yield from self.segment(segment, upto)
            except Damage as damage:
                self.damaged(damage)
                due = None
        if due and self.bridge(due[0]) < upto:
            self.damaged(Damage(due[0], "no segment begins here"))

    def segment(self, segment, upto):
        """Gives the segment's records; returns what is due in the next header, as far as it is known."""
        at = start = segment.base
        group, ids, payload_bytes, groups, times, table, whole = [], [], 0, 0, [], {}, True
        whole = not any(segment.base <= begin < segment.end() and older for begin, _, older in self.holes)
        while at < upto:
            if at == start and self.bridge(at) > at:
                at = start = self.bridge(at)
                continue
            if at >= segment.end() and at > segment.base:
                return (at,)
            try:
                kind, words, body, end = segment.frame(at)
                if kind is RECORD:
                    group.append((at, words, body))
                elif kind == COMMIT:
                    batch, safe, time, count, _ = struct.unpack("<QQqII", words)
                    if (batch, count) != (start, len(group)) or safe > start:
                        raise Damage(start, "the commit frame at %d is of another group" % at)
                    if end > upto:
                        return None
                    ids += [each[1] for each in group]
                    payload_bytes += sum(len(each[2]) for each in group)
                    groups, times = groups + 1, [*times[:1], time]
                    table.setdefault((start - segment.base) // STRIDE, start - segment.base)
                    self.found["groups"] += 1
                    yield from group
                    start, group = end, []
                elif kind == SEAL:
                    chain = blake3(segment.chain + b"".join(ids))
                    count = len(body) // 8 - 14
                    if start != at or end != segment.end() or count < 0 or len(body) != 112 + 8 * count:
                        raise Damage(at, "place or length of the seal")
                    term = struct.unpack_from("<Q", body, 80)[0]
                    said = struct.pack("<QQQQqq32sQII", at, len(ids), groups, payload_bytes, *(times or (0, 0))[:1],
                                       *(times or (0, 0))[-1:], chain, term, STRIDE, len(table))
                    said += struct.pack("<%dQ" % len(table), *table.values()) + struct.pack("<Q8s", end - at, b"annalsSL")
                    if term < segment.term or (whole and said != body):
                        raise Damage(at, "fields of the seal")
                    self.found["seals"] += 1
                    began = segment.began if term == segment.term else end
                    return (end, segment.log, term, began, *((segment.records + len(ids), chain) if whole else ()))
                elif kind == AUDIT and len(body) == 64 and struct.unpack_from("<Q", body)[0] == 1:
                    self.found["cuts"] += 1
                elif kind == AUDIT and struct.unpack_from("<Q", body)[0] == 2:
                    if len(body) != 32 + 48 * sum(struct.unpack_from("<QQ", body, 16)):
                        raise Damage(at, "length of what is said of a salvage")
                    self.found["salvages"] += 1
                at = end
            except Damage as damage:  # none of the group is served: the damage begins with it
                self.damaged(Damage(start, "frame at %d: %s" % damage.args))
                whole, group = False, []
                hole = min((begin for begin, end, _ in self.holes if begin > start and end > begin), default=None)
                at = segment.behind(damage.args[0])
                at = start = hole if at is None or (hole is not None and hole < at) else at
                if at is None:
                    return None
        return (at,)


def main(arguments):
    if len(arguments) not in (1, 2) or arguments[1:] not in ([], ["--check"]):
        raise Refused(2, "usage: reader.py DATA_DIR [--check]")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    journal = Journal(arguments[0])
    undecodable = 0
    for offset, identity, payload in journal.records():
        journal.found["records"] += 1
        try:
            form = record(payload)
        except ValueError as error:
            kind = payload[0] if payload else None
            form = {"type": "undecodable", "number": kind, "reason": str(error), "payload": payload.hex()}
            undecodable += 1
        if not arguments[1:]:
            print(line({"id": identity.hex(), "offset": offset, **form}))
    if arguments[1:]:
        print(json.dumps({**journal.found, "undecodable": undecodable}))
    return 4 if journal.found["damaged"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Refused as refusal:
        print("reader.py: %s" % refusal.args[1], file=sys.stderr)
        sys.exit(refusal.args[0])

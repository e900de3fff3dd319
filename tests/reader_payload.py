"""What a record's payload says, as docs/payload.md tells it, in the form of docs/json.md. Part of reader.py.

    payload -> read by the tables of payload.md -> written again, the same bytes must come out -> JSON form

`record(payload)` gives the JSON form as a dict; ValueError if the bytes are not the one form of a record. What a
record may hold (lengths, control characters, ranges) is not checked. A record of the application's is
{"type":"application","number":its type,"payload":hex digits}.
"""
import json
import re
import struct


# ---- The pieces -----------------------------------------------------------------------------------------------------
# Each has a size, an alignment, `read(payload, at)`, and `lay(value, out)`: that appends to `out` what the value needs
# outside, and returns a function from the place of the piece to its own bytes.
class Number:
    def __init__(self, code, align=None):
        self.form = struct.Struct("<" + code)
        self.size, self.align = self.form.size, align or self.form.size

    def read(self, payload, at):
        return self.form.unpack_from(payload, at)[0]

    def lay(self, value, out):
        return lambda at: self.form.pack(value)


class Text:
    size, align = 8, 4

    def read(self, payload, at):
        if payload[at] >> 6 != 0b10:
            return payload[at:at + 8].split(b"\xff")[0].decode()
        spread, place = struct.unpack_from("<Ii", payload, at)
        begin = at + place
        return payload[begin:begin + (spread & 0x3F | spread >> 8 << 6)].decode()

    def lay(self, value, out):
        text, begin = value.encode(), len(out)
        if len(text) <= 8:
            return lambda at: text.ljust(8, b"\xff")
        out += text
        return lambda at: struct.pack("<Ii", len(text) & 0x3F | 0x80 | len(text) >> 6 << 8, begin - at)


class List:
    size, align = 8, 4

    def __init__(self, entry):
        self.entry = entry

    def read(self, payload, at):
        place, count = struct.unpack_from("<iI", payload, at)
        return [self.entry.read(payload, at + place + i * self.entry.size) for i in range(count)]

    def lay(self, value, out):
        entries = [self.entry.lay(each, out) for each in value]
        out += bytes(-len(out) % self.entry.align)
        begin = len(out)
        for entry in entries:
            out += entry(len(out))
        return lambda at: struct.pack("<iI", begin - at, len(value))


class Option:
    def __init__(self, some):
        self.some, self.align, self.size = some, some.align, some.align + some.size

    def read(self, payload, at):
        return (None, self.some.read(payload, at + self.align))[payload[at]] if payload[at] else None

    def lay(self, value, out):
        if value is None:
            return lambda at: bytes(self.size)
        some = self.some.lay(value, out)
        return lambda at: b"\1".ljust(self.align, b"\0") + some(at + self.align)


class Fields:
    """Pieces at their places. Read as a dict."""

    def __init__(self, size, align, **fields):
        self.size, self.align, self.fields = size, align, fields

    def read(self, payload, at):
        return {name: piece.read(payload, at + place) for name, (place, piece) in self.fields.items()}

    def lay(self, value, out):
        laid = [(place, piece.lay(value[name], out)) for name, (place, piece) in self.fields.items()]

        def own_bytes(at):
            whole = bytearray(self.size)
            for place, piece in laid:
                part = piece(at + place)
                whole[place:place + len(part)] = part
            return whole

        return own_bytes


class Value:
    """Byte 0 says which fields follow. Read as a dict with `kind`."""

    size, align = 40, 8

    def __init__(self, *kinds):
        self.kinds = [Fields(self.size, self.align, kind=(0, BYTE), **fields) for fields in kinds]

    def read(self, payload, at):
        return self.kinds[payload[at]].read(payload, at)

    def lay(self, value, out):
        return self.kinds[value["kind"]].lay(value, out)


BYTE, U32, U64, I64, ID, TEXT = Number("B"), Number("I"), Number("Q"), Number("q"), Number("32s", 1), Text()
TIME = Fields(16, 8, micros=(0, I64), meant=(8, BYTE))
INTERVAL = Fields(48, 8, start=(0, Option(TIME)), until=(24, Option(TIME)))
VALUE = Value(
    dict(entity=(4, TEXT)), dict(text=(4, TEXT), language=(12, Option(TEXT))), dict(truth=(1, BYTE)), dict(int=(8, I64)),
    dict(decimal=(4, TEXT)), dict(bits=(8, U64)), dict(time=(8, TIME)), dict(amount=(4, TEXT), unit=(12, TEXT)),
    dict(bytes=(4, List(BYTE))), dict(assertion=(1, ID)), {}, {})
QUALIFIER = Fields(48, 8, key=(0, TEXT), value=(8, VALUE))
KIND_AND_ID = Fields(33, 1, kind=(0, BYTE), id=(1, ID))
ASSERTION = Fields(
    216, 8, subject=(0, TEXT), predicate=(8, TEXT), object=(16, VALUE), polarity=(56, BYTE),
    qualifiers=(60, List(QUALIFIER)), valid=(72, Option(INTERVAL)), confidence=(128, Option(U32)),
    sources=(136, List(TEXT)), links=(144, List(KIND_AND_ID)), epoch=(152, Option(ID)), agent=(188, Option(TEXT)),
    authored_at=(200, Option(I64)))
VOTE = Fields(
    120, 8, assertion=(0, ID), voter=(32, TEXT), stance=(40, BYTE), weight=(44, U32), seq=(48, U64),
    reason=(56, Option(TEXT)), epoch=(68, Option(ID)), cast_at=(104, Option(I64)))
EPOCH = Fields(
    112, 8, name=(0, TEXT), description=(8, Option(TEXT)), supersedes=(20, List(KIND_AND_ID)),
    starts=(32, Option(TIME)), ends=(56, Option(TIME)), author=(80, Option(TEXT)), authored_at=(96, Option(I64)))


# ---- The JSON form --------------------------------------------------------------------------------------------------
class Bare(str):
    """The digits of a number, written as they are."""


def line(form):
    """One line of JSON; like `json.dumps`, but it knows `Bare`."""
    if isinstance(form, Bare):
        return form
    if isinstance(form, dict):
        return "{%s}" % ",".join("%s:%s" % (line(key), line(value)) for key, value in form.items())
    if isinstance(form, list):
        return "[%s]" % ",".join(map(line, form))
    written = json.dumps(form, ensure_ascii=False)
    return re.sub("[\x7f-\x9f]", lambda control: "\\u%04x" % ord(control[0]), written)


def ppm(parts):
    whole, fraction = divmod(parts, 1_000_000)
    return Bare("%d.%s" % (whole, ("%06d" % fraction).rstrip("0") or "0"))


def time(micros, meant):
    """`meant`: 0 year to 6 microsecond. Years of the proleptic Gregorian calendar begin with March here."""
    seconds, micros = divmod(micros, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year, month = year + 400 * era + month // 10, (month + 2) % 12
    clock = (seconds // 3600, seconds // 60 % 60, seconds % 60, micros)
    whole = "%s%04d-%02d-%02dT%02d:%02d:%02d.%06dZ" % ("-" if year < 0 else "", abs(year), month + 1, day + 1, *clock)
    rest = whole[-(23, 20, 17, 11, 8, 4, 1)[meant]:]
    if not "-01-01T00:00:00.000000Z".endswith(rest):
        raise ValueError("%s is not the beginning of what is meant" % whole)
    return whole[:-len(rest)] + ("Z" if meant > 2 else "")


def instant(micros):
    return time(micros, 4 if micros % 1_000_000 == 0 else 5 if micros % 1_000 == 0 else 6)


def floating(bits):
    number = struct.unpack("<d", struct.pack("<Q", bits))[0]
    if number != number and bits != 0x7FF8000000000000:
        raise ValueError("a float that is not a number in other bits than 7ff8000000000000")
    digits = repr(number)
    return {"float": {"nan": "NaN"}.get(digits, digits) if digits[-1] in "nf" else Bare(digits.replace("e+", "e"))}


def decimal(digits):
    bare = "." in digits and sum(map(str.isdigit, digits)) <= 15
    return Bare(digits) if bare else {"decimal": digits}


VALUE_FORMS = (
    lambda v: {"entity": v["entity"]},
    lambda v: v["text"] if v["language"] is None else {"text": v["text"], "language": v["language"]},
    lambda v: (False, True)[v["truth"]],
    lambda v: v["int"],
    lambda v: decimal(v["decimal"]),
    lambda v: floating(v["bits"]),
    lambda v: {"time": time(**v["time"])},
    lambda v: {"quantity": v["amount"], "unit": v["unit"]},
    lambda v: {"bytes": bytes(v["bytes"]).hex()},
    lambda v: {"assertion": v["assertion"].hex()},
    lambda v: {"some": True},
    lambda v: {"none": True},
)


def value(v):
    return VALUE_FORMS[v["kind"]](v)


def one_or_list(forms):
    return forms[0] if len(forms) == 1 else forms or None


def assertion(r):
    qualifiers = {}
    for qualifier in r["qualifiers"]:
        qualifiers.setdefault(qualifier["key"], []).append(value(qualifier["value"]))
    links = [[link["id"].hex() for link in r["links"] if link["kind"] == kind] for kind in range(4)]
    ends = (("from", r["valid"]["start"]), ("until", r["valid"]["until"])) if r["valid"] else ()
    return {
        "subject": r["subject"], "predicate": r["predicate"], "object": value(r["object"]),
        "polarity": (None, "deny")[r["polarity"]],
        "confidence": None if r["confidence"] is None else ppm(r["confidence"]),
        "source": r["sources"][0] if len(r["sources"]) == 1 else None,
        "sources": r["sources"] if len(r["sources"]) > 1 else None,
        "agent": r["agent"], "epoch": r["epoch"] and r["epoch"].hex(),
        "qualifiers": {key: one_or_list(values) for key, values in qualifiers.items()} or None,
        "valid": {end: time(**moment) for end, moment in ends if moment} if r["valid"] else None,
        "supersedes": one_or_list(links[0]), "corrects": one_or_list(links[1]), "retracts": one_or_list(links[2]),
        "derived_from": one_or_list(links[3]),
        "authored_at": None if r["authored_at"] is None else instant(r["authored_at"])}


def vote(r):
    return {
        "assertion": r["assertion"].hex(), "voter": r["voter"], "stance": (-1, 0, 1)[r["stance"]],
        "weight": ppm(r["weight"]), "seq": r["seq"], "reason": r["reason"], "epoch": r["epoch"] and r["epoch"].hex(),
        "cast_at": None if r["cast_at"] is None else instant(r["cast_at"])}


def epoch(r):
    supersedes = [(s["id"].hex(), {"refines": s["id"].hex()}, {"extends": s["id"].hex()})[s["kind"]]
                  for s in r["supersedes"]]
    return {
        "name": r["name"], "description": r["description"], "supersedes": one_or_list(supersedes),
        "starts": r["starts"] and time(**r["starts"]), "ends": r["ends"] and time(**r["ends"]), "author": r["author"],
        "authored_at": None if r["authored_at"] is None else instant(r["authored_at"])}


# ---- The payload ----------------------------------------------------------------------------------------------------
ROOTS = (("assertion", ASSERTION, assertion), ("vote", VOTE, vote), ("epoch", EPOCH, epoch))


def in_order(list_of, key):
    keys = list(map(key, list_of))
    if any(not a < b for a, b in zip(keys, keys[1:])):
        raise ValueError("qualifiers, links or supersessions are not in their order")


def qualifier_order(qualifier):
    v = dict(qualifier["value"])
    kind = v.pop("kind")
    parts = ((p is not None, p or "") if name == "language" else p for name, p in v.items())
    parts = (tuple(part.values()) if isinstance(part, dict) else part for part in parts)
    return (qualifier["key"].encode(), kind, *(p.encode() if isinstance(p, str) else p for p in parts))


def record(payload):
    if not payload:
        raise ValueError("an empty payload")
    if payload[0] >= 128:
        return {"type": "application", "number": payload[0], "payload": payload.hex()}
    if payload[0] >= len(ROOTS):
        raise ValueError("a reserved type")
    name, root, form = ROOTS[payload[0]]
    if any(payload[1:8]) or len(payload) < 8 + root.size or len(payload) > 1 << 20:
        raise ValueError("version, flags, or length of the payload")
    try:
        fields = root.read(payload, len(payload) - root.size)
        out = bytearray(payload[:8])
        own_bytes = root.lay(fields, out)
        out += bytes(-len(out) % 8)
        out += own_bytes(len(out))
        form = form(fields)
    except (struct.error, LookupError) as error:
        raise ValueError("no %s: %s" % (name, error)) from error
    if out != payload:
        raise ValueError("not the one form of this %s" % name)
    in_order(fields.get("qualifiers", ()), qualifier_order)
    in_order(fields.get("links", fields.get("supersedes", ())), lambda entry: (entry["kind"], entry["id"]))
    if len(set(fields.get("sources", ()))) < len(fields.get("sources", ())):
        raise ValueError("a source stands twice")
    return {"type": name, **{key: value for key, value in form.items() if value is not None}}

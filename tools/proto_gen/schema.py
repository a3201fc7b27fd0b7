"""Reads src/desk/proto/schema/*.json and refuses what the writers could not handle.

The schema is the source of truth of the wire protocol. It knows

    enums    named values
    records  named groups of fields
    errors   the table of refusals
    channels visitor and agent: commands (to the desk) and events (from it), one JSON object each
    http     bodies of requests and responses

and fields of these types:

    bool, int (min, max), time (ms since 1970), id (16 bytes in hex), secret (32 bytes in hex),
    text (min_chars, max_chars, not_blank), enum (of), error, record (of), list (of records, max)
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

# What JavaScript can count exactly (2^53 - 1).
MAX_INT = 9007199254740991

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
ATTRIBUTES = {
    "bool": set(), "int": {"min", "max"}, "time": set(), "id": set(), "secret": set(),
    "text": {"min_chars", "max_chars", "not_blank"}, "enum": {"of"}, "error": set(),
    "record": {"of"}, "list": {"of", "max"},
}
C_KEYWORDS = set("""auto break case char const continue default do double else enum extern float for goto if inline
int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile
while bool true false""".split())


class SchemaError(Exception):
    """Says where the schema is wrong."""


@dataclass
class Field:
    name: str
    type: str
    doc: str
    optional: bool = False
    of: str = ""
    min: int = 0
    max: int = MAX_INT
    not_blank: bool = False


@dataclass
class Record:
    """Fields with a name: a record, a command, an event or an HTTP body."""
    name: str
    doc: str
    fields: list[Field] = field(default_factory=list)


@dataclass
class Enum:
    name: str
    doc: str
    values: dict[str, str]


@dataclass
class Error:
    name: str
    text: str
    http: int


@dataclass
class Channel:
    name: str
    doc: str
    path: str
    subprotocol: str
    commands: list[Record]
    events: list[Record]


@dataclass
class Schema:
    doc: str
    errors_doc: str
    http_doc: str
    enums: list[Enum]
    records: list[Record]
    errors: list[Error]
    channels: list[Channel]
    requests: list[Record]
    responses: list[Record]

    def record(self, name: str) -> Record:
        return next(r for r in self.records if r.name == name)

    def enum(self, name: str) -> Enum:
        return next(e for e in self.enums if e.name == name)


def _keys(where: str, given: dict, needed: set, allowed: set = frozenset()) -> None:
    if needed - given.keys():
        raise SchemaError(f"{where}: without {', '.join(sorted(needed - given.keys()))}")
    if given.keys() - needed - allowed:
        raise SchemaError(f"{where}: unknown {', '.join(sorted(given.keys() - needed - allowed))}")


def _name(where: str, name: str) -> str:
    if not NAME.match(name):
        raise SchemaError(f"{where}: {name!r} is not a lower_case name")
    return name


def _field(where: str, name: str, raw: dict) -> Field:
    where = f"{where}.{_name(where, name)}"
    if name in C_KEYWORDS or name in ("type", "ref") or name.startswith("has_") or name.endswith("_count"):
        raise SchemaError(f"{where}: the name is taken")
    kind = raw.get("type")
    if kind not in ATTRIBUTES:
        raise SchemaError(f"{where}: unknown type {kind!r}")
    _keys(where, raw, {"type", "doc"}, ATTRIBUTES[kind] | {"optional"})
    f = Field(name, kind, raw["doc"], raw.get("optional", False), raw.get("of", ""))
    if kind == "text":
        _keys(where, raw, {"max_chars"}, raw.keys())
        f.min, f.max, f.not_blank = raw.get("min_chars", 0), raw["max_chars"], raw.get("not_blank", False)
    elif kind == "list":
        _keys(where, raw, {"max"}, raw.keys())
        f.max = raw["max"]
        if f.optional:
            raise SchemaError(f"{where}: a list is never optional, it may be empty")
    elif kind == "int":
        f.min, f.max = raw.get("min", 0), raw.get("max", MAX_INT)
    if not 0 <= f.min <= f.max <= MAX_INT:
        raise SchemaError(f"{where}: bad range")
    return f


def _records(where: str, raw: dict) -> list[Record]:
    records = []
    for name, r in raw.items():
        _keys(f"{where}.{_name(where, name)}", r, {"doc", "fields"})
        records.append(Record(name, r["doc"], [_field(f"{where}.{name}", n, f) for n, f in r["fields"].items()]))
    return records


def _order(records: list[Record]) -> list[Record]:
    """Those that others hold come first; none holds itself."""
    done: dict[str, Record] = {}
    left = list(records)
    while left:
        ready = [r for r in left if all(f.of in done for f in r.fields if f.type in ("record", "list"))]
        if not ready:
            raise SchemaError(f"records hold each other or unknown ones: {', '.join(r.name for r in left)}")
        for r in ready:
            done[r.name] = r
            left.remove(r)
    return list(done.values())


def _check_references(schema: Schema) -> None:
    enums = {e.name for e in schema.enums}
    records = {r.name for r in schema.records}
    groups = [schema.records, schema.requests, schema.responses]
    groups += [g for c in schema.channels for g in (c.commands, c.events)]
    for r in (r for g in groups for r in g):
        for f in r.fields:
            known = enums if f.type == "enum" else records
            if f.type in ("enum", "record", "list") and f.of not in known:
                raise SchemaError(f"{r.name}.{f.name}: unknown {f.type} {f.of!r}")


def load(folder: Path) -> Schema:
    """Raises SchemaError, OSError or ValueError."""
    raw = {n: json.loads((folder / f"{n}.json").read_text("utf-8"))
           for n in ("types", "errors", "visitor", "agent", "http")}
    _keys("types", raw["types"], {"doc", "enums", "records"})
    _keys("errors", raw["errors"], {"doc", "errors"})
    _keys("http", raw["http"], {"doc", "requests", "responses"})
    channels = []
    for name in ("visitor", "agent"):
        c = raw[name]
        _keys(name, c, {"doc", "path", "subprotocol", "commands", "events"})
        channels.append(Channel(name, c["doc"], c["path"], c["subprotocol"],
                                _records(f"{name}.commands", c["commands"]), _records(f"{name}.events", c["events"])))
    enums = []
    for name, e in raw["types"]["enums"].items():
        _keys(f"enum {name}", e, {"doc", "values"})
        enums.append(Enum(_name("enums", name), e["doc"], {_name(name, v): d for v, d in e["values"].items()}))
    errors = []
    for name, e in raw["errors"]["errors"].items():
        _keys(f"error {name}", e, {"text", "http"})
        errors.append(Error(_name("errors", name), e["text"], e["http"]))
    schema = Schema(raw["types"]["doc"], raw["errors"]["doc"], raw["http"]["doc"], enums,
                    _order(_records("records", raw["types"]["records"])), errors, channels,
                    _records("requests", raw["http"]["requests"]), _records("responses", raw["http"]["responses"]))
    _check_references(schema)
    return schema

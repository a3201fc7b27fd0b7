"""Writes the C side that turns plain values from and into JSON: prototypes, tables, wrappers, names."""
from __future__ import annotations

from .blank import RANGES
from .c_types import HEAD, bodies, upper
from .schema import Channel, Field, Record, Schema


def codecs(schema: Schema) -> list[tuple[str, bool]]:
    """Every struct that stands alone on the wire, and whether it is the clients' side that sends it."""
    found = []
    for c in schema.channels:
        found += [(f"{c.name}_command", True), (f"{c.name}_event", False)]
    return found + [(name, name.endswith("_request")) for name, _ in bodies(schema)]


def decode_header(schema: Schema) -> str:
    out = HEAD + "#ifndef DESK_PROTO_GEN_DECODE_H\n#define DESK_PROTO_GEN_DECODE_H\n\n"
    out += "/* See desk/proto/decode.h, which includes this. */\n\n"
    for name, _ in codecs(schema):
        out += (f"BELL_NODISCARD bell_status {name}_decode(bell_slice json, struct bell_arena *arena,\n"
                f"    struct {name} *out, struct decode_failure *why);\n")
    return out + "\n#endif\n"


def encode_header(schema: Schema) -> str:
    out = HEAD + "#ifndef DESK_PROTO_GEN_ENCODE_H\n#define DESK_PROTO_GEN_ENCODE_H\n\n"
    out += "/* See desk/proto/encode.h, which includes this. */\n\n"
    for name, _ in codecs(schema):
        out += (f"BELL_NODISCARD bell_status {name}_encode(const struct {name} *value,\n"
                f"    struct bell_buf *out);\n")
    return out + "\n#endif\n"


def wrappers(schema: Schema) -> str:
    """The public functions: each knows its struct and its table."""
    out = HEAD + ('#include "desk/proto/decode.h"\n#include "desk/proto/encode.h"\n'
                  '#include "desk/proto/table.h"\n#include "desk/proto/walk.h"\n\n')
    tagged = {f"{c.name}_{d}" for c in schema.channels for d in ("command", "event")}
    for name, _ in codecs(schema):
        kind = "tagged" if name in tagged else "body"
        out += (f"bell_status {name}_decode(bell_slice json, struct bell_arena *arena,\n"
                f"    struct {name} *out, struct decode_failure *why)\n{{\n"
                f"    return proto_{kind}_decode(&PROTO_{upper(name)}, json, arena, out, why);\n}}\n\n"
                f"bell_status {name}_encode(const struct {name} *value, struct bell_buf *out)\n{{\n"
                f"    return proto_{kind}_encode(&PROTO_{upper(name)}, value, out);\n}}\n\n")
    return out.rstrip("\n") + "\n"


def names_source(schema: Schema) -> str:
    out = HEAD + '#include "desk/proto/table.h"\n#include "desk/proto/types.h"\n#include "desk/proto/walk.h"\n\n'
    tables = [(e.name, list(e.values), 0) for e in schema.enums]
    tables.append(("desk_error", [""] + [e.name for e in schema.errors], 1))
    for name, values, first in tables:
        const = upper(name)
        out += f"static const bell_slice {const}_NAMES[] = {{\n"
        out += "".join(f'    {{"{v}", {len(v)}}},\n' for v in values) + "};\n"
        out += f"const struct proto_names PROTO_{const} = {{{const}_NAMES, {first}, {len(values)}}};\n"
        out += (f"bell_slice {name}_name(enum {name} value)\n{{\n"
                f"    return proto_name(&PROTO_{const}, (unsigned)value);\n}}\n"
                f"bool {name}_from_name(bell_slice name, enum {name} *out)\n{{\n"
                f"    unsigned value;\n    if (!proto_from_name(&PROTO_{const}, name, &value)) {{\n        return false;\n    }}\n"
                f"    *out = (enum {name})value;\n    return true;\n}}\n\n")
    out += "static const bell_slice ERROR_TEXTS[] = {\n    {\"\", 0},\n"
    out += "".join(f'    {{"{e.text}", {len(e.text.encode())}}},\n' for e in schema.errors) + "};\n"
    out += "static const uint16_t ERROR_STATUSES[] = {200, " + ", ".join(str(e.http) for e in schema.errors) + "};\n\n"
    out += ("bell_slice desk_error_text(enum desk_error error)\n{\n"
            "    return (size_t)error < PROTO_DESK_ERROR.end ? ERROR_TEXTS[error] : ERROR_TEXTS[0];\n}\n\n"
            "uint16_t desk_error_http_status(enum desk_error error)\n{\n"
            "    return (size_t)error < PROTO_DESK_ERROR.end ? ERROR_STATUSES[error] : 500;\n}\n\n")
    out += "const struct proto_range PROTO_BLANK_RANGES[] = {\n"
    out += "".join(f"    {{0x{a:04x}, 0x{b:04x}}},\n" for a, b in RANGES) + "};\n"
    return out + f"const size_t PROTO_BLANK_RANGE_COUNT = {len(RANGES)};\n"


def _field_row(struct: str, f: Field) -> str:
    kind = "ENUM" if f.type == "error" else upper(f.type)
    beside = "0"
    if f.type == "list":
        beside = f"offsetof(struct {struct}, {f.name}_count)"
    elif f.optional and f.type != "text":
        beside = f"offsetof(struct {struct}, has_{f.name})"
    names = f"&PROTO_{upper(f.of)}" if f.type == "enum" else "&PROTO_DESK_ERROR" if f.type == "error" else "NULL"
    record = f"&PROTO_{upper(f.of)}" if f.type in ("record", "list") else "NULL"
    flags = f"{str(f.optional).lower()}, {str(f.not_blank).lower()}"
    return (f'    {{{{",\\"{f.name}\\":", {len(f.name) + 4}}}, PROTO_{kind}, {flags}, '
            f"offsetof(struct {struct}, {f.name}), {beside}, INT64_C({f.min}), INT64_C({f.max}), {names}, {record}}},\n")


def _fields(struct: str, r: Record) -> str:
    if not r.fields:
        return ""
    rows = "".join(_field_row(struct, f) for f in r.fields)
    return f"static const struct proto_field {upper(struct)}_FIELDS[] = {{\n{rows}}};\n"


def _record(struct: str, r: Record) -> str:
    fields = f"{upper(struct)}_FIELDS, {len(r.fields)}" if r.fields else "NULL, 0"
    return f"{{{fields}, sizeof(struct {struct})}}"


def _limits(is_from_client: bool) -> str:
    return "COMMAND_MAX_BYTES, COMMAND_MAX_VALUES" if is_from_client else "EVENT_MAX_BYTES, SIZE_MAX"


def _tagged_table(c: Channel, direction: str, members: list[Record]) -> str:
    name = f"{c.name}_{direction}"
    out = "".join(_fields(f"{name}_{m.name}", m) for m in members)
    out += f"static const struct proto_member {upper(name)}_MEMBERS[] = {{\n"
    out += "".join(f'    {{{{"{m.name}", {len(m.name)}}}, {_record(f"{name}_{m.name}", m)}}},\n' for m in members) + "};\n"
    limit = _limits(direction == "command")
    at = ", ".join(f"offsetof(struct {name}, {m})" for m in ("type", "has_ref", "ref", "u"))
    return out + (f"const struct proto_tagged PROTO_{upper(name)} = {{{upper(name)}_MEMBERS, {len(members)}, sizeof(struct {name}),\n"
                  f"    {at}, {limit}}};\n\n")


def tables_header(schema: Schema) -> str:
    out = HEAD + "#ifndef DESK_PROTO_GEN_TABLES_H\n#define DESK_PROTO_GEN_TABLES_H\n\n"
    for e in schema.enums:
        out += f"extern const struct proto_names PROTO_{upper(e.name)};\n"
    out += "extern const struct proto_names PROTO_DESK_ERROR;\n"
    for r in schema.records:
        out += f"extern const struct proto_record PROTO_{upper(r.name)};\n"
    for c in schema.channels:
        for d in ("COMMAND", "EVENT"):
            out += f"extern const struct proto_tagged PROTO_{upper(c.name)}_{d};\n"
    for name, _ in bodies(schema):
        out += f"extern const struct proto_body PROTO_{upper(name)};\n"
    return out + "\n#endif\n"


def tables_source(schema: Schema) -> str:
    out = HEAD + '#include "desk/proto/table.h"\n\n#include "desk/proto/decode.h"\n\n#include <stddef.h>\n\n'
    out += "/* The walkers read and write enums as unsigned. */\n"
    for name in [e.name for e in schema.enums] + ["desk_error"]:
        out += f'_Static_assert(sizeof(enum {name}) == sizeof(unsigned), "an enum is an unsigned");\n'
    out += "\n"
    for r in schema.records:
        out += _fields(r.name, r)
        out += f"const struct proto_record PROTO_{upper(r.name)} = {_record(r.name, r)};\n\n"
    for c in schema.channels:
        out += _tagged_table(c, "command", c.commands) + _tagged_table(c, "event", c.events)
    for name, r in bodies(schema):
        limit = _limits(name.endswith("_request"))
        out += _fields(name, r)
        out += f"const struct proto_body PROTO_{upper(name)} = {{{_record(name, r)}, {limit}}};\n\n"
    return out.rstrip("\n") + "\n"

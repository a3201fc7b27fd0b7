"""Writes the C side that turns plain values from and into JSON: prototypes, tables, wrappers, names."""
from __future__ import annotations

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

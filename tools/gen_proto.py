#!/usr/bin/env python3
"""Makes everything that follows from src/desk/proto/schema/*.json.

    tools/gen_proto.py           writes the files that have changed
    tools/gen_proto.py --check   writes nothing; exit status 1 when a file is not up to date

Outputs: src/desk/proto/gen (C), web/protocol/src/gen (TypeScript), docs/protocol.md.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).resolve().parent))

from proto_gen import c_codec, c_types, docs, typescript  # noqa: E402
from proto_gen.schema import Schema, SchemaError, load  # noqa: E402


def outputs(schema: Schema) -> dict[str, str]:
    c = "src/desk/proto/gen"
    web = "web/protocol/src/gen"
    return {
        f"{c}/types.h": c_types.types_header(schema),
        f"{c}/decode.h": c_codec.decode_header(schema),
        f"{c}/encode.h": c_codec.encode_header(schema),
        f"{c}/tables.h": c_codec.tables_header(schema),
        f"{c}/tables.c": c_codec.tables_source(schema),
        f"{c}/codecs.c": c_codec.wrappers(schema),
        f"{c}/names.c": c_codec.names_source(schema),
        f"{web}/values.ts": typescript.values(schema),
        **{f"{web}/{ch.name}.ts": typescript.channel(ch) for ch in schema.channels},
        f"{web}/http.ts": typescript.http(schema),
        f"{web}/limits.ts": typescript.limits(schema),
        "docs/protocol.md": docs.reference(schema),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Generates the code and reference of the wire protocol.")
    parser.add_argument("--check", action="store_true", help="only say whether everything is up to date")
    args = parser.parse_args()
    try:
        schema = load(ROOT / "src/desk/proto/schema")
    except (SchemaError, OSError, ValueError) as e:
        print(f"gen_proto: {e}", file=sys.stderr)
        return 2
    stale = 0
    for name, text in outputs(schema).items():
        path = ROOT / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale += 1
        if args.check:
            print(f"gen_proto: {name} is not up to date: run tools/gen_proto.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {name}")
    return 1 if args.check and stale else 0


sys.exit(main())

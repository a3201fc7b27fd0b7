#!/usr/bin/env python3
"""Proves that each room of src includes only what it may, and reaches outside only by its rooms.

The build gives each room only the include paths of the rooms it may see; this check keeps the table
of who may see whom in one place, so that a meson.build which opens one door too many is noticed.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Room -> rooms it may include. Everybody may include itself and include/bell.
MAY = {
    "base": [],
    "bell/net": ["base"],
    "bell/http": ["base"],
    "bell/ws": ["base"],
    "bell/topic": ["base", "bell/net", "bell/ws"],
    "bell/server": ["base", "bell/net", "bell/http", "bell/ws", "bell/topic"],
    "desk/config": ["base"],
    "desk/proto": ["base"],
    "desk/store": ["base", "desk/proto"],
    "desk/domain": ["base", "desk/proto", "desk/store"],
    "desk/bus": ["base", "desk/proto", "desk/domain"],
    "desk/work": ["base", "desk/proto", "desk/store", "desk/domain", "desk/bus"],
    "desk/gateway": ["base", "desk/proto", "desk/bus", "desk/work", "desk/domain", "desk/config"],
    "desk/api": ["base", "desk/proto", "desk/bus", "desk/work", "desk/domain", "desk/config",
                 "desk/gateway"],
    "cli": ["base", "desk/config", "desk/proto", "desk/store", "desk/domain", "desk/bus", "desk/work",
            "desk/gateway", "desk/api"],
}
# Of proto and store the rules see only plain structs, what is said of texts, and queries.
ONLY_HEADERS = {("desk/domain", "desk/proto"): ["desk/proto/types.h", "desk/proto/text.h"],
                ("desk/store", "desk/proto"): ["desk/proto/types.h"]}
# A library (a header, or a folder of them) may be included only here: the adapter keeps it from the rest.
LIBRARIES = {
    "sqlite3.h": ["desk/store"],
    "jansson.h": ["desk/proto"],
    "zlib.h": ["bell/ws"],
    "openssl/": ["bell/net"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.MULTILINE)


def room_of(path: str):
    """The room that a path below src or an include belongs to; None when to none."""
    for room in sorted(MAY, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    return None


def problems_of(file: pathlib.Path):
    inside = file.relative_to(ROOT / "src").as_posix()
    room = room_of(inside)
    if room is None:
        yield f"{inside}: is in no room"
        return
    for quote, name in INCLUDE.findall(file.read_text(encoding="utf-8")):
        library = name[:name.find("/") + 1] or name
        if library in LIBRARIES and room not in LIBRARIES[library]:
            yield f"{inside}: {name} belongs to {', '.join(LIBRARIES[library])}"
        if quote == "<":
            continue
        if ".." in name.split("/"):
            yield f"{inside}: {name}: an include is a path from src"
        elif name.startswith("bell/") and (ROOT / "include" / name).exists():
            pass
        elif name == "version.h" or not (ROOT / "src" / name).exists():
            pass  # Made by the build.
        else:
            target = room_of(name)
            if target != room and target not in MAY[room]:
                yield f"{inside}: {room} may not include {name}"
            elif (room, target) in ONLY_HEADERS and name not in ONLY_HEADERS[(room, target)]:
                yield f"{inside}: of {target} {room} may include only {', '.join(ONLY_HEADERS[(room, target)])}"


def public_problems():
    for file in sorted((ROOT / "include").rglob("*.h")):
        for quote, name in INCLUDE.findall(file.read_text(encoding="utf-8")):
            if quote == '"' and not (ROOT / "include" / name).exists():
                yield f"{file.relative_to(ROOT)}: a public header includes {name}"
    for file in sorted((ROOT / "examples").rglob("*.c")):
        for quote, name in INCLUDE.findall(file.read_text(encoding="utf-8")):
            if quote == '"' and not (ROOT / "include" / name).exists():
                yield f"{file.relative_to(ROOT)}: an example uses only public headers, not {name}"


def main() -> int:
    problems = []
    for file in sorted((ROOT / "src").rglob("*.[ch]")):
        problems += problems_of(file)
    problems += public_problems()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
